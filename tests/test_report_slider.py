"""Any threshold and prevalence on a page: the data that its script reads, the table beside it, and what may run."""

from __future__ import annotations

import json
import math
import shutil
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeslider import expected, make_slider_run
from madeup import HOSTILE, SKIN, Page, Story, links_lead_somewhere, make_run, names_no_network, only_report, pages
from markupsafe import escape
from sklearn.metrics import confusion_matrix, roc_curve

from automed.errors import RunError
from automed.evaluate.questions import Question
from automed.report import scripts, words
from automed.report.facts import gather
from automed.report.performance import slider
from automed.report.performance.slider import figure
from automed.run import Run, write_json

Tested = tuple[Run, list[Question], dict[str, Any]]
BREAKERS = ("</script><script>alert(3)</script>", "<!-- <script>", "a\u2028b\u2029c", "'\"`\\", "]]>")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tested:
    """A run, the questions about its test records, and the operating part of evaluation.json; not to be changed."""
    return make_slider_run(tmp_path_factory.mktemp("slider") / "run", prevalences={"mel": 0.02, "bcc": 0.03})


@pytest.fixture(scope="module")
def page(made: Tested) -> Page:
    """The page of its finalist."""
    return only_report(made[0])


def held(page: Page) -> dict[str, Any]:
    """What the script reads."""
    found: dict[str, Any] = json.loads(page.blocks["slider-data"])
    return found


def evaluation(run: Run) -> Path:
    return run.finalists()[0].evaluation


# --- data for the script -----------------------------------------------------------------------------------------


def test_the_data_are_the_counts_of_scikit_learn(page: Page, made: Tested) -> None:
    """At each threshold of each question, on the very records."""
    _, questions, told = made
    found = held(page)["questions"]
    assert len(found) == len(questions) == 5
    for one, question, row in zip(found, questions, told["questions"], strict=True):
        assert one["complete"] and one["thresholds"][one["chosen"]] == row["threshold"]
        for threshold, hits, alarms in list(zip(one["thresholds"], one["hits"], one["alarms"], strict=True))[::7]:
            (left, wrong), (missed, right) = confusion_matrix(question.truth, question.probability >= threshold)
            assert (hits, alarms, one["positives"], one["negatives"]) == (right, wrong, right + missed, wrong + left)


def test_intervals_are_those_of_the_chosen_threshold(page: Page, made: Tested) -> None:
    """Of the test set, and of predictive values at the prevalence that the recipe expects."""
    row, one = made[2]["questions"][0], held(page)["questions"][0]
    for key in ("sensitivity", "ppv", "missed"):
        low, high = row["test"][key]["ci95"]
        assert one["intervals"][key] == [figure(key, low), figure(key, high)]
    low, high = row["decision_curve"]["at_threshold"]["net_benefit"]["ci95"]
    assert one["intervals"]["net_benefit"] == [words.decimal(low, 3), words.decimal(high, 3)]
    assert one["expected"] == pytest.approx(0.05)
    low, high = row["at_prevalence"]["npv"]["ci95"]
    assert one["intervals_expected"]["npv"] == [words.decimal(low), words.decimal(high)]
    assert held(page)["questions"][1]["expected"] is None


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
    )
)
def test_no_text_breaks_out_of_a_block_of_data(value: Any) -> None:
    """A browser ends the block where we do, and reads back what we wrote."""
    block = str(scripts.data("here", value))
    inside = block.removeprefix('<script type="application/json" id="here">').removesuffix("</script>")
    assert not set(inside) & set("<>&\u2028\u2029") and json.loads(inside) == value


@pytest.mark.parametrize("text", [*HOSTILE, *BREAKERS])
def test_hostile_names_are_data(text: str) -> None:
    """Those that are made to end a script, among others."""
    page = Page(f"<main>{scripts.data('here', {text: [text]})}</main>")
    assert json.loads(page.blocks["here"]) == {text: [text]} and not page.scripts and page.text == ""
    assert [tag for tag, _ in page.tags] == ["main", "script"]


def test_a_number_that_is_none_is_refused() -> None:
    """JSON has no NaN, and a browser would stop at it."""
    with pytest.raises(ValueError, match="JSON"):
        scripts.data("here", [math.nan])


def test_hostile_classes_do_no_harm(tmp_path: Path) -> None:
    """In options, summaries, captions and labels of regions."""
    names = (*HOSTILE[:2], *BREAKERS[:3])
    classes = tuple((name, name, k == 1) for k, name in enumerate(names))
    page = pages(make_slider_run(tmp_path / "run", classes=classes)[0])[0]
    names_no_network(page)
    links_lead_somewhere(page)
    assert len(page.all("option")) == 6 and "alert(3)" not in "".join(page.scripts)
    assert str(escape(BREAKERS[0])) in page.source and BREAKERS[0] not in page.source


# --- what may run ------------------------------------------------------------------------------------------------


def test_the_policy_knows_each_script_by_its_hash(page: Page) -> None:
    """What stands in the element, byte by byte; nothing else may run."""
    names_no_network(page)
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    (source,) = [text for text in page.scripts if "slider-data" in text or '"data"' in text]
    digest = b64encode(sha256(source.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy and policy.count("'unsafe-inline'") == 1 and "unsafe-eval" not in policy
    assert policy.startswith("default-src 'none'; ") and "base-uri 'none'; form-action 'none'" in policy


def test_a_page_without_scripts_lets_none_in() -> None:
    """Not even those that are ours."""
    assert "script-src" not in scripts.policy(())


def test_a_page_without_an_evaluation_has_no_slider(tmp_path: Path) -> None:
    """Neither the panel, nor the table, nor the script."""
    page = only_report(make_run(tmp_path / "run", Story(finalists=1, trials=2, examples=0)))
    assert "slider-data" not in page.blocks and not [one for one in page.ids if one.startswith("slider")]
    assert scripts.digest("slider") not in page.source and "no operating threshold was chosen" in page.text


# --- what stands there without script ----------------------------------------------------------------------------


def test_ten_thresholds_stand_in_a_table(page: Page, made: Tested) -> None:
    """With the figures of scikit-learn; the panel is hidden until its script has run."""
    _, questions, told = made
    (panel,) = [attributes for _, attributes in page.tags if attributes.get("id") == "slider-panel"]
    assert "hidden" in panel
    text = page.text.split("Other thresholds for any urgent class , in this test set")[1].split("Other thresholds")[0]
    chosen = told["questions"][0]["threshold"]
    ladder = _ladder(made[0])
    assert len(ladder.rows) == 10 and sum(is_chosen for is_chosen, _ in ladder.rows) == 1
    for is_chosen, step in ladder.rows:
        assert is_chosen == (step.threshold == chosen)
        figures = expected(questions[0], step.threshold)
        for key, _ in slider.COLUMNS:
            assert getattr(step, key) == pytest.approx(figures[key]), (step.threshold, key)
        shown = [ladder.threshold(step, is_chosen), *(ladder.cell(key, step) for key, _ in slider.COLUMNS)]
        assert is_chosen or " ".join(shown) in text
    told_of = told["questions"][0]["test"]["sensitivity"]
    low, high = told_of["ci95"]
    assert f"chosen {words.decimal(told_of['value'])} {words.decimal(low)} to {words.decimal(high)}" in text


def _ladder(run: Run) -> slider.Ladder:
    told = gather(run).candidates[0].performance
    assert told is not None and told.operating is not None
    found = slider.panel(told.operating)
    assert found is not None
    return found.ladders[0]


def test_ten_thresholds_reach_the_sensitivities_at_least_cost(
    made: Tested,
) -> None:
    """No other threshold that is as sensitive flags fewer."""
    question = made[1][0]
    alarm_rate, hit_rate, _ = roc_curve(question.truth, question.probability, drop_intermediate=False)
    for is_chosen, step in _ladder(made[0]).rows:
        best = 1 - alarm_rate[hit_rate >= step.sensitivity].min()
        assert step.specificity == pytest.approx(best) or (is_chosen and step.specificity < best)


def test_intervals_are_said_to_be_of_the_chosen_threshold_only(page: Page) -> None:
    """And what picking another one would be."""
    assert "They belong to the chosen threshold only" in page.text
    assert "would be to choose it on the test set" in page.text


def test_every_control_has_a_name(page: Page) -> None:
    """A label, or words of its own; the sentence is announced."""
    labelled = {label["for"] for label in page.all("label")}
    for control in page.all("input", "select"):
        if control.get("id", "").startswith("slider"):
            assert control["id"] in labelled or control["aria-label"]
    assert [a["aria-live"] for a in page.all("p") if a.get("id") == "slider-said"] == ["polite"]


# --- other runs --------------------------------------------------------------------------------------------------


def test_two_classes_need_no_choice_of_a_question(tmp_path: Path) -> None:
    """One question, named above the slider."""
    page = only_report(make_slider_run(tmp_path / "run", classes=SKIN[:2])[0])
    assert len(held(page)["questions"]) == 1 and not page.all("select") and "For Melanoma Threshold" in page.text


def test_forty_classes_stay_small(tmp_path: Path) -> None:
    """Each can be asked about; tables are of the first twelve."""
    classes = tuple((f"c{k}", f"Condition {k}", False) for k in range(40))
    page = only_report(make_slider_run(tmp_path / "run", 4000, classes)[0])
    assert len(held(page)["questions"]) == len(page.all("option")) == 40
    assert page.text.count("Other thresholds for Condition") == 2 * 12 - 1
    assert len(page.blocks["slider-data"]) < 400_000


def test_what_is_not_estimable_is_left_out_and_named(tmp_path: Path) -> None:
    """A class with too few records has no sensitivity at any threshold."""
    shares = np.array([0.6, 0.2, 0.195, 0.005])
    page = only_report(make_slider_run(tmp_path / "run", 200, shares=shares)[0])
    assert len(held(page)["questions"]) == 4 and len(page.all("option")) == 4
    assert "Left out, for their figures are not estimable: Keratosis ." in page.text


def change(made: Run, folder: Path, edit: Callable[[Any], Any]) -> Run:
    """The same run with other counts of its first question."""
    run = Run(shutil.copytree(made.folder, folder))
    document = json.loads(evaluation(run).read_text(encoding="utf-8"))
    edit(document["operating"]["questions"])
    write_json(evaluation(run), document)
    return run


def test_an_evaluation_without_counts_says_so(made: Tested, tmp_path: Path) -> None:
    """The rest of the section stands."""
    page = only_report(change(made[0], tmp_path / "run", lambda rows: [row.pop("counts") for row in rows]))
    assert "the counts that this needs were not kept" in page.text and "slider-data" not in page.blocks
    assert "At a probability of" in page.text


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("hits", [1], "counts has lists of different lengths"),
        ("positives", None, "counts.positives is missing"),
        ("positives", 3, "counts.hits do not fall from 3"),
        ("thresholds", "high", "counts.thresholds is not a list"),
        ("thresholds", None, "counts has lists of different lengths"),
        ("complete", "yes", "counts.complete is not true or false"),
    ],
)
def test_damaged_counts_are_named(made: Tested, tmp_path: Path, key: str, value: Any, says: str) -> None:
    """By file and place."""
    run = change(made[0], tmp_path / "run", lambda rows: rows[0]["counts"].update({key: value}))
    with pytest.raises(RunError) as problem:
        only_report(run)
    assert says in problem.value.what and str(problem.value.where).endswith("evaluation.json")


def test_thresholds_that_do_not_rise_are_damage(made: Tested, tmp_path: Path) -> None:
    """They could not be looked up."""
    run = change(made[0], tmp_path / "run", lambda rows: rows[0]["counts"]["thresholds"].reverse())
    with pytest.raises(RunError, match="do not rise"):
        only_report(run)


@pytest.mark.parametrize(
    ("share", "says"), [(0, "0"), (0.00001, "under 0.1"), (0.0042, "4.2"), (0.00996, "10"), (0.31, "310"), (1, "1000")]
)
def test_shares_are_told_per_thousand(share: float, says: str) -> None:
    """With a decimal where there are few; what is not 0 never reads as 0."""
    assert slider.per_thousand(share) == says
