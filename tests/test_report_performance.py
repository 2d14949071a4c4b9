"""Calibration, operating points, uncertainty, robustness and failures on a page, from the stages' own artefacts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeaudited import Made, make_audited_run, make_labelled_audited_run
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
from automed.recipe.evaluate import Evaluate
from automed.report import charts, words
from automed.report.cohort import read_cohort
from automed.report.facts import gather
from automed.report.performance.calibration import Side
from automed.report.performance.read import read_performance
from automed.report.performance.robustness import read_robustness
from automed.report.results import Score
from automed.run import Finalist, Run, write_json

FILES = ("evaluation", "robustness")
Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with two finalists, the first of them evaluated; not to be changed."""
    settings = Evaluate(prevalence={"mel": 0.02, "bcc": 0.03})
    made = Made(evaluate=settings, files=FILES)
    return make_audited_run(
        tmp_path_factory.mktemp("evaluated") / "run", Story(finalists=2, trials=3, examples=6), made
    )


@pytest.fixture(scope="module")
def whole(evaluated: Run) -> list[Page]:
    """Its pages: the evaluated finalist, the other, the index."""
    return pages(evaluated)


@pytest.fixture(scope="module")
def told(evaluated: Run) -> dict[str, Any]:
    """Its evaluation.json."""
    document: dict[str, Any] = json.loads(first(evaluated).evaluation.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def copied(evaluated: Run, tmp_path: Path) -> Run:
    """The same run to be changed."""
    return Run(shutil.copytree(evaluated.folder, tmp_path / "run"))


def first(run: Run) -> Finalist:
    return run.finalists()[0]


def shown(figure: dict[str, Any]) -> str:
    """A figure of an artefact as the page writes it, with its interval."""
    low, high = figure["ci95"]
    return f"{words.decimal(figure['value'])} {words.decimal(low)} to {words.decimal(high)}"


def change(file: Path, edit: Change) -> None:
    """Another content in a JSON artefact."""
    document = json.loads(file.read_text(encoding="utf-8"))
    edit(document)
    write_json(file, document)


def drawings(page: Page, start: str) -> list[str]:
    """What the drawings say whose description begins so."""
    return [drawing["aria-label"] for drawing in page.all("svg") if drawing["aria-label"].startswith(start)]


# --- what every page keeps ---------------------------------------------------------------------------------------


def test_the_page_loads_nothing_and_every_anchor_leads_somewhere(whole: list[Page]) -> None:
    """Headings in order, tables with captions, drawings with words, no network."""
    for page in whole:
        names_no_network(page)
        links_lead_somewhere(page)
        is_named_and_in_order(page)
    assert len(whole[0].source) < 700_000


def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    """Of classes, in sentences, tables and drawings; as keys of artefacts and as names."""
    story = Story(tuple((name, name, k == 1) for k, name in enumerate(HOSTILE)), finalists=1, trials=2, examples=2)
    page = pages(make_audited_run(tmp_path / "run", story, Made(files=FILES)))[0]
    names_no_network(page)
    links_lead_somewhere(page)
    is_named_and_in_order(page)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "\u202e" not in page.source and "{{ 7 * 7 }} {% raw %}" in page.text
    for name in HOSTILE:
        visible = " ".join(name.replace("\u202e", "\ufffd").split())
        assert f"Curves of {visible}" in page.text or f"For {visible} :" in page.text, visible
    assert any(HOSTILE[0] in one for one in drawings(page, "ROC curve"))


def test_two_classes_and_several_labels_have_pages(tmp_path: Path) -> None:
    """Of two classes one question is asked; of labels each, and prediction sets say why there are none."""
    story = Story(SKIN[:2], finalists=1, trials=2, examples=2)
    two = pages(make_audited_run(tmp_path / "two", story, Made(files=FILES)))[0]
    labels = pages(make_labelled_audited_run(tmp_path / "labels", Made(files=FILES)))[0]
    for page in (two, labels):
        names_no_network(page)
        links_lead_somewhere(page)
        is_named_and_in_order(page)
    assert "For Melanoma : At a probability of" in two.text and "Each class on its own" not in two.text
    assert "Each label on its own" in labels.text and len(drawings(labels, "ROC curve")) == 4
    assert "Not done: not applicable: a record may bear several labels" in labels.text
    assert "Leaving the answer to people" in labels.text and "the probability of the least certain label" in labels.text


# --- what it says ------------------------------------------------------------------------------------------------


def test_the_page_says_whether_probabilities_can_be_believed(whole: list[Page], told: dict[str, Any]) -> None:
    """The map and its reason, figures before and after with intervals, and the diagram in words."""
    found, text = told["calibration"], whole[0].text
    assert found["reason"] in text
    for side in ("before", "after"):
        for key in ("ece", "slope", "brier"):
            assert shown(found[side]["overall"][key]) in text, (side, key)
    assert shown(found["after"]["questions"]["mel"]["intercept"]) in text
    overall, *asked = drawings(whole[0], "Reliability of the probability of")
    assert "the class with the highest probability, after the map: calibration error" in overall
    assert len(asked) == 5 and "any urgent class" in asked[0]


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.7, 0.9, "are too extreme"), (1.1, 1.4, "are too timid"), (0.9, 1.1, "could not be shown")],
)
def test_the_slope_is_put_into_words(evaluated: Run, low: float, high: float, says: str) -> None:
    """By its interval and not by its value."""
    calibration = gather(evaluated).candidates[0].performance.calibration  # type: ignore[union-attr]
    assert calibration is not None
    slope = Score("slope", (low + high) / 2, low, high)
    assert says in replace(calibration, after=Side((slope,), None, ())).sentence


def test_the_note_under_the_examples_says_how_probabilities_are_calibrated(copied: Run) -> None:
    """Or that they are not, or that it is not known."""
    assert "It is calibrated by" in only_report(copied).text
    change(first(copied).evaluation, lambda tree: tree["calibration"].update(method="none", reason="No map: too few"))
    text = only_report(copied).text
    assert "It is as the network gave it, without a map" in text and "No map: too few." in text
    first(copied).evaluation.unlink()
    assert "Whether it is calibrated is not known" in only_report(copied).text


def test_the_operating_point_is_told_with_its_reason_and_curves(whole: list[Page], told: dict[str, Any]) -> None:
    """At the prevalence of the test and at that which the recipe expects; the decision curve names its rivals."""
    urgent, text = told["operating"]["questions"][0], whole[0].text
    assert urgent["key"] == "urgent" and f"At a probability of {words.decimal(urgent['threshold'])} or more" in text
    assert words.sentence(urgent["reason"]) in text
    for key in ("sensitivity", "specificity", "ppv", "npv"):
        assert shown(urgent["test"][key]) in text, key
    assert "At a prevalence of 5 %" in text and shown(urgent["at_prevalence"]["ppv"]) in text
    assert urgent["decision_curve"]["sentence"] in text
    assert len(drawings(whole[0], "ROC curve")) == len(drawings(whole[0], "Precision and recall for")) == 5
    (benefit,) = drawings(whole[0], "Net benefit for any urgent class")
    assert "it gains" in benefit
    for name in ("flag everyone", "flag no one", "gradient boosting", "the majority class"):
        assert text.count(name) >= 5, name


def test_prediction_sets_and_abstaining_are_told_with_what_was_measured(
    whole: list[Page], told: dict[str, Any]
) -> None:
    """Coverage beside the promise, and errors with and without the answers left to people."""
    text, sets = whole[0].text, told["prediction_sets"]
    for kind in ("marginal", "by_class"):
        assert shown(sets[kind]["test"]["coverage"]) in text and shown(sets[kind]["test"]["size"]) in text
    assert "promised to hold the true one for 90 % of records" in text
    found = told["selective"]
    assert f"Below a certainty of {words.decimal(found['abstain']['threshold'])}" in text
    assert shown(found["test"]["error"]) in text
    (risk,) = drawings(whole[0], "Share of errors among the most certain records")
    assert words.decimal(found["error"]["value"]) in risk


def test_a_promise_that_was_not_kept_is_called_so(copied: Run) -> None:
    """And where no threshold was found, the page says why."""

    def lower(tree: Any) -> None:
        tree["prediction_sets"]["marginal"]["test"]["coverage"] |= {"value": 0.8, "ci95": [0.76, 0.84]}
        tree["selective"]["abstain"] |= {"threshold": None, "reason": "no threshold leaves 20 records"}
        tree["selective"]["test"] = None

    change(first(copied).evaluation, lower)
    text = only_report(copied).text
    assert "The promise of 90 % was not kept: coverage .80" in text
    assert "No threshold of certainty was found: no threshold leaves 20 records." in text


def test_other_models_are_compared_with_corrected_p(whole: list[Page], told: dict[str, Any]) -> None:
    """Finalists by their name on the page, baselines by theirs."""
    text = whole[0].text
    for other in told["comparisons"]:
        low, high = other["macro_f1"]["ci95"]
        span = f"{words.decimal(low)} to {words.decimal(high)} {words.p_value(other['macro_f1']['p_holm'])}"
        assert " ".join(span.split()) in text
    assert "Of 3 differences in macro-F1" in text and "2. " in text.split("Against every other model")[1][:400]


def test_failures_are_named_by_their_rows(whole: list[Page], told: dict[str, Any]) -> None:
    """The worst of each kind, the least certain, and where errors gather."""
    found, text = told["failures"], whole[0].text
    for case in (*found["missed"]["urgent"], *found["false_alarms"]["urgent"], *found["least_certain"]):
        assert str(case["record"]) in text
    gathered = [one["name"] for one in found["slices"] if one["beyond_chance"]]
    assert gathered and all(f"skin tone: {name}, wrong in" in text for name in gathered if name == "medium")
    assert "medium" in gathered, "the planted group"
    assert len(found["clusters"]["named"]) == text.count("Look at rows")


def test_the_page_says_what_this_test_set_can_show(whole: list[Page], told: dict[str, Any]) -> None:
    """In sentences with the names of classes, and in a table."""
    wide = [one for one in told["precision"]["figures"] if (one["half_width"] or 0) > 0.05]
    text = whole[0].text.split("What this test set can show")[-1]
    worst = max(wide, key=lambda one: one["half_width"])
    assert f"about {worst['needed']:,} would be needed for ±.05." in text
    assert "sensitivity of mel " not in text and "sensitivity of Melanoma" in text
    good = len(told["precision"]["figures"]) - len(wide)
    assert f"{good} of {len(told['precision']['figures'])} figures are known to within ±.05." in text


def test_worse_inputs_and_left_out_sites_are_told_with_intervals(whole: list[Page]) -> None:
    """What could not be tested has its reason beside it."""
    text = whole[0].text
    assert "Blur at severity 3 costs .12." in text and "−.30 −.32 to −.28" in text
    assert "not estimable the model's answers to 3 of 300 records are no numbers" in text
    assert "Colour shift of lesion was not tried: the images have 1 channel." in text
    assert "They are 300 of 2,000 test records" in text
    assert "north 120 .70 .68 to .72 .76 .74 to .78 −.06 −.12 to −.01" in text
    assert "south 9 not estimable 9 records, 20 are needed" in text
    costs, narrow = drawings(whole[0], "Change of macro-F1 under each corruption of lesion")
    assert "most under blur, −.12" in costs and narrow == costs


@pytest.mark.slow
def test_the_sheet_that_the_search_writes_is_read(copied: Run) -> None:
    """robustness.json of a network made by hand, as the stage itself writes it."""
    from test_robustness import lamps, light_meter, stressed

    write_json(first(copied).robustness, stressed(light_meter(), lamps()))
    text = only_report(copied).text
    assert "Overexposure at severity 3 costs" in text and "the recipe names no column of sites" in text


# --- what is not there, and what is damaged -----------------------------------------------------------------------


def test_what_was_not_done_is_said_to_be_missing(whole: list[Page], copied: Run) -> None:
    """A finalist that was not evaluated, and one of whose evaluation parts are null."""
    for section in ("calibration was not measured", "no operating threshold was chosen", "errors were not listed"):
        assert section in whole[1].text and section not in whole[0].text
    assert "the test was not repeated with worse inputs, nor at a site" in whole[1].text
    parts = ("calibration", "operating", "prediction_sets", "selective", "precision", "failures")
    change(first(copied).evaluation, lambda tree: tree.update(dict.fromkeys(parts), comparisons=[]))
    change(
        first(copied).robustness, lambda tree: [tree.pop("inputs"), tree["sites"].update(reason="one site", sites=[])]
    )
    page = only_report(copied)
    is_named_and_in_order(page)
    for section in ("calibration was not measured", "prediction sets were not made", "not worked out", "one site"):
        assert section in page.text, section


# Of each file a place in it, what is put there (GONE: nothing), and what the error names.
GONE = object()
EVALUATION: list[tuple[str, Any, str]] = [
    ("calibration", [1], "calibration is not an object"),
    ("calibration.after.overall.ece.value", "low", "calibration.after.overall.ece.value is not a number"),
    ("calibration.after.overall.curve.0.predicted", GONE, "curve[0].predicted is missing"),
    ("operating.questions.0.threshold", GONE, "operating.questions[0].threshold is missing"),
    ("operating.questions.1.roc.x", [0.5], "operating.questions[1].roc has lists of different lengths"),
    ("operating.questions.0.decision_curve.thresholds", [], "decision_curve.model has lists of different lengths"),
    ("prediction_sets.coverage", None, "prediction_sets.coverage is missing"),
    ("selective.test", None, "selective.test does not suit the threshold"),
    ("comparisons", {"a": 1}, "comparisons is not a list"),
    ("comparisons.0.against", GONE, "comparisons[0].against is missing"),
    ("precision.figures.0.half_width", "x", "precision.figures[0].half_width is not a number"),
    ("failures.least_certain.0.record", None, "failures.least_certain[0].record is missing"),
    ("failures.slices.0.beyond_chance", 3, "failures.slices[0].beyond_chance is not true or false"),
]
ROBUSTNESS: list[tuple[str, Any, str]] = [
    ("severities", ["one"], "severities is not a number"),
    ("inputs.lesion.corruptions.0.noun", GONE, "inputs.lesion.corruptions[0].noun is missing"),
    ("sites.sites.0.site", GONE, "sites.sites[0].site is missing"),
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
    readers: list[tuple[str, list[tuple[str, Any, str]], Callable[[Path], Any]]] = [
        ("evaluation.json", EVALUATION, lambda file: read_performance(file, cohort, {})),
        ("robustness.json", ROBUSTNESS, read_robustness),
    ]
    for name, damage, read in readers:
        file = first(copied).folder / name
        kept = file.read_bytes()
        for place, value, says in damage:
            spoil(file, place, value)
            with pytest.raises(RunError) as caught:
                read(file)
            assert name in str(caught.value) and says in str(caught.value), (says, str(caught.value))
            file.write_bytes(kept)
        for broken in (kept[: len(kept) // 2], b"[]", b"\xff\xfe"):
            file.write_bytes(broken)
            with pytest.raises(RunError, match=name):
                gather(copied)
        file.write_bytes(kept)
    assert gather(copied).candidates[0].performance


# --- drawings ----------------------------------------------------------------------------------------------------

heights = st.floats(-2, 2, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(heights, min_size=2, max_size=12), st.floats(-1, 0), st.floats(0.1, 1))
def test_what_lies_outside_the_axes_is_cut_off_and_nothing_else(values: list[float], low: float, high: float) -> None:
    """Every piece stays inside, pieces go to the right, and every point inside is kept."""
    points = [(float(k), value) for k, value in enumerate(values)]
    pieces = charts.cut(points, low, high)
    kept = [point for piece in pieces for point in piece]
    assert all(low - 1e-9 <= y <= high + 1e-9 for _, y in kept)
    assert all(len(piece) >= 2 for piece in pieces)
    across = [x for x, _ in kept]
    assert across == sorted(across)
    inside = {point for point in points if low <= point[1] <= high}
    assert inside <= set(kept)
