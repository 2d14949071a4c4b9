"""Pages in Chinese: every sentence of ours is in the catalogue, and nothing of a run's data is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import madeexplained
import pytest
import yaml
from madeaudited import Made, make_audited_run, make_labelled_audited_run
from madecompared import Answers, make_answering_run
from madereviewed import as_model, as_reference, review_of, subject_of, written
from madeup import HOSTILE, Story, make_run

import automed.report.language
from automed.pipeline import compare, import_reviews
from automed.report import pages
from automed.report.facts import Facts, gather
from automed.report.language import catalogue
from automed.report.language.message import places
from automed.report.language.names import data_of
from automed.report.language.translate import missing, translate
from automed.run import Run

# What the fixtures make up in place of a stage's own words.
MADE_UP = re.compile(r"^(It suits|Something was measured|What \w+ does not show)\.$|^figure of |^another figure$")
SMALL = Story(finalists=1, trials=3, examples=4)
HAN = re.compile(r"[\u4e00-\u9fff]")
ENTRIES = [(section, *pair) for section, entries in catalogue.read("zh").items() for pair in entries.items()]
FILE = Path(automed.report.language.__file__).parent / "zh.yaml"


def english(run: Run) -> Iterator[tuple[str, set[str]]]:
    """The pages of a run in English, each with what of it is data."""
    facts = gather(run)
    for candidate in facts.candidates:
        yield pages.report(facts, candidate), data_of(facts, candidate)
    yield pages.index(facts), data_of(facts)


def chinese(facts: Facts) -> Facts:
    """The same facts of a recipe that asks for Chinese."""
    return replace(facts, plan=replace(facts.plan, language="zh"))


def bare(folder: Path) -> Run:
    """A run of which only the recipe and the search are there."""
    run = make_run(folder, SMALL)
    for finalist in run.finalists():
        finalist.scores.unlink()
        finalist.examples.unlink()
    for file in (run.leaderboard, run.data):
        file.unlink()
    return run


KINDS = {
    "classes": lambda folder: make_run(folder, Story(trials=7, examples=6)),
    "audited": lambda folder: make_audited_run(folder),
    "labels": lambda folder: make_labelled_audited_run(folder),
    "ranks": lambda folder: make_audited_run(folder, task="ordinal"),
    "two classes": lambda folder: make_audited_run(
        folder, Story((("no", "Benign", False), ("yes", "Malignant", True)), 2, 4, examples=6)
    ),
    "twenty groups": lambda folder: make_audited_run(
        folder, None, Made(shares={"site": {f"g{k}": 0.05 for k in range(20)}}, hurt=("site", "g1"))
    ),
    "no attribute": lambda folder: make_audited_run(folder, None, Made(shares={})),
    "no harm": lambda folder: make_audited_run(folder, None, Made(harm=0, sharp=1)),
    "nothing done": bare,
    "no finalist": lambda folder: make_run(folder, replace(SMALL, finalists=0, status="failed")),
    "interrupted": lambda folder: make_run(
        folder, replace(SMALL, status="interrupted", intended_use="", phantom=False)
    ),
    "running": lambda folder: make_run(folder, replace(SMALL, status="running")),
    "image": lambda folder: madeexplained.made(folder, "image"),
    "signal": lambda folder: madeexplained.made(folder, "signal", verdicts=("undecided", "failed")),
    "table": lambda folder: madeexplained.made(folder, "tabular"),
    "text": lambda folder: madeexplained.made(folder, "text"),
    "two inputs": lambda folder: madeexplained.made(folder, "image", "tabular"),
}


SLOW = {"ranks", "two classes", "twenty groups", "no attribute", "no harm"}  # their audits take seconds


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS])
def test_every_sentence_of_a_page_is_in_the_catalogue(kind: str, tmp_path: Path) -> None:
    """What this names is to be added to automed/report/language/zh.yaml, its figures and names as places."""
    lost = [text for page, data in english(KINDS[kind](tmp_path / "run")) for text in missing(page, data=data)]
    assert [text for text in dict.fromkeys(lost) if not MADE_UP.search(text)] == []


def test_every_sentence_of_a_comparison_is_in_the_catalogue(tmp_path: Path) -> None:
    """Runs with the same test records, and with others."""
    answers = (
        Answers(skill=1.6, audited=True),
        Answers(skill=4.0, seed=1, shuffled=True, audited=True),
        Answers(skill=1.6, seed=2, fingerprint="cd" * 32),
    )
    runs = [make_answering_run(tmp_path / f"run-{k}", one) for k, one in enumerate(answers)]
    page = compare(runs, tmp_path / "comparison.html").page.read_text(encoding="utf-8")
    names = {f"run-{k}" for k in range(3)} | {"A", "B", "C", "A. CNN", "B. CNN", "C. CNN"}
    assert missing(page, data=names) == []


def test_every_sentence_of_reviews_is_in_the_catalogue(tmp_path: Path) -> None:
    """Readers who agree and who do not, with comments."""
    run = madeexplained.made(tmp_path / "run", "text", n=4)
    subject = subject_of(run)
    told = (("AB", "Look at this.", as_reference), ("CD", "", as_model), ("EF", "", as_reference))
    files = [
        written(tmp_path, review_of(subject, reader=reader, comment=comment, before=before), f"{reader}.json")
        for reader, comment, before in told
    ]
    import_reviews(run, files)
    lost = [text for page, data in english(run) for text in missing(page, data=data)]
    assert [text for text in lost if not MADE_UP.search(text)] == []


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """Facts of a run with everything; its recipe asks for English."""
    return gather(make_audited_run(tmp_path_factory.mktemp("audited") / "run"))


class Outline(HTMLParser):
    """Elements of a page in their order, with what must not change in any language."""

    KEPT = ("id", "class", "href", "src", "for", "name", "value", "type", "d", "points", "transform", "aria-labelledby")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"{tag} {[(k, v) for k, v in attrs if k in self.KEPT]}")


def test_elements_ids_and_addresses_stay(audited: Facts) -> None:
    """Within a line elements may move with the words; none is added, lost or changed."""
    facts = chinese(audited)
    for candidate, own in zip(facts.candidates, audited.candidates, strict=True):
        page = pages.report(facts, candidate)
        assert sorted(Outline(page).found) == sorted(Outline(pages.report(audited, own)).found)
        assert '<html lang="zh-Hans">' in page and 'lang="en"' not in page


def test_english_pages_do_not_pass_through_the_catalogue(audited: Facts) -> None:
    """Not a character of Chinese is on them, and they say that they are English."""
    for page in (pages.report(audited, audited.candidates[0]), pages.index(audited)):
        assert '<html lang="en">' in page and not HAN.search(page)


def test_a_name_is_never_translated_whatever_it_says(tmp_path: Path) -> None:
    """A class may be called as a heading is, or as a sentence of a page."""
    said = ("Threshold", "Not done.", "Sensitivity", "No candidate failed.")
    assert all(translate(f"<p>{name}</p>") != f"<p>{name}</p>" for name in said)
    classes = tuple((f"c{k}", name, False) for k, name in enumerate(said))
    facts = chinese(gather(make_run(tmp_path / "run", replace(SMALL, classes=classes))))
    page = pages.report(facts, facts.candidates[0])
    for name in said:
        assert f"<bdi>{name}</bdi>" in page
        assert re.search(rf"<text[^>]*>{re.escape(name)}</text>", page)


def test_a_value_of_the_recipe_keeps_its_words(audited: Facts) -> None:
    """Title, intended use and the choices of a candidate are data."""
    facts = chinese(audited)
    page = pages.report(facts, facts.candidates[0])
    assert "Second reader for dermoscopic images of adults; never the only reader." in page
    assert f"<bdi>{facts.title}</bdi>" in page
    assert re.search(r"<th scope=\"row\">mix</th><td>none</td>", page)


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    """What is harmless on the English page is harmless on the Chinese one."""
    odd = (*HOSTILE, "\U000f0000\U000f4000 <0>b</0> {n}", "was missed. Not done")
    classes = tuple((name, name, False) for name in odd)
    story = Story(classes, 1, 3, title=odd[0] + odd[1], intended_use=odd[2], examples=6, phantom=False)
    facts = gather(make_run(tmp_path / "run", story))
    before, after = (pages.report(told, told.candidates[0]) for told in (facts, chinese(facts)))
    assert "<script>alert" not in after
    # No name has become an element or an attribute; English that stayed is in spans of its own.
    assert sorted(one for one in Outline(after).found if one != "span []") == sorted(
        one for one in Outline(before).found if one != "span []"
    )


def test_what_is_not_in_the_catalogue_stays_english_and_says_so() -> None:
    """The sentences around it are translated; who hears the page hears it as English."""
    page = '<html lang="en"><p>Not done. Flarp the <b>quux</b> now! No candidate failed.</p></html>'
    assert translate(page) == (
        '<html lang="zh-Hans"><p>未做。<span lang="en">Flarp the <b>quux</b> now!</span> 没有候选模型失败。</p></html>'
    )
    assert missing(page) == ["Flarp the <0>quux</0> now!"]


def test_elements_move_with_the_words() -> None:
    """Figures and names stand where Chinese has them, with their elements."""
    page = translate(
        '<p>See <a href="#groups">groups of patients</a>. No record of <bdi>A &amp; B</bdi> was missed.</p>'
    )
    assert page == '<p>见<a href="#groups">患者亚组</a>。没有漏检 <bdi>A &amp; B</bdi> 的记录。</p>'


def test_scripts_say_what_they_say_in_chinese(audited: Facts) -> None:
    """Of their data only the messages change, and each keeps the places that the script fills."""
    facts = chinese(audited)
    blocks = [
        dict(re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, flags=re.DOTALL))
        for page in (pages.report(audited, audited.candidates[0]), pages.report(facts, facts.candidates[0]))
    ]
    before, after = ({name: json.loads(text) for name, text in found.items()} for found in blocks)
    for name, value in before.items():
        told, other = (value, after[name]) if name.endswith("messages") else (value.pop("text", {}), {})
        other = other or after[name].pop("text", {})
        if not name.endswith("messages"):
            assert value == after[name]
        for key, text in told.items():
            assert HAN.search(other[key]) or not re.search("[a-z]{2}", re.sub(r"\{\w+\}", "", text)), text
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", other[key]))


@pytest.mark.parametrize("section", catalogue.SECTIONS)
def test_both_sides_of_a_message_have_the_same_places(section: str) -> None:
    """None is lost on the way, and none is made up."""
    for where, text, other in ENTRIES:
        if where == section:
            assert set(places(text)) == set(places(other)), text


def test_no_message_is_in_a_section_twice() -> None:
    """YAML would silently take the last."""
    keys: dict[str, list[str]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if head := re.fullmatch(r"(\w+):", line):
            keys[head.group(1)] = []
        elif line.startswith('  "'):
            keys[list(keys)[-1]].append(line.partition('": ')[0])
    for found in keys.values():
        assert sorted(found) == sorted(set(found))


def test_a_message_with_few_words_of_its_own_holds_no_place_for_any_text() -> None:
    """Such a one would take whole sentences for a name."""
    for section, text, _ in ENTRIES:
        free = [name for name in re.findall(r"\{([a-z_]+)\}", text) if name != "n"]
        own = re.sub(r"\{[^}]*\}|<[^>]*>", "", text)
        if free and section in ("messages", "bdi"):
            assert len(re.findall("[A-Za-z]", own)) >= 8 or text == "automed {versions}", text


def test_a_message_made_of_others_costs_no_time() -> None:
    """A name may be made up of the words of messages: no way of reading it is tried again and again."""
    name = " against light (gap .75, in by for was taken for, wrong in .5 is" * 40
    # It would not end within the time that the whole suite has, were it tried in every way.
    page = translate(f"<p>{name}</p><p>Sensitivity for {name} by {name}, .1 in {name} against .2</p>")
    assert page.count("</p>") == 2


def test_a_page_of_three_megabytes_is_translated_to_its_end(audited: Facts) -> None:
    """Every copy of the body reads as the first does: nothing gives up on a long page."""
    page = pages.report(audited, audited.candidates[0])
    body = page[page.index("<main") : page.index("</main>")]
    while len(page) < 3_000_000:
        page = page.replace("</main>", f"{body}</main>", 1)
    again = translate(page, data=data_of(audited, audited.candidates[0]))
    copies = again[again.index("<main") : again.index("</main>")].split("<main")[1:]
    assert len(copies) > 2 and len({copy.partition(">")[2] for copy in copies}) == 1


def test_the_recipe_chooses_the_language(tmp_path: Path) -> None:
    """`report.language: zh` in recipe.yaml, and every page of the run is Chinese."""
    run = make_run(tmp_path / "run", SMALL)
    tree = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    tree["report"] = {"language": "zh"}
    run.recipe.write_text(yaml.safe_dump(tree), encoding="utf-8")
    for file in pages.render(run):
        if file.suffix == ".html":
            assert '<html lang="zh-Hans">' in file.read_text(encoding="utf-8")
