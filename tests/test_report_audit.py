"""Groups of patients on a page: verdicts, gaps, groups that are too small, what was tried, and the fair choice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from madeaudited import Made, choose, make_audited_run, make_labelled_audited_run
from madeup import (
    HOSTILE,
    SKIN,
    Page,
    Story,
    is_named_and_in_order,
    links_lead_somewhere,
    names_no_network,
    only_report,
    pages,
)

from automed.errors import RunError
from automed.recipe.evaluate import Audit
from automed.report import words
from automed.report.audit.mitigation import read_mitigation
from automed.report.audit.read import read_audit
from automed.report.cohort import read_cohort
from automed.report.facts import gather
from automed.run import Finalist, Run, write_json

FILES = ("audit", "mitigation")
SIGNS = {"beyond": "✗ beyond the limit", "within": "✓ within the limit", "undecided": "? undecided"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with two finalists, the first of them audited; its model knows one skin tone less well."""
    story = Story(finalists=2, trials=3, examples=2)
    return make_audited_run(tmp_path_factory.mktemp("audited") / "run", story, Made(files=FILES))


@pytest.fixture(scope="module")
def whole(audited: Run) -> list[Page]:
    """Its pages: the audited finalist, the other, the index."""
    return pages(audited)


@pytest.fixture(scope="module")
def told(audited: Run) -> dict[str, Any]:
    """Its audit.json."""
    document: dict[str, Any] = json.loads(first(audited).audit.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def copied(audited: Run, tmp_path: Path) -> Run:
    """The same run to be changed."""
    return Run(shutil.copytree(audited.folder, tmp_path / "run"))


def first(run: Run) -> Finalist:
    return run.finalists()[0]


def change(file: Path, edit: Callable[[Any], None]) -> None:
    """Another content in a JSON artefact."""
    document = json.loads(file.read_text(encoding="utf-8"))
    edit(document)
    write_json(file, document)


def groups(page: Page) -> str:
    """The text of the section on groups."""
    return page.text.split("Groups of patients")[-1].split("When the input is worse")[0]


def summary(page: Page) -> str:
    """The text at the top."""
    return page.text.split("Model facts")[2].split("Test scores")[0]


def sound(page: Page) -> None:
    """What every page keeps."""
    names_no_network(page)
    links_lead_somewhere(page)
    is_named_and_in_order(page)


# --- what it says ------------------------------------------------------------------------------------------------


def test_every_page_of_an_audited_run_is_sound(whole: list[Page]) -> None:
    """No network, anchors that lead somewhere, headings in order, tables and drawings with words."""
    for page in whole:
        sound(page)


def test_the_verdict_comes_first_and_a_gap_beyond_the_limit_is_in_the_summary(
    whole: list[Page], told: dict[str, Any]
) -> None:
    """In plain words, with the groups, the gap and its interval; each gap once."""
    assert told["verdict"] == "beyond" and any(gap["verdict"] == "beyond" for gap in told["gaps"])
    assert groups(whole[0]).strip().startswith(f"{SIGNS['beyond']} {told['sentence']}")
    text = summary(whole[0])
    assert "Beyond the limit:" in text and "by skin tone" in text and "in medium against" in text
    worst = next(gap for gap in told["gaps"] if (gap["division"], gap["kind"]) == ("skin_tone", "worst_group"))
    assert worst["verdict"] == "beyond", "the planted group"
    sides = [f"{words.decimal(worst[side]['value'])} in {worst[side]['group']}" for side in ("low", "high")]
    assert f"macro-F1 by skin tone, {' against '.join(sides)} (gap {words.decimal(worst['value'])}" in text


def test_every_gap_is_told_with_its_verdict(whole: list[Page], told: dict[str, Any]) -> None:
    """In the table and in its sentence; the one that does not count is marked so."""
    text = groups(whole[0])
    for word, sign in SIGNS.items():
        times = sum(gap["verdict"] == word for gap in told["gaps"])
        overall = told["verdict"] == word
        assert text.count(sign) == 2 * times + overall, word
    for gap in told["gaps"]:
        low, high = gap["ci95"]
        assert f"{words.decimal(gap['value'])} {words.span(low, high)}" in text
        assert gap["sentence"].partition(". ")[2] in text or gap["question"] is not None
    assert "Sensitivity for Melanoma" in text and " for mel is" not in text and " for mel:" not in text
    assert text.count("Share flagged ? undecided does not count") + text.count("does not count") > 3
    assert "would mostly have gone unseen" in text, "the smallest gap that could have been seen"


def test_groups_that_are_too_small_keep_their_row_with_the_reason(whole: list[Page], told: dict[str, Any]) -> None:
    """In the tables, and in the drawings' words."""
    small = [row for division in told["divisions"] for row in division["rows"] if not row["estimable"]]
    assert any(row["group"] == "very dark" for row in small)
    for row in small:
        share, why = words.percent(row["share"]), row["reason"].removeprefix("not estimable: ")
        line = f"{row['group']} {row['n']} {share} {row['patients']} not estimable {why}"
        assert " ".join(line.split()) in groups(whole[0]), line
    told_by = [drawing["aria-label"] for drawing in whole[0].all("svg")]
    forest = [one for one in told_by if one.startswith("Macro-F1 by skin tone: lowest in medium")]
    assert len(forest) == 2 and all("very dark." in one.partition("Not estimable: ")[2] for one in forest)
    assert any(one.startswith("Sensitivity for any urgent class by sex") for one in told_by)


def test_the_probe_and_every_figure_of_a_group_are_on_the_page(whole: list[Page], told: dict[str, Any]) -> None:
    """With the name of the attribute for people."""
    text = groups(whole[0])
    for division in told["divisions"]:
        if division["probe"]:
            sentence = division["probe"]["sentence"].replace("skin_tone", "skin tone")
            assert sentence in text
    row = next(row for row in told["divisions"][0]["rows"] if row["group"] == "female")
    for figure in (*row["figures"].values(), *(row["questions"]["mel"][key] for key in ("ppv", "auroc", "ece"))):
        assert f"{words.decimal(figure['value'])} {words.span(*figure['ci95'])}" in text


def test_methods_are_held_against_plain_training(whole: list[Page], audited: Run) -> None:
    """With the conclusion first, the changes with corrected p, and what could not be tried with its reason."""
    found = json.loads(first(audited).mitigation.read_text(encoding="utf-8"))
    text = groups(whole[0]).split("Ways of narrowing the gaps")[1]
    assert text.strip().startswith(found["conclusion"])
    better = found["rows"][1]["against"]["macro_f1"]
    span = words.span(*better["ci95"], 3)
    line = f"+{words.decimal(better['difference'], 3)} ({span}), {words.p_value(better['p_holm'])}"
    assert better["difference"] > 0 and " ".join(line.split()) in text
    assert "Thresholds by group no result not applicable: two classes only" in text
    assert "Deciding by group may be unlawful." in text and all(caveat in text for caveat in found["caveats"])
    assert "Acted on: skin tone " in text and "very dark (4 records, 20 are needed)." in text


@pytest.mark.parametrize(("rule", "winner"), [("fair", "Best worst group chosen"), ("best", "Highest macro-F1 chosen")])
def test_the_best_and_the_fairest_stand_side_by_side(copied: Run, rule: str, winner: str) -> None:
    """The one that the recipe asks for is marked; the figures are said to be of the tuning set."""
    choose(copied, rule)
    text = groups(only_report(copied))
    assert winner in text and text.count(" chosen ") == 1
    assert "#0 ResNet .861 .620 skin tone: dark" in text and "#3 CNN .851 .710 sex: female" in text
    assert "optimistic and have no interval" in text


# --- other verdicts, and what is not there -------------------------------------------------------------------------


def _verdicts(word: str) -> Callable[[Any], None]:
    def edit(tree: Any) -> None:
        tree["verdict"] = word
        for gap in tree["gaps"]:
            gap["verdict"] = word

    return edit


def test_what_could_not_be_decided_is_said_at_the_top_and_what_is_within_is_not(copied: Run) -> None:
    """A word that nobody knows is no verdict, and so undecided."""
    change(first(copied).audit, _verdicts("undecided"))
    page = only_report(copied)
    assert "Could not be decided: whether 9 of 9 gaps between groups of patients are within" in summary(page)
    assert "That is not the same as being within it." in summary(page)
    change(first(copied).audit, _verdicts("fair enough"))
    assert groups(only_report(copied)).strip().startswith(SIGNS["undecided"])
    change(first(copied).audit, _verdicts("within"))
    page = only_report(copied)
    assert "the limit:" not in summary(page) and groups(page).strip().startswith(SIGNS["within"])


def test_without_a_sensitive_attribute_the_page_says_that_nothing_was_compared(tmp_path: Path) -> None:
    """At the top as well: no comparison is no good news."""
    story = Story(SKIN[:2], finalists=1, trials=2, examples=2)
    page = pages(make_audited_run(tmp_path / "run", story, Made(shares={}, files=FILES)))[0]
    sound(page)
    assert "Groups of patients were not compared: The data name no sensitive attribute" in summary(page)
    assert "Nothing was tried" in groups(page)


def test_what_was_not_done_is_said_to_be_missing(whole: list[Page], copied: Run) -> None:
    """A finalist that was not audited, and a leaderboard that knows no groups."""
    text = groups(whole[1])
    assert "Not done: this model has not been audited." in text
    assert "Not done: no way of narrowing them was tried" in text
    assert "the limit:" not in summary(whole[1])
    change(copied.leaderboard, lambda tree: tree.update(selection=None))
    change(first(copied).audit, lambda tree: [division.update(probe=None) for division in tree["divisions"]])
    text = groups(only_report(copied))
    assert "Not done: candidates were not compared by groups." in text
    assert "Whether the network’s features tell sex was not looked into." in text


# --- names, numbers of groups, tasks -------------------------------------------------------------------------------


def test_hostile_names_of_groups_and_attributes_are_shown_as_text(tmp_path: Path) -> None:
    """Tags, quotes, braces, turned text and emoji, in tables, sentences and drawings."""
    shares = {'skin "tone" <b>': dict.fromkeys(HOSTILE, 1 / len(HOSTILE))}
    story = Story(tuple((name, name, k == 0) for k, name in enumerate(HOSTILE[:3])), 1, 2, examples=2)
    made = Made(shares=shares, hurt=('skin "tone" <b>', HOSTILE[0]), audit=Audit(permutations=200), files=FILES)
    page = pages(make_audited_run(tmp_path / "run", story, made))[0]
    sound(page)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "\u202e" not in page.source
    text = groups(page)
    for name in HOSTILE:
        assert " ".join(name.replace("\u202e", "\ufffd").split()) in text, name
    assert 'By skin "tone" <b>' in text
    drawings = [drawing["aria-label"] for drawing in page.all("svg")]
    assert any(f"lowest in {HOSTILE[0]}" in one for one in drawings)


def test_twenty_groups_and_labels_have_a_page(tmp_path: Path) -> None:
    """Every group keeps its row; of labels each is a question."""
    shares = {"clinic": {f"clinic number {k}": 0.05 for k in range(20)}}
    made = Made(
        shares=shares, hurt=("clinic", "clinic number 3"), audit=Audit(permutations=200, min_group=15), files=FILES
    )
    page = pages(make_labelled_audited_run(tmp_path / "run", made))[0]
    sound(page)
    text = groups(page)
    assert all(f"clinic number {k}" in text for k in range(20))
    assert "Conduction disturbance by clinic" in text and "Sensitivity for Normal by clinic" in text
    assert len(page.source) < 700_000


# --- damage --------------------------------------------------------------------------------------------------------

GONE = object()
AUDIT: list[tuple[str, Any, str]] = [
    ("divisions", {"a": 1}, "divisions is not a list"),
    ("divisions.0.key", GONE, "divisions[0].key is missing"),
    ("divisions.0.rows.0.n", "many", "divisions[0].rows[0].n is not a number"),
    ("divisions.0.rows.0.estimable", "yes", "divisions[0].rows[0].estimable is not true or false"),
    ("divisions.0.rows.0.figures.macro_f1.ci95", [1, 2, 3], "figures.macro_f1.ci95 is not two numbers"),
    ("divisions.0.probe", "none", "divisions[0].probe is not an object"),
    ("gaps.0.limit", None, "gaps[0].limit is missing"),
    ("gaps.0.high", [1], "gaps[0].high is not an object"),
    ("gaps.1.left_out", 3, "gaps[1].left_out is not a list"),
    ("settings.gap", "wide", "settings.gap is not a number"),
]
MITIGATION: list[tuple[str, Any, str]] = [
    ("rows", 1, "rows is not a list"),
    ("rows.0.method", GONE, "rows[0].method is missing"),
    ("rows.1.against.gap.p_holm", "small", "rows[1].against.gap.p_holm is not a number"),
]


def spoil(file: Path, place: str, value: Any) -> None:
    """Another value, or none, at a place of a JSON artefact."""
    tree = inner = json.loads(file.read_text(encoding="utf-8"))
    *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    for key in way:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    write_json(file, tree)


def test_a_damaged_artefact_is_an_error_that_names_file_and_key(copied: Run) -> None:
    """Cut in half, no object, or of the wrong shape: no page is written."""
    cohort = read_cohort(copied)
    assert cohort is not None
    for name, damage, read in (("audit.json", AUDIT, read_audit), ("mitigation.json", MITIGATION, read_mitigation)):
        file = first(copied).folder / name
        kept = file.read_bytes()
        for place, value, says in damage:
            spoil(file, place, value)
            with pytest.raises(RunError) as caught:
                read(file, cohort)
            assert name in str(caught.value) and says in str(caught.value), (says, str(caught.value))
            file.write_bytes(kept)
        for broken in (kept[: len(kept) // 2], b"[]", b"\xff\xfe"):
            file.write_bytes(broken)
            with pytest.raises(RunError, match=name):
                gather(copied)
        file.write_bytes(kept)
    spoil(copied.leaderboard, "selection.best.number", None)
    with pytest.raises(RunError, match=r"selection\.best\.number is missing"):
        gather(copied)
