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
from madeup import (
    ECG,
    NOTE,
    VITALS,
    heartbeats,
    is_named_and_in_order,
    links_lead_somewhere,
    make_labelled_run,
    names_no_network,
    only_report,
    pages,
)

from automed.errors import RunError
from automed.report.explanations import strokes
from automed.report.explanations.maps import logo, overlaid, where
from automed.report.inputs import INPUTS
from automed.run import Run, write_json

STRAND = {"kind": "sequence", "shape": [60], "alphabet": ["", "N", "A", "C", "G", "T"], "aligned": True}
PICTURE = {"kind": "image", "shape": [16, 16, 3], "regions": {"cache": "c0ffee", "names": ["lesion", "ruler"]}}
KINDS: dict[str, tuple[dict[str, Any], np.ndarray, tuple[int, ...]]] = {
    "image": (PICTURE, np.random.default_rng(0).integers(1, 255, (2, 16, 16, 3), dtype=np.uint8), (16, 16)),
    "signal": (ECG, heartbeats(2), (500, 12)),
    "text": (NOTE, np.array([[2, 3, 4, 5, 0, 0]] * 2, np.int32), (6,)),
    "sequence": (STRAND, np.array([[2, 3, 4, 5] * 15] * 2, np.uint8), (60,)),
    "tabular": (VITALS, np.array([[64, 1.9, 2], [50, np.nan, 1]], np.float32), (3,)),
}
RULER = "The maps point at the ruler, which is no part of the lesion: the ruler (a share of 0.6)."


def finding(check: str, verdict: str, sentence: str = "Something was measured.", counts: bool = True) -> dict[str, Any]:
    curves: dict[str, Any] = {}
    if check == "faithfulness":
        curves = {"amount": [0, 0.5, 1], "deletion": {"shap": [0.9, 0.2, 0.1], "random": [0.9, 0.6, 0.1]}}
    figures = {"random": {"value": 0.2, "ci95": [0.1, 0.3], "n": 8, "what": "fall", "reason": None}}
    return {
        "check": check, "verdict": verdict, "sentence": sentence, "figures": figures,
        "limits": "It does not show that the model is right.", "counts": counts, "curves": curves,
    }  # fmt: skip


def explain(run: Run, kinds: tuple[str, ...], verdicts: tuple[str, str] = ("passed", "failed")) -> None:
    """Artefacts of explanations of two cases by two methods, as the stage writes them."""
    random = np.random.default_rng(1)
    (finalist,) = run.finalists()
    arrays: dict[str, Any] = {
        "record": np.array([901, 902]),
        "class": np.array([1, 0]),
        "decided": np.array([[0, 1, 0, 0], [1, 0, 0, 0]]),
        "label": np.array([[0, 1, 0, 0], [0, 0, 0, 0]]),
        "probabilities": np.array([[0.1, 0.9, 0.2, 0.1], [0.7, 0.2, 0.1, 0.1]], np.float32),
        "reason": np.array(["right", "wrong, confident"]),
    }
    overview: dict[str, Any] = {}
    for kind in kinds:
        _, raw, shape = KINDS[kind]
        arrays[f"input_{kind}"] = raw
        for method in ("shap", "gradcam"):
            values = random.normal(0, 0.1, (2, *shape)).astype(np.float32)
            arrays[f"{method}/{kind}"] = np.abs(values) if method == "gradcam" else values
            arrays[f"overview/{method}/{kind}/mean"] = np.abs(values).mean(axis=0)
        if kind == "image":
            region = np.zeros((2, 16, 16), np.uint8)
            region[:, 4:9, 4:9], region[:, 14:] = 1, 2
            arrays["region_image"] = region
        if kind == "tabular":
            arrays["overview/tabular/raw"] = raw
            for method in ("shap", "gradcam"):
                arrays[f"overview/{method}/tabular/values"] = arrays[f"{method}/tabular"]
        elements = [{"name": "lead <II>", "mean_abs": 0.2, "mean": 0.1, "n": 9}]
        overview[kind] = {"kind": kind, "elements": [] if kind == "image" else elements, "share_of_input": 0.5}
        if kind == "image":
            overview[kind]["regions"] = {"lesion": 0.3, "ruler": 0.6, "elsewhere": 0.1}
    np.savez_compressed(finalist.attributions, **arrays)
    case = {"output": 0.9, "base": 0.2, "gap": 0.01, "notes": {"r2": 0.8}, "inputs": dict.fromkeys(kinds, 0.1)}
    methods = []
    for name, verdict in zip(("shap", "gradcam"), verdicts, strict=True):
        local = finding("localisation", "failed", RULER, counts=False)
        checks = [finding("faithfulness", verdict), finding("stability", "passed"), local]
        methods.append(
            {
                "name": name, "explainer": "shap.GradientExplainer", "reason": "It suits.", "unit": "probability",
                "parameters": {"samples": 400}, "signed": name == "shap", "seconds": 1.0, "seconds_per_case": 0.5,
                "gap": {"mean": 0.01, "largest": 0.02} if name == "shap" else None, "cases": [case, case],
                "overview": overview, "verdict": verdict, "findings": checks if verdict != "not validated" else [],
            }
        )  # fmt: skip
    tested = None if "not validated" in verdicts else {"n": 8, "patients": 8}
    write_json(
        finalist.explanation,
        {
            "version": 1, "made": "2026-01-31T10:15:00+00:00", "seed": 0, "settings": {}, "classes": [],
            "cases": [
                {"record": 901, "class": 1, "reason": "right", "why": "of the group sex: female"},
                {"record": 902, "class": 0, "reason": "wrong, confident", "why": ""},
            ],
            "regions": {"image": ["lesion", "ruler"]}, "tested": tested, "validated": tested is not None,
            "not_applicable": [{"name": "lime", "reason": "it is not asked for"}], "methods": methods,
            "seconds": {"total": 12.0},
        },
    )  # fmt: skip


def made(folder: Path, *kinds: str, verdicts: tuple[str, str] = ("passed", "failed")) -> Run:
    run = make_labelled_run(folder, {k: KINDS[k][0] for k in kinds}, {k: KINDS[k][1] for k in kinds})
    explain(run, kinds, verdicts)
    return run


def test_every_kind_is_tried() -> None:
    """A new line in the table of inputs is met by the tests below."""
    assert set(KINDS) == set(INPUTS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_input_has_a_picture_with_words_for_who_does_not_see_it(tmp_path: Path, kind: str) -> None:
    """The page keeps what all pages keep: no network, headings in order, every drawing described."""
    run = made(tmp_path / "run", kind)
    for page in pages(run):
        names_no_network(page)
        links_lead_somewhere(page)
        is_named_and_in_order(page)
    page = only_report(run)
    assert "Row 901" in page.text and "of the group sex: female" in page.text and "gap .01" in page.text
    if kind == "image":
        assert sum("reference standard Myocardial infarction" in image["alt"] for image in page.all("img")) >= 3
    elif kind == "text":
        assert any(set(a.get("class", "").split()) & {"f4", "a4"} for a in page.all("span"))
    else:
        assert any(kind in drawing["aria-label"] for drawing in page.all("svg"))


def test_several_inputs_are_shown_with_what_each_contributed(tmp_path: Path) -> None:
    """All five in one record."""
    page = only_report(made(tmp_path / "run", *KINDS))
    names_no_network(page)
    assert "By SHAP: image .10, signal .10, text .10, sequence .10, tabular .10." in page.text


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("failed", "Not validated for this model: failed in faithfulness."),
        ("could not be decided", "Could not be validated: faithfulness could not be decided."),
        ("not validated", "Not tested on this model"),
    ],
)
def test_a_method_that_did_not_pass_carries_a_banner(tmp_path: Path, verdict: str, said: str) -> None:
    """In words, above its figures and at each of its pictures; one that passed carries none."""
    page = only_report(made(tmp_path / "run", "image", verdicts=("passed", verdict)))
    assert said in page.text
    assert page.text.count("Not validated for this model") == (verdict == "failed")


def test_a_map_that_points_at_a_ruler_is_told_in_short(tmp_path: Path) -> None:
    """At the top of the page, where nobody overlooks it."""
    page = only_report(made(tmp_path / "run", "image"))
    short, rest = page.text.split("Test scores", 1)
    assert "Possible shortcut. The maps point at the ruler, which is no part of the lesion." in short + rest[:3000]
    assert "ruler" in rest and "60" in rest


def test_a_run_without_explanations_says_so(tmp_path: Path) -> None:
    """And the page is made all the same."""
    run = make_labelled_run(tmp_path / "run", {"text": NOTE}, {"text": KINDS["text"][1]})
    page = only_report(run)
    assert "this model has not been explained" in page.text


def test_methods_that_were_not_applied_are_named(tmp_path: Path) -> None:
    """With the reason."""
    assert "LIME was not applied: it is not asked for." in only_report(made(tmp_path / "run", "text")).text


@pytest.mark.parametrize("damage", ["cut", "gone", "class", "cases"])
def test_a_damaged_artefact_is_named(tmp_path: Path, damage: str) -> None:
    """By its file, before anything is drawn."""
    run = made(tmp_path / "run", "image")
    (finalist,) = run.finalists()
    if damage == "cut":
        finalist.attributions.write_bytes(finalist.attributions.read_bytes()[:200])
    elif damage == "gone":
        finalist.attributions.unlink()
    elif damage == "class":
        with np.load(finalist.attributions) as stored:
            arrays = dict(stored)
        np.savez_compressed(finalist.attributions, **(arrays | {"class": np.array([9, 0])}))
    else:
        document = json.loads(finalist.explanation.read_text())
        write_json(finalist.explanation, document | {"cases": []})
    with pytest.raises(RunError) as raised:
        only_report(run)
    assert "explain.json" in str(raised.value) or "attributions.npz" in str(raised.value)


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    """Names of leads, sentences and reasons are data."""
    run = made(tmp_path / "run", "signal")
    (finalist,) = run.finalists()
    text = finalist.explanation.read_text().replace("Something was measured.", "<script>alert(1)</script> {{ 7*7 }}")
    finalist.explanation.write_text(text)
    page = only_report(run)
    assert not page.all("script") and "{{ 7*7 }}" in page.text and "lead <II>" in page.text


@given(st.floats(allow_nan=True, allow_infinity=False), st.floats(0, 1e6))
def test_a_shade_has_the_sign_of_its_value(value: float, scale: float) -> None:
    """And at most LEVELS steps; what is not a number has none."""
    steps = strokes.level(value, scale)
    assert abs(steps) <= strokes.LEVELS and (steps == 0 or (steps > 0) == (value > 0))


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
