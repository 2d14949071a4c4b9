"""A run folder as its stages leave it, written by hand, and its pages taken apart: what the tests of pages share."""

from __future__ import annotations

import itertools
import json
import math
import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automed.evaluate import finalist as scoring
from automed.evaluate import predictions
from automed.recipe import dump, load
from automed.recipe.evaluate import Evaluate
from automed.report.facts import gather
from automed.report.pages import render, report
from automed.run import Finalist, Run, write_json, write_text

SKIN = (
    ("nv", "Naevus", False),
    ("mel", "Melanoma", True),
    ("bcc", "Basal cell carcinoma", True),
    ("bkl", "Keratosis", False),
)
ARCHITECTURES = ("resnet", "cnn", "mobilenet")
METHOD = "percentile interval of a bootstrap over patients"
HOSTILE = (
    "<script>alert(1)</script>",
    '" onmouseover="alert(2)',
    "{{ 7 * 7 }} {% raw %}",
    "מלנומה \u202eevil",
    "🧪 cell & $x^2$",
    "]]></style><b>",
)


# --- a run, written by hand as its stages would ------------------------------------------------------------------


@dataclass
class Story:
    """What the made-up run tells."""

    classes: tuple[tuple[str, str, bool], ...] = SKIN
    finalists: int = 3
    trials: int = 18
    status: str = "done"
    title: str = "Pigmented skin lesion triage"
    intended_use: str = "Second reader for dermoscopic images of adults; never the only reader."
    phantom: bool = True
    boosting: float = 0.742
    examples: int = 24
    data: dict[str, Any] = field(default_factory=lambda: {"source": "phantom"})
    extra: dict[str, Any] = field(default_factory=dict)


def make_run(folder: Path, story: Story | None = None) -> Run:
    """A run folder as `automed search` leaves it."""
    story = story or Story()
    folder.mkdir(parents=True)
    run = Run(folder)
    random = np.random.default_rng(7)
    _recipe(run, story)
    write_json(run.data, _data(story))
    _manifest(run, story)
    run.log("created", recipe="ab" * 32)
    ranked = _trials(run, story, random)
    write_json(run.leaderboard, _leaderboard(story, ranked))
    for rank, row in enumerate(ranked[: story.finalists], 1):
        finalist = run.finalist(rank, row["architecture"])
        finalist.folder.mkdir(parents=True)
        finalist.model.write_bytes(b"not opened by the report")
        write_json(finalist.scores, _scores(story, rank, random))
        _examples(finalist.examples, story, random)
        run.log("test_read", reason="finalist", model=finalist.name)
    return run


def _recipe(run: Run, story: Story) -> None:
    tree = {
        "name": "skin",
        "title": story.title,
        "intended_use": story.intended_use,
        "out_of_scope": "Mucosal and nail lesions; children." if story.intended_use else "",
        "data": story.data,
        "inputs": {"lesion": {"kind": "image", "size": [64, 64]}},
        "search": {"minutes": 5},
    }
    write_text(run.recipe, json.dumps(tree))
    write_text(run.recipe, dump(load(run.recipe)))


def _counts(story: Story) -> dict[str, list[int]]:
    sizes = [max(12, round(520 / (k + 1) ** 1.2)) for k in range(len(story.classes))]
    return {
        "train": [round(size * 0.7) for size in sizes],
        "validation": [max(2, round(size * 0.15)) for size in sizes],
        "test": [max(2, round(size * 0.15 * 2)) for size in sizes],
    }


def _data(story: Story) -> dict[str, Any]:
    counts = _counts(story)
    return {
        "source": story.data["source"],
        "phantom": story.phantom,
        "patients_named": story.data["source"] == "phantom" or "patient" in story.data,
        "n": sum(map(sum, counts.values())),
        "fingerprint": "5d41402abc4b2a76b9719d911017c592" * 2,
        "classes": [{"key": key, "name": name, "urgent": urgent} for key, name, urgent in story.classes],
        "counts": {s: {c[0]: n for c, n in zip(story.classes, v, strict=True)} for s, v in counts.items()},
        "patients": {split: round(sum(values) * 0.71) for split, values in counts.items()},
        "disjoint": {"shared_patients": 0, "exact_duplicates": 0, "near_duplicates": 0},
        "unreadable": [{"row": 118, "reason": "cut off: the file ends in the middle of the picture"}],
        "findings": [
            {
                "kind": "small_class",
                "severity": "note",
                "message": "the rarest class has 14 test records: its figures will have wide intervals",
                "rows": [],
                "count": 14,
                "remedy": "collect more records of it, or join classes",
            },
            {
                "kind": "near_duplicates",
                "severity": "warning",
                "message": "6 pairs of training records are nearly the same picture",
                "rows": list(range(30, 60)),
                "count": 41,
                "remedy": "set data.duplicates: drop to keep one of each",
            },
        ],
        "inputs": {
            "lesion": {"cache": "c0ffee", "shape": [64, 64, 3], "mean": [0.7, 0.5, 0.5], "std": [0.1, 0.1, 0.1]}
        },
        "sensitive": ["sex", "age_band", "skin_tone"],
    }


def _manifest(run: Run, story: Story) -> None:
    run.describe(
        status=story.status,
        started="2026-03-02T09:14:07+00:00",
        ended="2026-03-02T09:19:22+00:00" if story.status != "running" else None,
        command="automed search recipes/skin.yaml",
        recipe={"name": "skin", "title": story.title, "digest": "9f86d081884c7d65" * 4},
        seed=0,
        versions={"python": "3.11.7", "automed": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.3.1"},
        hardware={"system": "Linux x86_64", "processor": "a processor", "cores": 2, "memory_gb": 25.2, "gpus": []},
        git="0123456789abcdef0123456789abcdef01234567+",
        data_fingerprint="5d41402abc4b2a76b9719d911017c592" * 2,
        **story.extra,
    )


def _trials(run: Run, story: Story, random: np.random.Generator) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [{"event": "session", "time": 0.0}]
    rows = []
    for number in range(story.trials):
        architecture = ARCHITECTURES[number % 3]
        choices = {
            "architecture": architecture,
            f"{architecture}.width": 32,
            "rate": 0.0011,
            "batch": 64,
            "mix": "none",
        }
        parameters = int(random.integers(40_000, 900_000))
        lines.append(
            {
                "event": "start",
                "number": number,
                "architecture": architecture,
                "choices": choices,
                "parameters": parameters,
            }
        )
        if number == 5:
            lines.append(
                {"event": "end", "number": number, "state": "failed", "reason": "the loss became nan in epoch 2"}
            )
            continue
        top = 0.86 - 0.018 * ((number * 7) % story.trials)
        epochs = 22 if top > 0.74 else int(random.integers(3, 9))
        scores = top - 0.55 * np.exp(-np.arange(1, epochs + 1) / 4.0) + random.normal(0, 0.012, epochs)
        scores = np.clip(scores, 0.02, 0.99)
        state = "complete" if top > 0.74 else "pruned"
        for epoch, score in enumerate(scores, 1):
            lines.append({"event": "epoch", "number": number, "epoch": epoch, "macro_f1": float(score), "seconds": 1.4})
        lines.append({"event": "end", "number": number, "state": state, "reason": ""})
        rows.append(
            {
                "kind": "trial", "number": number, "architecture": architecture, "folder": None,
                "validation": {"macro_f1": float(scores.max())}, "parameters": parameters, "seconds": 1.4 * epochs,
                "epochs": epochs, "best_epoch": int(scores.argmax()) + 1, "state": state, "choices": choices,
            }
        )  # fmt: skip
    run.trials.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return sorted(rows, key=lambda row: -row["validation"]["macro_f1"])


def _leaderboard(story: Story, rows: list[dict[str, Any]]) -> dict[str, Any]:
    for rank, row in enumerate(rows[: story.finalists], 1):
        row["folder"] = f"models/{rank:02d}-{row['architecture']}"
    baselines = [
        {"kind": "baseline", "name": name, "architecture": name, "folder": None, "validation": {"macro_f1": score},
         "seconds": seconds, "state": "complete"}
        for name, score, seconds in (("boosting", story.boosting, 9.8), ("majority", 0.168, 0.1))
    ]  # fmt: skip
    ranked = sorted([*baselines, *rows], key=lambda row: -row["validation"]["macro_f1"])
    for rank, row in enumerate(ranked, 1):
        row["rank"] = rank
    states = [row["state"] for row in rows]
    complete, pruned = states.count("complete"), states.count("pruned")
    return {
        "objective": "macro_f1",
        "rows": ranked,
        "failed": [{"number": 5, "architecture": "mobilenet", "reason": "the loss became nan in epoch 2"}],
        "budget": {
            "trials": {"asked": 20, "finished": complete, "pruned": pruned, "failed": 1, "interrupted": 0},
            "minutes": {"asked": 5, "used": 4.93},
            "seconds": {"wall": 295.8, "training": 271.4, "other": 24.4},
            "epochs": {"run": sum(row["epochs"] for row in rows), "saved_by_pruning": 96},
        },
        "workers": 1,
        "note": None,
    }


def _estimate(value: float | None, n: int, reason: str | None = None) -> dict[str, Any]:
    if value is None:
        return {"value": None, "ci95": None, "n": n, "events": 3, "reason": reason}
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.01) / n)
    return {
        "value": value,
        "ci95": [max(0.0, value - half), min(1.0, value + half)],
        "n": n,
        "events": n,
        "reason": reason,
    }


def _split_scores(story: Story, skill: float, split: str, random: np.random.Generator) -> dict[str, Any]:
    totals = _counts(story)[split]
    size = len(totals)
    confusion = np.zeros((size, size), dtype=int)
    for k, total in enumerate(totals):
        wrong = np.full(size, (1 - skill) / max(size - 1, 1))
        wrong[k] = skill
        confusion[k] = random.multinomial(total, wrong / wrong.sum())
    n = int(confusion.sum())
    per_class = {}
    for k, (key, _, _) in enumerate(story.classes):
        hits, named = confusion[k, k], confusion[:, k].sum()
        recall, precision = hits / totals[k], hits / named if named else None
        f1 = 2 * hits / (totals[k] + named)
        few = "not estimable: rests on 3 records, 5 are needed"
        per_class[key] = {
            "precision": _estimate(precision, n, None if named else few),
            "recall": _estimate(None, n, few) if totals[k] < 4 else _estimate(float(recall), totals[k]),
            "f1": _estimate(float(f1), totals[k]),
            "support": totals[k],
        }
    macro = float(np.mean([entry["f1"]["value"] for entry in per_class.values()]))
    accuracy = float(np.trace(confusion) / n)
    return {
        "macro_f1": _estimate(macro, n),
        "accuracy": _estimate(accuracy, n),
        "balanced_accuracy": _estimate(macro + 0.01, n),
        "auroc": _estimate(min(0.99, macro + 0.11), n),
        "auprc": _estimate(None, n, "not estimable: rests on 3 records, 5 are needed"),
        "mcc": _estimate(macro - 0.06, n),
        "brier": _estimate(0.28, n),
        "log_loss": _estimate(0.61, n),
        "per_class": per_class,
        "confusion": {"classes": [entry[0] for entry in story.classes], "matrix": confusion.tolist(), "ci95": []},
        "n": n,
        "patients": round(n * 0.71),
        "interval": {"method": METHOD, "level": 0.95, "resamples": 2000, "seed": 0},
    }


def _scores(story: Story, rank: int, random: np.random.Generator) -> dict[str, Any]:
    n = sum(_counts(story)["test"])

    def against(value: float | None, half: float = 0.0) -> dict[str, Any]:
        span = None if value is None else [value - half, value + half]
        reason = "not estimable: rests on 3 records, 5 are needed" if value is None else None
        return {"difference": value, "ci95": span, "p": None, "model": 0.8, "n": n, "events": 40, "reason": reason}

    boosting = {
        "macro_f1": against((0.06, 0.02, -0.05)[(rank - 1) % 3], 0.04),
        "auroc": against(0.03, 0.02),
        "accuracy": against(0.021, 0.05),
    }
    majority = {"macro_f1": against(0.62, 0.05), "auroc": against(None), "accuracy": against(0.3, 0.05)}
    return {
        "test": _split_scores(story, 0.84 - 0.02 * rank, "test", random),
        "validation": _split_scores(story, 0.86, "validation", random),
        "against": {"boosting": boosting, "majority": majority},
        "baselines": {
            "boosting": {"test": _split_scores(story, 0.76, "test", random)},
            "majority": {"test": _split_scores(story, 0.3, "test", random)},
        },
    }


def _examples(file: Path, story: Story, random: np.random.Generator) -> None:
    m, size = story.examples, len(story.classes)
    reasons = np.array((["wrong, confident"] * 6 + ["least certain"] * 6 + ["right"] * m)[:m], dtype=np.str_)
    label = random.integers(0, size, m)
    predicted = np.where(reasons == "right", label, (label + 1) % size)
    probabilities = np.full((m, size), 0.1 / size)
    probabilities[np.arange(m), predicted] = np.where(reasons == "least certain", 0.38, 0.93)
    np.savez_compressed(
        file,
        record=random.integers(1, 2000, m),
        label=label,
        predicted=predicted,
        probabilities=probabilities.astype(np.float32),
        reason=reasons,
        input_lesion=np.stack([_lesion(random) for _ in range(m)]) if m else np.zeros((0, 64, 64, 3), np.uint8),
    )


def _lesion(random: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    angle = np.arctan2(y, x)
    edge = (
        0.5
        + 0.09 * np.sin(angle * random.integers(2, 5) + random.uniform(0, 6))
        - np.hypot(x, y * random.uniform(0.8, 1.3))
    )
    inside = 1 / (1 + np.exp(-edge * 18))
    skin, dark = np.array([222, 178, 158]) - random.integers(0, 40), np.array([104, 62, 48]) + random.integers(-20, 40)
    colour = skin + (dark - skin) * inside[..., None] + random.normal(0, 5, (64, 64, 1))
    return np.clip(colour, 0, 255).astype(np.uint8)


# --- what a page is made of --------------------------------------------------------------------------------------

VOID = {"meta", "link", "br", "img", "input", "path", "use", "rect"}


class Page(HTMLParser):
    """A page taken apart: ids, links, pictures, headings, and the text a reader sees."""

    def __init__(self, source: str, file: Path | None = None) -> None:
        super().__init__()
        self.source = source
        self.folder = file.parent if file else Path()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inert: list[tuple[str, dict[str, str]]] = []  # what only a script shows
        self.open: list[str] = []
        self.parts: list[str] = []
        self.scripts: list[str] = []
        self.blocks: dict[str, str] = {}  # by id the data that scripts read
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = self.inert if "template" in self.open else self.tags
        found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            if "type" in self.tags[-1][1]:
                self.blocks[self.tags[-1][1]["id"]] = data
            else:
                self.scripts.append(data)
        elif not {"style", "template"} & set(self.open):
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def pages(run: Run) -> list[Page]:
    """The pages as written: the reports, then the index."""
    return [Page(file.read_text(encoding="utf-8"), file) for file in render(run)]


def only_report(run: Run) -> Page:
    """The page of the first finalist, without making the others."""
    facts = gather(run)
    return Page(report(facts, facts.candidates[0]))


def links_lead_somewhere(page: Page) -> None:
    """Relative links name files that exist, anchors and references inside drawings name ids of the page."""
    assert len(page.ids) == len(set(page.ids)), "an id stands twice on the page"
    references = [a["href"] for a in page.all("a", "use", "link") if "href" in a]
    references += [f"#{target}" for target in re.findall(r"url\(#([^)]+)\)", page.source)]
    references += [f"#{target}" for a in page.all("section") for target in a["aria-labelledby"].split()]
    assert len(references) > 10
    for reference in references:
        if reference.startswith("#"):
            assert reference[1:] in page.ids, reference
        elif reference != "data:,":
            assert (page.folder / reference).resolve().is_file(), reference


def names_no_network(page: Page) -> None:
    """No scheme but data: is on the page, and its policy forbids to load anything else."""
    assert not re.search(r"(https?|ftp|wss?|file)://|url\((?!#|.data:image)|@import|srcset|javascript:", page.source)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not page.all("iframe", "object", "embed", "form", "base")
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    # Scripts are those that the policy knows by their hash; what else is in such an element is data.
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in page.scripts]
    told = [part.removeprefix("script-src ") for part in policy.split("; ") if part.startswith("script-src ")]
    assert told == ([" ".join(hashes)] if hashes else [])
    for script in page.all("script"):
        assert set(script) <= {"type", "id"} and script.get("type", "application/json") == "application/json"


def is_named_and_in_order(page: Page) -> None:
    """One h1, no level left out; every table has a caption and scopes, every drawing and picture its words."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption")) > 3
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in page.all("th"))
    assert all(len(drawing["aria-label"]) > 30 and drawing["role"] == "img" for drawing in page.all("svg"))
    assert len(page.all("figcaption")) == len(page.all("figure")) >= 3
    assert all("reference standard" in image["alt"] for image in page.all("img"))
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1
    for tag, attributes in page.tags:
        if "scroll" in attributes.get("class", "").split():
            assert tag == "div" and attributes["tabindex"] == "0" and attributes["aria-label"]


# --- a run whose records bear labels, scored from its files ----------------------------------------------------------

CONDUCTION = (
    ("NORM", "Normal", False),
    ("MI", "Myocardial infarction", True),
    ("STTC", "ST or T wave changes", False),
    ("CD", "Conduction disturbance", False),
)
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
ECG = {
    "kind": "signal", "cache": "c0ffee", "shape": [500, 12], "dtype": "float32", "channels": list(LEADS), "step": 0.02,
    "unit": "s", "values": list(range(12)),
}  # fmt: skip
NOTE = {"kind": "text", "cache": "c0ffee", "shape": [6], "vocabulary": ["", "□", "chest", "pain", "at", "rest"]}
VITALS = {
    "kind": "tabular", "cache": "c0ffee", "shape": [3],
    "features": [
        {"name": "age", "kind": "number"},
        {"name": "lactate", "kind": "number"},
        {"name": "sex", "kind": "category", "levels": ["", "female", "male"]},
    ],
}  # fmt: skip


def make_labelled_run(folder: Path, inputs: dict[str, Any], shown: dict[str, np.ndarray], skill: float = 2.0) -> Run:
    """A multilabel run with one finalist, whose scores are computed from the predictions that it left.

    Args:
        folder: of the run.
        inputs: what data.json says of each input.
        shown: of each input the array of the example cases.
        skill: how far the finalist's logits of records with a label lie above those of others.
    """
    run = make_run(folder, Story(CONDUCTION, finalists=1, trials=3, examples=0, title="Findings in 12-lead ECGs"))
    records = {"train": 800, "validation": 200, "test": 300}
    rng = np.random.default_rng(5)
    n, part = sum(records.values()), np.repeat(list(records), list(records.values()))
    y = (rng.random((n, 4)) < (0.5, 0.12, 0.25, 0.2)).astype(np.int64)
    record, patient = np.arange(n) + 1, np.array([f"{k // 2:024x}" for k in range(n)])
    pd.DataFrame({"record": record, "split": part, "patient": patient}).to_parquet(run.splits)
    judged = part != "train"
    predictions = {}
    run.baselines.mkdir()
    (finalist,) = run.finalists()
    for file, gain in ((finalist.predictions, skill), (run.baseline("logistic"), 0.8)):
        probabilities = 1 / (1 + np.exp(-(rng.normal(size=y.shape) + gain * (2 * y - 1) - 1)))
        frame = pd.DataFrame({"record": record, "split": part})
        frame[[f"y_{k}" for k in range(4)]] = y
        frame[[f"p_{k}" for k in range(4)]] = probabilities.astype(np.float32)
        frame[judged].to_parquet(file)
        predictions[file] = probabilities.astype(np.float32)
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    counts = {
        split: {entry[0]: int(y[part == split, k].sum()) for k, entry in enumerate(CONDUCTION)} for split in records
    }
    facts |= {"task": "multilabel", "records": records, "n": n, "counts": counts, "inputs": inputs}
    write_json(run.data, facts)
    scores = scored(run, finalist)
    write_json(finalist.scores, scores)
    test = np.flatnonzero(part == "test")
    cases = test[: len(next(iter(shown.values())))]
    probabilities = predictions[finalist.predictions][cases]
    predicted = (probabilities >= np.array(scores["decision"]["thresholds"])).astype(np.int64)
    right = (predicted == y[cases]).all(axis=1)
    np.savez_compressed(
        finalist.examples,
        record=record[cases],
        label=y[cases],
        predicted=predicted,
        probabilities=probabilities,
        reason=np.where(right, "right", "wrong, confident"),
        **{f"input_{name}": values for name, values in shown.items()},
    )
    return run


def heartbeats(n: int, steps: int = 500) -> np.ndarray:
    """Something like n 12-lead ECGs at 50 steps a second: float32 (n, steps, 12), mV."""
    rng = np.random.default_rng(3)
    time = np.arange(steps) / 50
    waves = []
    for _ in range(n):
        beat = (time * rng.uniform(0.9, 1.6) + rng.random()) % 1
        bumps = ((0.12, 0.18, 0.025), (1.1, 0.35, 0.012), (-0.25, 0.38, 0.01), (0.3, 0.62, 0.05))
        one = sum(high * np.exp(-(((beat - at) / wide) ** 2)) for high, at, wide in bumps)
        waves.append(np.outer(one, rng.uniform(-0.6, 1.2, 12)) + rng.normal(0, 0.02, (steps, 12)))
    return np.array(waves, dtype=np.float32)


def scored(run: Run, finalist: Finalist) -> dict[str, Any]:
    """What scores.json holds, from the predictions that lie in the run; thresholds fitted on validation."""
    own = predictions.of_finalist(run, finalist, Evaluate(), {})
    return scoring.evaluate(own, predictions.of_baselines(run, Evaluate()), run)
