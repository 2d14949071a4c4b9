"""Explanations on a page: pictures of every kind with their verdicts, the global view, and what was not done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from madeexplained import FACTS, made, records
from madeup import (
    NOTE,
    Page,
    is_named_and_in_order,
    links_lead_somewhere,
    make_labelled_run,
    names_no_network,
    only_report,
    pages,
)

import automed.report
from automed.errors import RunError
from automed.report.artefact import Part
from automed.report.explanations import strokes
from automed.report.explanations.image import overlaid, where
from automed.report.explanations.maps import draw
from automed.report.explanations.overview import columns
from automed.report.explanations.tabular import bars
from automed.report.explanations.tokens import LETTERS, WORDS, logo, window
from automed.report.inputs import INPUTS
from automed.report.inputs.shown import Input, read_input
from automed.run import Finalist, write_json

KINDS = ("image", "signal", "text", "sequence", "tabular")


def described(**facts: Any) -> Input:
    """An input as data.json describes it."""
    return read_input("it", Part(Path("data.json"), facts))


def change(finalist: Finalist, **changed: Any) -> None:
    """Other arrays in attributions.npz."""
    with np.load(finalist.attributions) as stored:
        held = dict(stored)
    np.savez_compressed(finalist.attributions, **(held | changed))


def edit(finalist: Finalist, old: str, new: str) -> None:
    """Another text in explain.json."""
    text = finalist.explanation.read_text(encoding="utf-8")
    assert old in text
    finalist.explanation.write_text(text.replace(old, new), encoding="utf-8")


# --- every kind of input -----------------------------------------------------------------------------------------


def test_every_kind_is_tried() -> None:
    """A new line in the table of inputs is met by the tests below."""
    assert set(KINDS) == set(INPUTS)


@pytest.mark.parametrize("kind", [*KINDS, "gene"])
def test_every_kind_of_input_has_a_picture_with_words_for_who_does_not_see_it(tmp_path: Path, kind: str) -> None:
    """The page keeps what all pages keep: no network, headings in order, every drawing described."""
    run = made(tmp_path / "run", kind)
    for page in pages(run):
        names_no_network(page)
        links_lead_somewhere(page)
        is_named_and_in_order(page)
    page = only_report(run)
    assert "Row 901" in page.text and "Of the group sex: female." in page.text
    assert "gap .01 · fit R² .80 · spread over seeds .10" in page.text
    says = f"{kind}: {'the strongest ' if kind in ('text', 'sequence', 'gene') else ''}"
    if kind == "image":
        told = [image["alt"] for image in page.all("img")]
        assert sum("reference standard Myocardial infarction" in alt and "bottom" in alt for alt in told) == 2
    elif kind in ("text", "gene"):
        assert any(set(a.get("class", "").split()) & {"f4", "a4"} for a in page.all("span")) and says in page.text
    else:
        assert sum(says in drawing["aria-label"] for drawing in page.all("svg")) >= 4
    assert any("largest" in a["aria-label"] for a in page.all("svg")) or kind in ("image", "gene")


def test_several_inputs_are_shown_with_what_each_contributed(tmp_path: Path) -> None:
    """All five in one record, and bars of their sums."""
    page = only_report(made(tmp_path / "run", *KINDS))
    names_no_network(page)
    told = [drawing["aria-label"] for drawing in page.all("svg")]
    sums = "What each input contributed by SHAP: image .10, signal .05, text .03, sequence .03, tabular .02"
    assert told.count(sums) == 2
    assert any("marks most in image: 50" in one for one in told)


def test_an_input_that_a_record_lacks_or_a_method_leaves_out_has_no_picture(tmp_path: Path) -> None:
    """But the words that say why."""
    run = made(tmp_path / "run", "image", "tabular")
    (finalist,) = run.finalists()
    pictures = records("image", 2)
    pictures[0] = 0
    change(finalist, input_image=pictures, **{"gradcam/tabular": np.full((2, 3), np.nan, np.float32)})
    text = only_report(run).text
    assert text.count("This method says nothing of this input.") == 2 and text.count("no picture") == 2


def test_all_twelve_leads_are_drawn_and_shaded() -> None:
    """With gaps left open, and a lead without any value left out."""
    one, raw = described(**FACTS["signal"]), records("signal", 1)[0]
    raw[:, 3], raw[200:300, 0] = np.nan, np.nan
    values = np.zeros((500, 12))
    values[100:150, 6], values[300:320, 2] = 1.0, -1.0
    found = draw(one, raw, values, signed=True, whole=True, region=None)
    page = Page(str(found.drawing))
    assert "V1" in page.text and "aVR" not in page.text and page.text.count("V") == 8
    assert {a.get("class") for a in page.all("path")} >= {"f4", "a4"}
    assert found.says == "it: most is marked in V1, from 2 s to 2.2 s, for the class"
    assert sum(a["d"].count("M") == 2 for a in page.all("path")) == 1, "the trace with a gap is in two pieces"


def test_of_many_channels_those_that_matter_are_drawn() -> None:
    """And the others counted."""
    names = [f"c{k}" for k in range(20)]
    one = described(kind="signal", shape=[48, 20], channels=names, step=1, unit="h", values=list(range(20)))
    values = np.tile(np.arange(20.0), (48, 1))
    found = draw(one, np.ones((48, 20), np.float32), values, signed=True, whole=True, region=None)
    assert "c19" in found.drawing and "c7<" not in found.drawing
    assert found.note == "8 channels with less influence not drawn."


def test_a_long_text_is_shown_around_its_strongest_word() -> None:
    """What is left out is counted, and a word that goes on is joined."""
    vocabulary = ["", "", "mild", "cardio", "##myo", "<b>"]
    one = described(kind="text", shape=[900], vocabulary=vocabulary)
    raw, values = np.full(900, 2), np.zeros(900)
    raw[700], raw[701], raw[702], values[701] = 3, 4, 5, -2.0
    found = draw(one, raw, values, signed=True, whole=True, region=None)
    pieces = {text: (look, apart) for text, look, apart in found.tokens}
    assert pieces["myo"] == ("a4", False) and found.note == "Words 602 to 801 of 900 words, around the strongest."
    assert found.says == "it: the strongest word is myo, against the class"
    assert sum(len(text.split()) for text, _, _ in found.tokens) == WORDS


@given(
    values=arrays(np.float64, st.integers(1, 60), elements=st.floats(-5, 5, width=32)),
    most=st.integers(1, 50),
)
def test_a_window_holds_the_strongest_place(values: np.ndarray, most: int) -> None:
    """And as many places as it can."""
    places = np.arange(len(values))
    shown = window(places, values, most)
    assert len(shown) == min(most, len(values)) and int(np.abs(values).argmax()) in shown


def test_letters_of_a_long_sequence_are_shaded(tmp_path: Path) -> None:
    """In groups of ten; those of a short one are as high as their influence."""
    text = only_report(made(tmp_path / "run", "gene")).text
    assert "of 900, around the strongest" in text or f"The first {LETTERS} of 900 letters." in text


def test_letters_of_a_logo_are_as_high_as_their_influence() -> None:
    """And any sign can be a letter."""
    drawing, says = logo(["A", "<", "G"], np.array([0.1, -0.4, 0.2]), "motif")
    heights = [float(h) for h in re.findall(r"scale\(1 ([\d.]+)\)", drawing)]
    assert heights[1] > heights[2] > heights[0] and "&lt;" in drawing and "place 2, against the class" in says


def test_an_overlay_is_orange_for_and_purple_against_and_grey_elsewhere() -> None:
    """With a white border around the sign."""
    values = np.zeros((16, 16))
    values[2, 2], values[12, 12] = 1.0, -1.0
    region = np.zeros((16, 16), np.uint8)
    region[6:10, 6:10] = 1
    made = overlaid(np.full((16, 16, 1), 100, np.uint8), values, 1.0, region).astype(int)
    plus, minus, plain = made[20, 20], made[100, 100], made[4, 60]
    assert plus[0] > plus[2] + 60 and minus[2] > minus[1] + 30 and np.ptp(plain) == 0
    assert (made[6 * 8, 6 * 8 : 10 * 8] == 255).all()
    assert where(values) == "most is marked for the class at the top left (100\u202f%)"


def test_a_bar_keeps_the_value_of_a_column_with_a_long_name() -> None:
    """What is cut is the name."""
    features = [{"name": "mean corpuscular haemoglobin concentration", "kind": "number"}]
    one = described(kind="tabular", shape=[1], features=features)
    found = draw(one, np.array([33.1]), np.array([0.2]), signed=True, whole=True, region=None)
    assert "= 33.1<" in found.drawing and "mean corpuscul" in found.drawing
    assert "concentration (33.1) counts most, for the class" in found.says


def test_maps_of_nothing_are_drawn_as_nothing() -> None:
    """A constant map has no strongest element and divides by nothing."""
    for kind in (*KINDS, "gene"):
        raw = records(kind, 1)[0]
        shape = raw.shape[:2] if kind == "image" else raw.shape
        found = draw(described(**FACTS[kind]), raw, np.zeros(shape), signed=True, whole=True, region=None)
        assert "nothing is marked" in found.says
    assert "nan" not in bars([("a", 0.0), ("b", 0.0)], "no bar") + columns("it", np.zeros(3), "abc")[0]


@given(st.floats(allow_nan=True, allow_infinity=False), st.floats(0, 1e6))
def test_a_shade_has_the_sign_of_its_value(value: float, scale: float) -> None:
    """And at most LEVELS steps; what is not a number has none."""
    steps = strokes.level(value, scale)
    assert abs(steps) <= strokes.LEVELS and (steps == 0 or (steps > 0) == (value > 0))


# --- whether it can be trusted -----------------------------------------------------------------------------------


def test_each_test_of_each_method_has_its_verdict_in_words(tmp_path: Path) -> None:
    """With what it asks, what it does not show, and its figures with intervals."""
    text = only_report(made(tmp_path / "run", "text")).text
    assert "Tested on 8 test records of 8 simulated patients" in text
    assert "Verdict ✓ passed ✗ failed" in text
    asked = "Faithfulness Does hiding what is marked matter more than hiding something else? ✓ passed ✗ failed"
    assert asked in text and "? – not applicable – not applicable" in text
    assert text.count("Faithfulness. What faithfulness does not show.") == 1
    assert "Faithfulness figure of faithfulness .200 .100 to .300 8" in text
    assert "Faithfulness another figure .100 none: 2 patients, 5 are needed 2" in text
    assert "It suits. Computed by shap.GradientExplainer, 0.5 s a case." in text
    assert "by .010 on average, .020 at most" in text and "samples 400" in text


def test_the_curves_of_the_tests_are_drawn(tmp_path: Path) -> None:
    """Hiding and showing against the controls, and random weights where there is a correlation."""
    told = [drawing["aria-label"] for drawing in only_report(made(tmp_path / "run", "text")).all("svg")]
    assert any("more and more is hidden: from .90 to .30, what SHAP marks first" in one for one in told)
    assert any("more and more is shown: from .30 to .90, what SHAP marks first" in one for one in told)
    assert any("random weights: −.10 with those of all layers." in one for one in told)


@pytest.mark.parametrize(
    ("verdict", "said", "tag"),
    [
        ("failed", "Not validated for this model: failed in faithfulness.", "not validated for this model"),
        (
            "could not be decided",
            "Could not be validated: faithfulness could not be decided.",
            "could not be validated",
        ),
        ("not validated", "Not tested on this model: whether its pictures can be trusted is not known.", "not tested"),
    ],
)
def test_a_method_that_did_not_pass_carries_a_banner(tmp_path: Path, verdict: str, said: str, tag: str) -> None:
    """In words, above its figures and at each of its pictures; one that passed carries none."""
    page = only_report(made(tmp_path / "run", "image", verdicts=("passed", verdict)))
    assert page.text.count(said) == 1
    flagged = page.source.partition('<section id="review"')[0].split('<span class="flag ')[1:]
    assert len(flagged) == 2 and all(tag in one.partition("\n")[0] for one in flagged)


def test_a_map_that_points_at_a_ruler_is_told_in_short(tmp_path: Path) -> None:
    """At the top of the page, where nobody overlooks it, once for all methods."""
    source = only_report(made(tmp_path / "run", "image")).source
    short, rest = source.split('<section id="scores"', 1)
    assert "Possible shortcut." in short and "Possible shortcut." not in rest
    assert short.count("The maps point at the ruler, which is no part of the lesion.") == 1
    assert "Shares of what is marked: lesion 30\u202f%, ruler 60\u202f%" in rest


def test_patients_that_the_data_do_not_name_are_not_counted(tmp_path: Path) -> None:
    """A record is not a patient."""
    run = made(tmp_path / "run", "text")
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    write_json(run.data, facts | {"patients_named": False})
    assert re.search(r"Tested on 8 test records(?! of)", only_report(run).text)


# --- what is not there, and what is damaged ----------------------------------------------------------------------


def test_a_run_without_explanations_says_so(tmp_path: Path) -> None:
    """And the page is made all the same."""
    run = make_labelled_run(tmp_path / "run", {"text": NOTE}, {"text": records("text", 2)})
    assert "Not done: this model has not been explained." in only_report(run).text


def test_methods_that_were_not_applied_are_named(tmp_path: Path) -> None:
    """With the reason; without any method the page says that nothing is known."""
    run = made(tmp_path / "run", "text")
    assert "LIME was not applied: it is not asked for." in only_report(run).text
    (finalist,) = run.finalists()
    document = json.loads(finalist.explanation.read_text(encoding="utf-8"))
    write_json(finalist.explanation, document | {"methods": []})
    page = only_report(run)
    is_named_and_in_order(page)
    assert "No method could be applied" in page.text


def test_new_records_have_no_reference_standard(tmp_path: Path) -> None:
    """And nothing is said of right or wrong."""
    run = made(tmp_path / "run", "image")
    (finalist,) = run.finalists()
    with np.load(finalist.attributions) as stored:
        held = {name: stored[name] for name in stored.files if name != "label"}
    np.savez_compressed(finalist.attributions, **held)
    edit(finalist, '"right"', '"asked for"')
    page = only_report(run)
    assert "Asked for" in page.text and "Chosen by rule: confident errors" not in page.text
    assert sum("no reference standard" in image["alt"] for image in page.all("img")) >= 4


ONE, FLAT = np.zeros((1, 3), np.float32), np.zeros((2, 9, 9), np.float32)
DAMAGED: list[tuple[str, dict[str, Any]]] = [
    ("class", {"class": np.array([9, 0])}),
    ("decided", {"decided": np.array([0, 1])}),
    ("label", {"label": np.full((2, 4), 7)}),
    ("probabilities", {"probabilities": np.ones((2, 3), np.float32)}),
    ("record", {"record": np.array(3)}),
    ("'image'", {"input_image": np.zeros((2, 5), np.uint8)}),
    ("'tabular'", {"input_tabular": ONE}),
    ("shap/image", {"shap/image": FLAT}),
    ("region_image", {"region_image": FLAT}),
    ("mean", {"overview/shap/image/mean": FLAT[0]}),
    ("raw", {"overview/tabular/raw": np.zeros((4, 9), np.float32)}),
]


def test_damaged_arrays_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    """Whatever does not fit data.json: before anything is drawn, with what is wrong."""
    run = made(tmp_path / "run", "image", "tabular")
    (finalist,) = run.finalists()
    kept = finalist.attributions.read_bytes()
    for named, changed in DAMAGED:
        change(finalist, **changed)
        with pytest.raises(RunError, match=r"attributions\.npz") as raised:
            only_report(run)
        assert named in str(raised.value), named
        finalist.attributions.write_bytes(kept)
    finalist.attributions.write_bytes(kept[:200])
    with pytest.raises(RunError, match=r"attributions\.npz"):
        only_report(run)
    finalist.attributions.unlink()
    with pytest.raises(RunError, match=r"attributions\.npz.*missing"):
        only_report(run)


@pytest.mark.parametrize("key", ["cases", "methods", "tested", "not_applicable"])
def test_a_damaged_document_is_an_error_that_names_the_file(tmp_path: Path, key: str) -> None:
    """Cut, or of another shape than it should be."""
    run = made(tmp_path / "run", "text")
    (finalist,) = run.finalists()
    document = json.loads(finalist.explanation.read_text(encoding="utf-8"))
    write_json(finalist.explanation, document | {key: [1]})
    with pytest.raises(RunError, match=r"explain\.json"):
        only_report(run)
    write_json(finalist.explanation, document | {"cases": []})
    with pytest.raises(RunError, match=r"explain\.json"):
        only_report(run)


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    """Names of leads, words, columns and regions, sentences and reasons are data."""
    run = made(tmp_path / "run", *KINDS)
    (finalist,) = run.finalists()
    hostile = "<script>alert(1)</script> {{ 7*7 }} \u202eevil 🧪"
    for old in ("Something was measured.", "it is not asked for", "of the group sex", "chest", "ruler", "It suits"):
        edit(finalist, old, hostile)
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    facts["inputs"]["text"]["vocabulary"][2:4] = [hostile, '"><b>']
    facts["inputs"]["tabular"]["features"][0]["name"] = hostile
    facts["inputs"]["signal"]["channels"][7] = hostile
    facts["classes"][1]["name"] = hostile
    write_json(run.data, facts)
    page = only_report(run)
    names_no_network(page)
    assert all(not a for a in page.all("b") if "class" not in a)
    assert "{{ 7*7 }}" in page.text and "🧪" in page.text
    assert "\u202e" not in page.source and "49" not in page.text.partition("What the model looked at")[2][:400]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


# --- size, and what can be read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "signal"])
def test_a_dozen_cases_stay_small(tmp_path: Path, kind: str) -> None:
    """A page of twelve cases, two methods each, is under 1.5 MB."""
    page = only_report(made(tmp_path / "run", kind, n=12))
    assert page.text.count("Row 9") == 12 and len(page.source.encode()) < 1_500_000


def _mixed(colour: tuple[float, ...], share: float, behind: tuple[float, ...]) -> float:
    blend = [c * share + b * (1 - share) for c, b in zip(colour, behind, strict=True)]
    linear = [c / 255 / 12.92 if c <= 10.3 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in blend]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_shaded_words_can_be_read(theme: int) -> None:
    """Contrast of 4.5 or more (WCAG 2 AA) of text on every shade, in light and dark."""
    style = (Path(automed.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = {
        name: tuple(int(value[k : k + 2], 16) for k in (1, 3, 5))
        for name, value in re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[theme])
    }
    shades = re.findall(r"\.([fa]\d) \{ background: rgba\((\d+), (\d+), (\d+), (\.\d+)\)", style)
    own = {name: ((int(r), int(g), int(b)), float(share)) for name, r, g, b, share in (shades if theme else shades[:8])}
    assert sorted(own) == [f"{which}{k}" for which in "af" for k in range(1, 5)]
    text = _mixed(colours["ink"], 1.0, colours["paper"])
    for colour, share in own.values():
        behind = _mixed(colour, share, colours["paper"])
        high, low = max(text, behind), min(text, behind)
        assert (high + 0.05) / (low + 0.05) >= 4.5
