"""The gallery of explained cases: layers that come off, prediction sets, what methods agree on, pages kept small."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from madeexplained import FACTS, made, records
from madeup import HOSTILE, Page, Story, is_named_and_in_order, make_run, names_no_network, only_report
from PIL import Image as Pixels
from scipy.stats import hypergeom

from automed.errors import RunError
from automed.evaluate.certainty.conformal import fit
from automed.report.artefact import Part
from automed.report.cohort import read_cohort
from automed.report.examples import Group
from automed.report.explanations import layers
from automed.report.explanations.agreement import NAMES, Agreed, agreed
from automed.report.explanations.image import overlaid
from automed.report.explanations.overlap import drawn, shifted, top
from automed.report.explanations.read import Explanations, read_explanations
from automed.report.explanations.sets import read_possible
from automed.report.facts import Candidate, gather
from automed.report.inputs.shown import Input, read_input
from automed.report.pages import report
from automed.report.thin import FEWEST, LIMIT, SIDES, fitted
from automed.run import Run, write_json

TITLES = {"shap": "SHAP", "lime": "LIME", "gradcam": "Grad-CAM"}
PASSED = dict.fromkeys(TITLES, "passed")
SIDE = 32


def blob(y: int, x: int, side: int = SIDE) -> np.ndarray:
    """A map that is strongest at a place and falls off around it, above 0 everywhere."""
    down, across = np.mgrid[:side, :side]
    return np.exp(-((down - y) ** 2 + (across - x) ** 2) / 40.0).astype(np.float32)


def explained(
    folder: Path,
    maps: dict[str, np.ndarray] | None = None,
    verdicts: dict[str, str] = PASSED,
    n: int = 3,
    pictures: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    story: Story | None = None,
) -> Run:
    """A run of one class a record and one picture each, explained by these maps; `maps` are of each case."""
    run = make_run(folder, story or Story(finalists=1, trials=3, examples=2))
    (finalist,) = run.finalists()
    classes = len((story or Story()).classes)
    shown = records("image", n) if pictures is None else pictures
    side = shown.shape[1]
    maps = maps or {"shap": blob(8, 8, side), "lime": blob(9, 8, side), "gradcam": blob(8, 9, side)}
    held = np.tile(np.eye(classes, dtype=np.float32)[1], (n, 1)) if probabilities is None else probabilities
    told: dict[str, Any] = {
        "record": 40 + np.arange(n),
        "class": held.argmax(axis=1),
        "decided": held.argmax(axis=1),
        "label": np.zeros(n, int),
        "probabilities": held.astype(np.float32),
        "input_lesion": shown,
    }
    told |= {f"{name}/lesion": np.tile(values.astype(np.float32), (n, 1, 1)) for name, values in maps.items()}
    np.savez_compressed(finalist.attributions, **told)
    methods = [
        {"name": name, "verdict": verdicts[name], "signed": name != "gradcam", "cases": [{}] * n, "findings": []}
        for name in maps
    ]
    cases = [{"record": 40 + k, "reason": ("right", "wrong, confident")[k % 2], "why": ""} for k in range(n)]
    write_json(finalist.explanation, {"cases": cases, "methods": methods, "tested": None})
    return run


def told_of(run: Run) -> Explanations:
    """The explanations of the finalist."""
    cohort = read_cohort(run)
    assert cohort
    found = read_explanations(run.finalists()[0], cohort)
    assert found
    return found


def described(**facts: Any) -> Input:
    """An input as data.json describes it."""
    return read_input("it", Part(Path("data.json"), facts))


def seen(uri: str) -> np.ndarray:
    """The pixels of a data URI with their opacity: uint8 (h, w, 4)."""
    return np.asarray(Pixels.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA"))


def agreement_of(facts: dict[str, Any], raw: np.ndarray, **maps: np.ndarray) -> Agreed:
    """What methods of these names agree on."""
    found = agreed(described(**facts), raw, maps)
    assert found
    return found


# --- layers ------------------------------------------------------------------------------------------------------


def test_a_layer_over_the_grey_picture_is_the_overlay() -> None:
    """Orange for, purple against, as strong as the value is, and a white line; what is not marked is transparent."""
    random = np.random.default_rng(2)
    values, grey = random.normal(0, 1, (48, 48)), random.integers(0, 256, (48, 48)).astype(np.uint8)
    uri, size = layers.heat(values, 2.0)
    layer = seen(uri).astype(float)
    assert size == (48, 48) and layer.shape == (48, 48, 4)
    share = layer[..., 3:] / 255
    over = (1 - share) * (60 + 0.7 * grey[..., None]) + share * layer[..., :3]
    wanted = overlaid(grey, values, 2.0, None)[::2, ::2]
    assert np.abs(over - wanted).max() < 255 * 0.8 / layers.STEPS / 2 + 2
    assert (layer[np.abs(values) < 0.04][:, 3] == 0).all()
    region = np.zeros((48, 48), np.uint8)
    region[10:20, 10:20] = 1
    lined = seen(layers.heat(values * 0, 1.0, region)[0])
    assert (lined[lined[..., 3] > 0] == 255).all() and lined[20, 20:40, 3].all() and not lined[24:36, 24:36, 3].any()


@pytest.mark.parametrize("shape", [(300, 200), (7, 5), (1, 1), (128, 128)])
def test_layers_of_any_size_keep_the_shape_of_their_picture(shape: tuple[int, int]) -> None:
    """And are no larger than they need to be."""
    values = np.random.default_rng(1).normal(size=shape)
    for uri, (width, height) in (layers.heat(values, 1.0, (values > 0).astype(np.uint8)), layers.dashed(values > 0)):
        assert seen(uri).shape[:2] == (height, width) and max(width, height) <= layers.SIDE
        assert abs(height / width - shape[0] / shape[1]) < 0.02


def test_a_picture_stands_once_on_the_page_and_layers_come_off_without_a_script(tmp_path: Path) -> None:
    """Every layer has a picture beneath it, and each case a box of its own that is labelled."""
    page = only_report(explained(tmp_path / "run"))
    names_no_network(page)
    is_named_and_in_order(page)
    sources = [f'--pic: url("{one.picture}")' for case in told_of(Run(tmp_path / "run")).cases for one in case.plain]
    assert len(set(sources)) == 3 and all(page.source.count(one) == 1 for one in sources)
    assert all(page.source.count(one.removeprefix("--pic: url(")[1:-2]) == 1 for one in sources)
    layered = [set(image["class"].split()) for image in page.all("img") if "over" in image.get("class", "")]
    assert len(layered) >= 9 and all(f".pic-{k}-0 {{" in page.source for k in range(3))
    assert all(len({f"pic-{k}-0" for k in range(3)} & look) == 1 for look in layered)
    boxes = [box for box in page.all("input") if box.get("class") == "lay"]
    labels = {label.get("for") for label in page.all("label")}
    assert len(boxes) == 3 and all(box["type"] == "checkbox" and box["id"] in labels for box in boxes)
    assert "Show what was marked in row 40" in page.text


def test_the_blinded_part_of_a_review_shows_no_line(tmp_path: Path) -> None:
    """What methods agree on is an answer, and the reader has not seen it yet."""
    page = only_report(explained(tmp_path / "run"))
    blind = page.source.split('<template id="review-case-1">')[1].partition("</template>")[0]
    assert 'class="beneath pic-0-0"' in blind and "lined" not in blind and "dashed" not in blind


# --- prediction sets ---------------------------------------------------------------------------------------------


def evaluated(run: Run, thresholds: Any, **changed: Any) -> None:
    """An evaluation.json with prediction sets."""
    figure = {"value": 0.924, "ci95": [0.881, 0.957], "n": 120, "events": 120, "reason": None}
    sets = {"coverage": 0.9, "thresholds": thresholds, "records": [90] * 4, "reason": "made up"}
    marginal = {"sets": sets, "test": {"coverage": figure}}
    write_json(
        run.finalists()[0].evaluation,
        {"prediction_sets": {"coverage": 0.9, "reason": None, "marginal": marginal, "by_class": None, **changed}},
    )


@given(st.integers(0, 1000))
@settings(max_examples=25)
def test_sets_hold_the_classes_that_the_evaluation_puts_into_them(seed: int) -> None:
    """Those of the stage that made them, the most probable first, also where a probability is the threshold."""
    random = np.random.default_rng(seed)
    held = random.dirichlet(np.ones(4), 40)
    sets = fit(random.integers(0, 4, 40), held, 0.8)
    run = Path("evaluation.json")
    possible = read_possible(run, None)  # type: ignore[arg-type]  # there is no file
    assert possible.classes(held[0]) is None and possible.reason
    possible = type(possible)(sets.thresholds, 0.8, None, None)
    for row, inside in zip(held, sets.apply(held), strict=True):
        classes = possible.classes(row)
        assert classes is not None and set(classes) == set(np.flatnonzero(inside).tolist())
        assert [row[k] for k in classes] == sorted((row[k] for k in classes), reverse=True)


def test_a_case_says_what_cannot_be_ruled_out_and_whether_the_promise_held(tmp_path: Path) -> None:
    """With none at all, and where the reference standard is not among them."""
    held = np.array([[0.5, 0.3, 0.1, 0.1], [0.05, 0.9, 0.03, 0.02], [0.26, 0.24, 0.25, 0.25]])
    run = explained(tmp_path / "run", probabilities=held)
    evaluated(run, [0.3, 0.3, 0.3, 0.3])
    found = told_of(run)
    assert [case.possible for case in found.cases] == [("Naevus", "Melanoma"), ("Melanoma",), ()]
    assert [case.held for case in found.cases] == [True, False, False]
    assert found.possible.told == (
        "The sets were made to hold the true class in 90\u202f% of records; measured on the test: "
        ".92 (95\u202f% interval .88 to .96)."
    )
    evaluated(run, [0.0, 0.0, 0.0, 0.0])
    assert all(len(case.possible or ()) == 4 for case in told_of(run).cases)


def test_without_sets_the_page_says_why(tmp_path: Path) -> None:
    """Not evaluated, and labels, of which there are none."""
    run = explained(tmp_path / "run")
    page = only_report(run)
    assert "Which classes cannot be ruled out is not told: not done, no prediction sets were made." in page.text
    assert all(case.possible is None and case.held is None for case in told_of(run).cases)
    reason = "not applicable: a record may bear several labels"
    write_json(run.finalists()[0].evaluation, {"prediction_sets": {"coverage": 0.9, "reason": reason}})
    assert told_of(run).possible.reason == "a record may bear several labels"


@pytest.mark.parametrize("thresholds", [[0.1, 0.2], [0.1, 0.2, "many", 0.3], [0.1, 0.2, 1.2, 0.3], {}, None, [-1] * 4])
def test_damaged_thresholds_name_the_file_and_the_key(tmp_path: Path, thresholds: Any) -> None:
    """No page is made of them."""
    run = explained(tmp_path / "run")
    evaluated(run, thresholds)
    with pytest.raises(RunError, match=r"prediction_sets\.marginal\.sets\.thresholds") as caught:
        gather(run)
    assert str(caught.value.where).endswith("evaluation.json")


@pytest.mark.parametrize(
    ("changed", "key"),
    [({"coverage": None}, "prediction_sets.coverage"), ({"marginal": []}, "prediction_sets.marginal")],
)
def test_other_damage_of_sets_names_its_key(tmp_path: Path, changed: dict[str, Any], key: str) -> None:
    """The promise, and the sets themselves."""
    run = explained(tmp_path / "run")
    evaluated(run, [0.1] * 4, **changed)
    with pytest.raises(RunError, match=key):
        gather(run)


# --- overlap and chance ------------------------------------------------------------------------------------------


@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=2, max_side=12), elements=st.floats(-3, 3, width=16)))
def test_the_top_is_the_strongest_tenth_of_what_speaks_for_the_class(values: np.ndarray) -> None:
    """Every place in it is above 0, none outside it is stronger, and it is a tenth where no two are equal."""
    inside, faint = top(values), np.percentile(np.abs(values), 99.5) / 8
    assert (values[inside] > 0).all() and inside.any() == ((values > 0) & (values >= faint)).any()
    if inside.any():
        assert not (values[~inside] >= values[inside].min()).any()
    if len(np.unique(values)) == values.size and (values > 0).all():
        n = values.size
        assert inside.sum() == min(max(1, round(n / 10), min(3, n // 3)), (values >= faint).sum())


@given(
    st.sampled_from([(9,), (6, 5), (7, 1), (4, 8)]).flatmap(
        lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
    )
)
def test_chance_in_order_is_what_every_shift_gives(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Held against shifts made one by one."""
    a, b = pair
    found = shifted(a, b)
    if not a.any() or not b.any():
        assert found is None
        return
    axes = tuple(range(a.ndim))
    each = np.array([(a & np.roll(b, shift, axes)).sum() for shift in np.ndindex(a.shape)])
    fewer, own = min(a.sum(), b.sum()), (a & b).sum()
    assert found is not None and found.share == pytest.approx(own / fewer)
    assert found.chance == pytest.approx(each.mean() / fewer) == pytest.approx(a.sum() * b.sum() / a.size / fewer)
    assert found.more == ((each >= own).mean() <= 0.05)
    limit = found.rarely * fewer
    assert (each > limit + 1e-9).mean() <= 0.05 < (each >= limit - 1e-9).mean()


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(arrays(np.bool_, n), arrays(np.bool_, n))))
def test_chance_without_order_is_the_hypergeometric_one(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Held against SciPy."""
    a, b = pair
    found = drawn(a, b)
    if not a.any() or not b.any():
        assert found is None
        return
    law, own, fewer = hypergeom(a.size, a.sum(), b.sum()), int((a & b).sum()), int(min(a.sum(), b.sum()))
    expected = sum(k * law.pmf(k) for k in range(fewer + 1))
    assert found is not None and found.chance == pytest.approx(expected / fewer)
    assert found.more == (law.sf(own - 1) <= 0.05 + 1e-12)
    limit = round(found.rarely * fewer)
    assert law.sf(limit) <= 0.05 + 1e-9 and (limit == 0 or law.sf(limit - 1) > 0.05 - 1e-9)


# --- what methods agree on ---------------------------------------------------------------------------------------


def test_where_methods_agree_a_line_is_drawn_and_the_shares_are_told(tmp_path: Path) -> None:
    """Grad-CAM looks elsewhere: no line is drawn around what it marks."""
    maps = {"shap": blob(8, 8), "lime": blob(9, 8), "gradcam": blob(24, 24)}
    run = explained(tmp_path / "run", maps)
    (case, *_), page = told_of(run).cases, only_report(run)
    (one,) = case.agreed
    assert one.sentence == (
        "SHAP and LIME mark the same places more than by chance, mostly at the top left; no other two do."
    )
    shares = {(pair.first, pair.second): pair.overlap for pair in one.pairs}
    assert shares["SHAP", "LIME"].share > 0.7 and shares["SHAP", "Grad-CAM"].share == 0
    assert all(found.chance == pytest.approx(0.1, abs=0.02) for found in shares.values())
    assert one.marked and one.marked.base == "pic-0-0"
    line = seen(one.marked.image)[..., 3] > 0
    down, across = np.nonzero(line)
    assert 64 > down.max() > down.min() >= 0 and abs(down.mean() - 34) < 6 and abs(across.mean() - 34) < 6
    colours = set(map(tuple, seen(one.marked.image)[line].tolist()))
    assert colours == {(255, 255, 255, 255), (0, 0, 0, 255)}, "seen on dark and on light pictures"
    assert "SHAP and LIME mark the same places" in page.text and "(by chance 11 %, rarely over" in page.text
    assert any("A dashed line is around what at least two methods mark most" in a["alt"] for a in page.all("img"))


def test_methods_that_look_elsewhere_share_no_line(tmp_path: Path) -> None:
    """And the finding is no agreement."""
    run = explained(tmp_path / "run", {"shap": blob(6, 6), "lime": blob(24, 25)})
    (one,) = told_of(run).cases[0].agreed
    assert one.sentence == "The two methods mark the same places no more than by chance." and one.marked is None


def test_maps_without_order_rarely_agree_by_chance() -> None:
    """Of noise about 1 of 20 pairs is called more alike than by chance; of smooth maps no more."""
    random = np.random.default_rng(0)
    found = []
    for smooth in (0, 4):
        alike = 0
        for _ in range(200):
            a, b = random.normal(size=(2, 24, 24))
            for _ in range(smooth):
                a, b = (
                    (m + np.roll(m, 1, 0) + np.roll(m, 1, 1) + np.roll(m, -1, 0) + np.roll(m, -1, 1)) for m in (a, b)
                )
            overlap = shifted(top(a), top(b))
            alike += bool(overlap and overlap.more)
        found.append(alike / 200)
    assert max(found) < 0.1, found


def test_methods_that_failed_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    """With one left there is nothing to tell."""
    run = explained(tmp_path / "run", verdicts=PASSED | {"gradcam": "failed", "lime": "could not be decided"})
    found = told_of(run)
    assert found.compared == ("SHAP", "LIME") and found.not_compared == ("Grad-CAM",)
    assert all(len(case.agreed[0].pairs) == 1 for case in found.cases)
    assert "Left out, for it failed in the tests: Grad-CAM." in only_report(run).text
    run = explained(tmp_path / "one", verdicts=PASSED | {"gradcam": "failed", "lime": "failed"})
    text = only_report(run).text
    assert all(not case.agreed for case in told_of(run).cases)
    assert "SHAP is left when those that failed in the tests are left out (LIME and Grad-CAM)" in text
    assert "mark the same places" not in text and "dashed line" not in text
    run = explained(tmp_path / "single", {"shap": blob(8, 8)})
    assert "What methods agree on is not told: there is one method only." in only_report(run).text


def test_methods_that_mark_nothing_are_not_compared(tmp_path: Path) -> None:
    """Nothing speaks for the class, or a method says nothing."""
    run = explained(tmp_path / "run", {"shap": blob(8, 8), "lime": -blob(8, 8), "gradcam": blob(8, 8) * np.nan})
    assert all(not case.agreed for case in told_of(run).cases)
    assert "fewer than two methods mark anything for the class" in only_report(run).text


def test_a_stretch_of_a_lead_is_named() -> None:
    """By its lead and its time, the strongest first."""
    raw, values = records("signal", 1)[0], np.random.default_rng(3).normal(0, 0.01, (500, 12))
    values[210:240, 7], values[100:120, 2] = 1.0, 0.6
    other = np.random.default_rng(4).normal(0, 0.01, (500, 12))
    other[200:240, 7], other[210:240, 7], other[100:120, 2] = 0.4, 0.8, 0.5
    found = agreement_of(FACTS["signal"], raw, SHAP=values, LIME=other)
    assert found.names[0] == "V2 (4.2 to 4.8 s)" and "III (2 to 2.4 s)" in found.names
    assert found.sentence.startswith("Both methods put <bdi>V2 (4.2 to 4.8 s)</bdi> first. Both methods mark the same")


def test_words_are_named_whole_and_letters_by_their_place() -> None:
    """Tokens that go on with a word belong to it."""
    vocabulary = ["", "", "mild", "cardio", "##myo", "##pathy", "pain"]
    raw = np.array([2] * 20 + [3, 4, 5, 6] + [2] * 20 + [0] * 6)
    values = np.zeros(50)
    values[20:24] = 0.2, 0.9, 0.3, 0.4
    found = agreement_of({"kind": "text", "shape": [50], "vocabulary": vocabulary}, raw, SHAP=values, LIME=values * 2)
    assert found.names == ("cardiomyopathy", "pain") and found.pairs[0].overlap.share == 1
    assert found.sentence.startswith("Both methods put <bdi>cardiomyopathy</bdi> first.")
    strand = {"kind": "sequence", "shape": [60], "alphabet": ["", "N", "A", "C", "G", "T"]}
    letters, values = np.tile([2, 3, 4, 5], 15), np.zeros(60)
    values[24:30] = 1, 2, 3, 2, 1, 1
    found = agreement_of(strand, letters, SHAP=values, LIME=values)
    assert found.names == ("ACGTAC (places 25 to 30)",) and found.pairs[0].overlap.more


def test_columns_are_named_and_few_of_them_cannot_tell() -> None:
    """Of four columns one is on top by chance too often; of thirty three alike are not chance."""
    for n, more in ((4, False), (30, True)):
        features = [{"name": f"column {k}", "kind": "number"} for k in range(n)]
        values = np.linspace(-1, 1, n)
        raw = np.ones(n, np.float32)
        found = agreement_of({"kind": "tabular", "shape": [n], "features": features}, raw, SHAP=values, LIME=values**3)
        assert found.sentence.startswith(f"Both methods put <bdi>column {n - 1}</bdi> first.")
        assert found.pairs[0].overlap.more is more and found.marked is None
        assert ("mark the same places no more than by chance" in found.sentence) is not more
        assert ("no more than by chance" in found.shares) is not more
        assert ("at times all" in found.shares) is not more


def test_names_cannot_become_markup_nor_flood_the_page() -> None:
    """They are set apart, and only the first few are told."""
    features = [{"name": f"{HOSTILE[k % len(HOSTILE)]} {k}" * 3, "kind": "number"} for k in range(90)]
    values, raw = np.linspace(-1, 1, 90), np.ones(90, np.float32)
    found = agreement_of({"kind": "tabular", "shape": [90], "features": features}, raw, SHAP=values, LIME=values)
    page = Page(f"<div>{found.sentence}</div>")
    assert {tag for tag, _ in page.tags} <= {"div", "bdi"} and f"and {9 - NAMES} more" in page.text
    assert all("<script" not in one and "onmouseover=" not in one for one in (found.sentence, found.shares))


def test_hostile_classes_are_text_in_sets(tmp_path: Path) -> None:
    """As everywhere on the page."""
    classes = tuple((f"k{k}", name, False) for k, name in enumerate(HOSTILE[:4]))
    run = explained(tmp_path / "run", story=Story(classes, finalists=1, trials=3, examples=2))
    evaluated(run, [0.0] * 4)
    (finalist,) = run.finalists()
    text = finalist.evaluation.read_text(encoding="utf-8")
    assert json.loads(text)["prediction_sets"]
    assert all(len(case.possible or ()) == 4 for case in told_of(run).cases)
    finalist.evaluation.unlink()
    names_no_network(only_report(run))


def test_several_inputs_have_a_sentence_each(tmp_path: Path) -> None:
    """With its name before it, and only where both methods may be compared."""
    run = made(tmp_path / "run", "image", "signal", "text", "tabular", verdicts=("passed", "passed"))
    case = told_of(run).cases[0]
    assert {one.input for one in case.agreed} >= {"image", "signal", "tabular"}
    text = only_report(run).text
    assert "Agreed image : Both methods mark the same places" in text
    assert all(not case.agreed for case in told_of(made(tmp_path / "other", "image")).cases), "Grad-CAM failed"


# --- pages that would be too large -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with pictures of noise, which no PNG makes small."""
    random = np.random.default_rng(6)
    noise = random.integers(0, 256, (30, 192, 192, 3)).astype(np.uint8)
    folder = tmp_path_factory.mktemp("heavy") / "run"
    run = explained(folder, n=30, pictures=noise, maps={name: random.normal(size=(192, 192)) for name in TITLES})
    (finalist,) = run.finalists()
    with np.load(finalist.examples) as stored:
        held = dict(stored)
    name = next(key for key in held if key.startswith("input_"))
    more = {key: np.repeat(value[:1], 48, axis=0) for key, value in held.items()}
    more[name] = random.integers(0, 256, (48, 192, 192, 3)).astype(np.uint8)
    np.savez_compressed(finalist.examples, **more)
    return run


def test_a_page_over_its_limit_is_thinned_and_says_so(heavy: Run) -> None:
    """Cases first, then pictures; what can be reviewed stays whole."""
    facts = gather(heavy)
    (candidate,) = facts.candidates
    asked: list[tuple[Candidate, str]] = []

    def render(some: Candidate, thinned: str) -> str:
        asked.append((some, thinned))
        return "" if len(asked) > 1 + SIDES.index(128) else "x" * (LIMIT + 5_000_000)

    assert fitted(render, candidate) == ""
    page = Page(report(facts, candidate))
    assert len(page.source.encode()) <= LIMIT
    assert "To keep this page under 10 MB" in page.text and "the explanations of 26 cases are left out" in page.text
    assert "pictures have at most 128 pixels a side" in page.text
    names_no_network(page)
    some = asked[1][0]
    assert some.explanations and some.subject and candidate.subject
    assert len(some.explanations.cases) == FEWEST and len(some.subject.items) == 30
    assert {case.reason for case in some.explanations.cases} == {"Right", "Wrong, and confident"}
    assert some.subject.digest == candidate.subject.digest
    assert sum(bool(item.by) for item in some.subject.items) == FEWEST
    classes = {a for image in page.all("img") for a in image.get("class", "").split() if a.startswith("pic-")}
    assert classes and all(f".{known} {{" in page.source for known in classes), "no picture lost its background"


def test_a_page_under_its_limit_is_left_alone(tmp_path: Path) -> None:
    """And what cannot be made small enough says that."""
    facts = gather(explained(tmp_path / "run"))
    (candidate,) = facts.candidates
    assert "To keep this page" not in Page(report(facts, candidate)).text
    told: list[str] = []

    def render(some: Candidate, thinned: str) -> str:
        told.append(thinned)
        return "x" * 3_000_000

    assert len(fitted(render, candidate, limit=2_000_000)) == 3_000_000
    assert told[0] == "" and told[-1] == (
        "To keep this page under 2 MB (it would have 3.0 MB), pictures have at most 64 pixels a side. "
        "It is larger all the same."
    )
    assert isinstance(candidate.examples[0], Group)
