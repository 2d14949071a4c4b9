"""The index of a run: finalists side by side with what a reader asks first; and provenance, to repeat it by."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from madeaudited import Made, make_audited_run
from madeup import HOSTILE, Page, Story, is_named_and_in_order, links_lead_somewhere, make_run, names_no_network, pages

from automed.errors import RunError
from automed.recipe import load
from automed.report import words
from automed.report.facts import gather
from automed.report.found import finalists
from automed.report.found.making import read_making
from automed.report.pages import index
from automed.run import Run, write_json, write_text


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two finalists, of which the first was evaluated and audited, the second only tested."""
    story = Story(finalists=2, trials=3, examples=2)
    made = Made(files=("evaluation", "audit"))
    return make_audited_run(tmp_path_factory.mktemp("audited") / "run", story, made)


@pytest.fixture(scope="module")
def whole(audited: Run) -> Page:
    return pages(audited)[-1]


@pytest.fixture
def copied(audited: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(audited.folder, tmp_path / "run"))


def table(page: Page) -> str:
    """The text of the table of finalists."""
    return page.text.split("Main figures of each finalist")[1].split("Everything else")[0]


def line(page: Page, title: str, after: str) -> str:
    return table(page).split(title)[1].split(after)[0]


def shown(figure: dict[str, Any]) -> str:
    return f"{words.decimal(figure['value'])} {words.span(*figure['ci95'])}"


# --- finalists side by side --------------------------------------------------------------------------------------


def test_each_figure_is_that_of_the_artefacts_with_its_interval(whole: Page, audited: Run) -> None:
    """Score, operating point of the first question, calibration after the map, worst group."""
    first, second = audited.finalists()
    scores = [json.loads(one.scores.read_text(encoding="utf-8"))["test"] for one in (first, second)]
    told = json.loads(first.evaluation.read_text(encoding="utf-8"))
    found = json.loads(first.audit.read_text(encoding="utf-8"))
    assert all(shown(one["macro_f1"]) in line(whole, "Macro-F1 on the test set", "AUROC") for one in scores)
    assert all(shown(one["auroc"]) in line(whole, "AUROC on the test set", "Sensitivity") for one in scores)
    asked = told["operating"]["questions"][0]
    sensitivity = line(whole, f"Sensitivity for {words.ANY_URGENT} at the operating point", "Specificity")
    assert shown(asked["test"]["sensitivity"]) in sensitivity
    assert f"from a probability of {words.decimal(asked['threshold'], 2)}" in sensitivity
    assert shown(asked["test"]["specificity"]) in line(whole, "Specificity for", "Calibration error")
    error = told["calibration"]["after"]["overall"]["ece"]
    assert shown(error) in line(whole, "Calibration error", "Macro-F1 in the worst group")
    singles = [one for one in found["divisions"] if not one["crossing"]]
    rows = [(row["figures"]["macro_f1"], row["group"]) for one in singles for row in one["rows"] if row["figures"]]
    worst, group = min((row for row in rows if row[0]["value"] is not None), key=lambda row: row[0]["value"])
    text = line(whole, "Macro-F1 in the worst group", "Groups of patients")
    assert shown(worst) in text and f": {group}" in text
    assert found["verdict"] == "beyond" and "✗ beyond the limit" in line(whole, "Groups of patients", "Explanations")


def test_what_was_not_done_is_not_done_and_not_empty(whole: Page) -> None:
    """The second finalist was neither evaluated nor audited, and neither was explained."""
    for title, after in (
        ("Sensitivity for", "Specificity"),
        ("Calibration error", "Macro-F1 in the worst"),
        ("Macro-F1 in the worst group", "Groups of patients"),
        ("Groups of patients", "Explanations"),
    ):
        assert line(whole, title, after).strip().endswith("not done"), title
    assert line(whole, "whether their tests were passed", "Parameters").strip() == "not done not done"


def test_a_finalist_that_was_not_tested_has_a_column_of_its_own(copied: Run) -> None:
    first = copied.finalists()[0]
    for file in (first.scores, first.evaluation, first.audit):
        file.unlink()
    page = Page(index(gather(copied)))
    assert line(page, "Macro-F1 on the test set", "AUROC").strip().startswith("not done")
    assert "The finalists have not been tested" in page.text


def test_each_report_is_one_click_away_and_the_page_is_sound(whole: Page, audited: Run) -> None:
    """From the head of its column, and from its card."""
    links = [a["href"] for a in whole.all("a")]
    for finalist in audited.finalists():
        assert links.count(f"models/{finalist.name}/report.html") >= 3
    names_no_network(whole)
    links_lead_somewhere(whole)
    is_named_and_in_order(whole)


def test_both_winners_are_shown_where_the_best_and_the_fairest_differ(copied: Run) -> None:
    """And not where they are one candidate: there is nothing to choose."""
    board = json.loads(copied.leaderboard.read_text(encoding="utf-8"))
    numbers = [board["selection"][key]["number"] for key in ("best", "fair")]
    assert numbers[0] != numbers[1]
    page = Page(index(gather(copied)))
    assert "The best and the fairest candidate" in page.text and board["selection"]["sentence"][:40] in page.text
    board["selection"]["fair"] = board["selection"]["best"] | {"worst_group": 0.5}
    write_json(copied.leaderboard, board)
    assert "The best and the fairest candidate" not in Page(index(gather(copied))).text


def test_a_run_without_finalists_has_no_table(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Story(finalists=0, trials=2))
    page = Page(index(gather(run)))
    assert "Main figures of each finalist" not in page.text and "There are none." in page.text
    assert all(not one.cells for one in finalists.lines(gather(run)))


def test_hostile_class_names_are_text_in_the_table(tmp_path: Path) -> None:
    """The first question is named by the data."""
    classes = tuple((f"c{k}", name, False) for k, name in enumerate(HOSTILE[:3]))
    story = Story(classes, 1, 2, title=HOSTILE[0], examples=0)
    page = Page(index(gather(make_audited_run(tmp_path / "run", story, Made(files=("evaluation",))))))
    assert f"Sensitivity for {HOSTILE[0]} at the operating point" in table(page)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


# --- provenance --------------------------------------------------------------------------------------------------


def provenance(page: Page) -> str:
    return page.text.split("Looks at the test set, by the ledger")[1]


def test_looks_at_the_test_set_are_counted_by_reason(copied: Run) -> None:
    """With the models they were for, from the ledger."""
    names = [finalist.name for finalist in copied.finalists()]
    copied.log("test_read", reason="robustness", model=names[0])
    copied.log("test_read", reason="robustness", model=names[0])
    copied.log("test_read", reason="of another version", model=names[1])
    text = provenance(Page(index(gather(copied))))
    assert f"scores of a finalist 2 {names[0]} , {names[1]}" in text
    assert f"worse input 2 {names[0]}" in text and f"of another version 1 {names[1]}" in text
    making = gather(copied).origin.making
    assert making is not None and sum(look.times for look in making.looks) == copied.looks_at_test()


def test_the_page_holds_the_recipe_seeds_inputs_engine_and_the_command(whole: Page, audited: Run) -> None:
    """The recipe is the file to the letter: who copies it from the page has the recipe."""
    text = provenance(whole)
    for part in ("Engine of the search Optuna", "search.seed 0", "split.seed 0", "automed search recipe.yaml --out"):
        assert part in text
    assert "Input lesion 64 × 64 × 3, c0ffee" in text
    making = gather(audited).origin.making
    assert making is not None and making.recipe == audited.recipe.read_text(encoding="utf-8").strip("\n")
    assert " ".join(making.recipe.split()) in text


def test_a_recipe_on_a_page_is_text(tmp_path: Path) -> None:
    """Tags, template braces and turned text in it are shown and do nothing."""
    run = make_run(tmp_path / "run", Story(finalists=0, trials=1, title="".join(HOSTILE)))
    page = Page(index(gather(run)))
    assert "<script>alert(1)</script>" in provenance(page) and "{{ 7 * 7 }}" in provenance(page)
    assert len(page.all("script")) == 0 and "\u202e" not in page.source


@pytest.mark.parametrize(
    ("search", "sentence"),
    [("trials: 4\n  workers: 1", "tries the same candidates"), ("minutes: 5", "the speed of the machine decide")],
)
def test_how_far_the_command_gives_the_same_is_said(tmp_path: Path, search: str, sentence: str) -> None:
    """A budget in minutes is not promised to give the same candidates."""
    run = make_run(tmp_path / "run", Story(finalists=0, trials=1))
    text = run.recipe.read_text(encoding="utf-8")
    write_text(run.recipe, re.sub(r"(?m)^search:\n(  .*\n|  - .*\n)*", f"search:\n  {search}\n", text))
    assert sentence in read_making(run, load(run.recipe)).again


def test_damaged_inputs_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Story(finalists=0, trials=1))
    data = json.loads(run.data.read_text(encoding="utf-8"))
    data["inputs"]["lesion"]["shape"] = "wide"
    write_json(run.data, data)
    with pytest.raises(RunError, match=r"inputs\.lesion\.shape"):
        read_making(run, load(run.recipe))


# --- groups drawn ------------------------------------------------------------------------------------------------


def test_every_figure_of_the_audit_is_drawn_for_each_attribute(audited: Run) -> None:
    """The first open, the others folded; each with the finding in words and all records together as a line."""
    report = pages(audited)[0]
    names = ("Sensitivity", "Specificity", "PPV", "AUROC", "Calibration slope")
    titles = [f"{name} for any urgent class by skin tone, with" for name in names]
    titles += [f"{name} by skin tone, with" for name in ("Macro-F1", "AUROC", "Calibration slope of all classes")]
    for title in titles:
        assert title in report.text, title
    assert (
        report.text.index(titles[0])
        < report.text.index("The other figures by skin tone")
        < report.text.index(titles[1])
    )
    labels = [drawing["aria-label"] for drawing in report.all("svg")]
    assert any(one.startswith("PPV for any urgent class by sex: lowest in") for one in labels)
    assert "1 is right." in report.text.split("Calibration slope for any urgent class by skin tone, with")[1][:600]
