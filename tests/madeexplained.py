"""Explanations of a made-up run, as the stage that explains leaves them: explain.json and attributions.npz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from madeup import ECG, LEADS, NOTE, VITALS, heartbeats, make_labelled_run

from automed.run import Run, write_json

STRAND = {"kind": "sequence", "shape": [60], "alphabet": ["", "N", "A", "C", "G", "T"], "aligned": True}
GENE = {"kind": "sequence", "shape": [900], "alphabet": ["", "N", "A", "C", "G", "T"]}
PICTURE = {"kind": "image", "shape": [32, 32, 3], "regions": {"cache": "c0ffee", "names": ["lesion", "ruler"]}}
FACTS: dict[str, dict[str, Any]] = {
    "image": PICTURE, "signal": ECG, "text": NOTE, "sequence": STRAND, "tabular": VITALS, "gene": GENE,
}  # fmt: skip
METHODS = ("shap", "gradcam")
RULER = "The maps point at the ruler, which is no part of the lesion: the ruler (a share of 0.6)."
CONTROLS = ("random", "centre", "edges", "magnitude")
AMOUNTS = [0.0, 0.05, 0.15, 0.35, 0.65, 1.0]


def records(kind: str, n: int) -> np.ndarray:
    """Records of one kind as a model reads them."""
    random = np.random.default_rng(4)
    if kind == "image":
        y, x = np.mgrid[-1:1:32j, -1:1:32j]
        inside = np.hypot(x, y)[None, ..., None] < random.uniform(0.35, 0.6, (n, 1, 1, 1))
        skin = np.where(inside, (104, 62, 48), (222, 178, 158)) + random.normal(0, 6, (n, 32, 32, 3))
        skin[:, 28:, ::3] = 20
        return np.clip(skin, 0, 255).astype(np.uint8)
    if kind == "signal":
        return heartbeats(n)
    if kind == "text":
        return np.tile(np.array([2, 3, 1, 5, 0, 0], np.int32), (n, 1))
    if kind == "tabular":
        return np.tile(np.array([[64, 1.9, 2], [50, np.nan, 1]], np.float32), (n // 2 + 1, 1))[:n]
    return random.integers(2, 6, (n, *FACTS[kind]["shape"])).astype(np.uint8)


def shape_of(kind: str) -> tuple[int, ...]:
    """Of a map."""
    shape = tuple(FACTS[kind]["shape"])
    return shape[:2] if kind == "image" else shape


def values_of(kind: str, n: int, *, signed: bool) -> np.ndarray:
    """Maps: of images at the ruler, of ECGs at the start of V2, else by chance and sparse."""
    random = np.random.default_rng(1)
    values = random.normal(0, 0.02, (n, *shape_of(kind)))
    if kind == "image":
        values[:, 27:, 4:28] += 0.1
        values[:, 10:14, 8:12] -= 0.08
    elif kind == "signal":
        values[:, 40:110, 7] += 0.1
        values[:, 200:230, 2] -= 0.07
    else:
        values *= random.random(values.shape) ** 3 * 10
    return (values if signed else np.abs(values)).astype(np.float32)


def finding(check: str, verdict: str, sentence: str = "Something was measured.", counts: bool = True) -> dict[str, Any]:
    """What one test says."""
    curves: dict[str, Any] = {}
    figures = {"first": {"value": 0.2, "ci95": [0.1, 0.3], "n": 8, "what": f"figure of {check}", "reason": None}}
    if check == "faithfulness":
        falls = {name: [0.9 - 0.6 * a ** (0.3 + k / 2) for a in AMOUNTS] for k, name in enumerate(("shap", *CONTROLS))}
        rises = {name: values[::-1] for name, values in falls.items()}
        curves = {"amount": AMOUNTS, "deletion": falls, "insertion": rises}
        too_few = "not estimable: 2 patients, 5 are needed"
        figures["second"] = {"value": 0.1, "ci95": None, "n": 2, "what": "another figure", "reason": too_few}
    if check == "randomisation":
        curves = {"stage": ["as trained", "head", "upper half", "all layers"], "correlation": [1.0, None, 0.4, -0.1]}
    limits = f"What {check} does not show."
    return {
        "check": check, "verdict": verdict, "sentence": sentence, "figures": figures, "limits": limits,
        "counts": counts, "curves": curves,
    }  # fmt: skip


def overview_of(kind: str) -> dict[str, Any]:
    """The global view of one input."""
    names = {"signal": LEADS, "text": ("chest", "pain", "rest"), "tabular": ("lactate", "age", "sex")}
    elements = [
        {"name": name, "mean_abs": 0.2 / (k + 1), "mean": 0.1, "n": 9}
        for k, name in enumerate(names.get(kind, ("A", "<G>")))
    ]
    told: dict[str, Any] = {"kind": kind, "elements": [] if kind == "image" else elements, "share_of_input": 0.5}
    if kind == "image":
        told["regions"] = {"lesion": 0.3, "ruler": 0.6, "elsewhere": 0.1}
    if kind == "signal":
        told["segments"] = [{"name": f"{k / 2:g} to {k / 2 + 0.5:g} s", "mean_abs": 0.1 / (1 + k)} for k in range(20)]
    return told


def explain(run: Run, kinds: Sequence[str], verdicts: tuple[str, str] = ("passed", "failed"), n: int = 2) -> None:
    """Artefacts of explanations of n cases by SHAP and Grad-CAM, the verdicts on which are given."""
    (finalist,) = run.finalists()
    patterns = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]])
    decided = patterns[np.arange(n) % 2]
    arrays: dict[str, Any] = {
        "record": 901 + np.arange(n),
        "class": np.where(np.arange(n) % 2, 0, 1),
        "decided": decided,
        "label": np.where(np.arange(n)[:, None] % 2, 0, decided),
        "probabilities": np.tile(np.array([0.1, 0.9, 0.2, 0.1], np.float32), (n, 1)),
        "reason": np.array(["right", "wrong, confident"])[np.arange(n) % 2],
    }
    for kind in kinds:
        arrays[f"input_{kind}"] = records(kind, n)
        for method in METHODS:
            arrays[f"{method}/{kind}"] = values = values_of(kind, n, signed=method == "shap")
            if kind != "gene":
                arrays[f"overview/{method}/{kind}/mean"] = np.abs(values).mean(axis=0)
        if kind == "image":
            region = np.zeros((n, 32, 32), np.uint8)
            region[:, 8:23, 8:23], region[:, 28:] = 1, 2
            arrays["region_image"] = region
        if kind == "tabular":
            arrays["overview/tabular/raw"] = np.tile(records(kind, 2), (12, 1)) + np.arange(24)[:, None]
            for method in METHODS:
                arrays[f"overview/{method}/tabular/values"] = values_of(kind, 24, signed=method == "shap")
    np.savez_compressed(finalist.attributions, **arrays)
    inputs = {kind: 0.1 / (k + 1) for k, kind in enumerate(kinds)}
    case = {
        "output": 0.9,
        "base": 0.2,
        "gap": 0.012,
        "notes": {"r2": 0.8, "spread": 0.1, "samples": 400},
        "inputs": inputs,
    }
    tested = None if "not validated" in verdicts else {"n": 8, "patients": 8}
    told = [
        {"record": int(record), "class": int(k), "reason": str(reason), "why": "of the group sex: female" * (not i)}
        for i, (record, k, reason) in enumerate(zip(arrays["record"], arrays["class"], arrays["reason"], strict=True))
    ]
    methods = []
    for name, verdict in zip(METHODS, verdicts, strict=True):
        checks = [
            finding("skill", "passed"), finding("faithfulness", verdict), finding("randomisation", "passed"),
            finding("stability", "passed"), finding("localisation", "failed", RULER, counts=False),
            finding("groups", "not applicable", counts=False),
        ]  # fmt: skip
        methods.append(
            {
                "name": name, "explainer": "shap.GradientExplainer", "reason": "It suits", "unit": "probability",
                "parameters": {"samples": 400}, "signed": name == "shap", "seconds": 1.0, "seconds_per_case": 0.5,
                "gap": {"mean": 0.01, "largest": 0.02} if name == "shap" else None, "cases": [case] * n,
                "overview": {kind: overview_of(kind) for kind in kinds}, "verdict": verdict,
                "findings": checks if verdict != "not validated" else [],
            }
        )  # fmt: skip
    write_json(
        finalist.explanation,
        {
            "version": 1, "made": "2026-01-31T10:15:00+00:00", "seed": 0, "settings": {}, "classes": [],
            "cases": told, "regions": {"image": ["lesion", "ruler"]}, "tested": tested,
            "validated": tested is not None,
            "not_applicable": [{"name": "lime", "reason": "it is not asked for"}], "methods": methods,
            "seconds": {"total": 12.0},
        },
    )  # fmt: skip


def made(folder: Path, *kinds: str, verdicts: tuple[str, str] = ("passed", "failed"), n: int = 2) -> Run:
    """A run of records with these inputs, explained."""
    run = make_labelled_run(folder, {kind: FACTS[kind] for kind in kinds}, {kind: records(kind, n) for kind in kinds})
    explain(run, kinds, verdicts, n)
    return run
