"""The report room: pages that open anywhere, show what is there, say what is not, and never trust what they show."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import automed.report
from automed.errors import RunError
from automed.recipe import dump, load
from automed.report import words
from automed.report.facts import gather
from automed.report.pages import render, report
from automed.report.results import Comparison
from automed.run import Run, write_json, write_text

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

VOID = {"meta", "link", "br", "img", "path", "use", "rect"}


class Page(HTMLParser):
    """A page taken apart: ids, links, pictures, headings, and the text a reader sees."""

    def __init__(self, source: str, file: Path | None = None) -> None:
        super().__init__()
        self.source = source
        self.folder = file.parent if file else Path()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    """The pages of a run with three finalists of 24 examples each: the reports, then the index."""
    run = make_run(tmp_path_factory.mktemp("whole") / "20260302T091407Z-9f86d081", Story(trials=7))
    return pages(run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    """The pages of a run whose names try to break out of the page."""
    classes = tuple((name, name, False) for name in HOSTILE)
    title = HOSTILE[0] + HOSTILE[1]
    story = Story(classes, 1, 3, title=title, intended_use=HOSTILE[2], examples=6, phantom=False)
    return pages(make_run(tmp_path_factory.mktemp("hostile") / "run", story))


@pytest.fixture
def small(tmp_path: Path) -> Run:
    """A run with one finalist and few of everything; not rendered yet."""
    return make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=4))


# --- one file, no network ----------------------------------------------------------------------------------------


def test_every_link_and_anchor_leads_somewhere(whole: list[Page], hostile: list[Page]) -> None:
    """Relative links name files that exist, anchors and references inside drawings name ids of the page."""
    for page in (*whole, *hostile):
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


def test_a_page_names_no_address_of_any_network(whole: list[Page], hostile: list[Page]) -> None:
    """No scheme but data: is on a page, and the policy of the page forbids to load anything else."""
    for page in (*whole, *hostile):
        assert not re.search(r"(https?|ftp|wss?|file)://|url\((?!#)|@import|srcset|javascript:", page.source)
        assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
        assert not page.all("script", "iframe", "object", "embed", "form", "base")
        (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_three_finalists_with_24_examples_stay_small(whole: list[Page]) -> None:
    """All four pages together are under 2 MB."""
    assert sum(1 for page in whole for _ in page.all("img")) == 3 * 24
    assert sum(len(page.source.encode()) for page in whole) < 2_000_000


def test_the_same_artefacts_give_the_same_bytes(small: Run) -> None:
    """Neither the time nor a random number is in a page."""
    first = [file.read_bytes() for file in render(small)]
    assert [file.read_bytes() for file in render(small)] == first
    assert not list(small.folder.rglob(".*html"))


def test_importing_the_pages_loads_nothing_heavy() -> None:
    """`automed report` must not wait for TensorFlow."""
    code = "import sys, automed.report.pages; print([m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    heavy = ["tensorflow", "keras", "optuna", "sklearn", "pandas", "pyarrow"]
    asked = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[]"


# --- for every reader --------------------------------------------------------------------------------------------


def test_headings_are_in_order_and_tables_and_drawings_are_named(whole: list[Page]) -> None:
    """One h1, no level left out; every table has a caption and scopes, every drawing and picture its words."""
    for page in whole:
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert len(page.all("table")) == len(page.all("caption")) > 3
        assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
        assert all(len(drawing["aria-label"]) > 30 and drawing["role"] == "img" for drawing in page.all("svg"))
        assert len(page.all("figcaption")) == len(page.all("figure")) >= 3
        assert all("reference standard" in image["alt"] for image in page.all("img"))
        assert len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1
        for tag, attributes in page.tags:
            if "scroll" in attributes.get("class", "").split():
                assert tag == "div" and attributes["tabindex"] == "0" and attributes["aria-label"]


def _luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_against_what_is_behind_it(theme: int) -> None:
    """Contrast of 4.5 or more (WCAG 2 AA) for every pair of colours that meet, in light and dark."""
    style = (Path(automed.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[theme]))
    pairs = [
        (text, behind) for text in ("ink", "muted", "accent", "warm", "third", "bad") for behind in ("paper", "surface")
    ]
    pairs += [("ink", "cell"), ("ink", "warm-soft"), ("warm", "warm-soft"), ("ink", "bad-soft"), ("bad", "bad-soft")]
    pairs += [("ink", "accent-soft"), ("muted", "accent-soft"), ("accent", "accent-soft")]
    for text, behind in pairs:
        high, low = sorted((_luminance(colours[text]), _luminance(colours[behind])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, behind)


# --- what a page says --------------------------------------------------------------------------------------------


def test_a_report_says_what_was_found_and_how_sure_it_is(whole: list[Page]) -> None:
    """Score with interval and n, each paired test in words, and what could not be estimated with its reason."""
    first, second, third, _ = (page.text for page in whole)
    assert re.search(r"On 296 test records of 210 simulated patients, .* macro-F1 was \.\d\d \(95\s% interval", first)
    assert re.search(r"Ahead of gradient boosting by \.06 in macro-F1 \(95\s% interval \.02 to \.10\)\.", first)
    assert "No difference from gradient boosting could be shown in macro-F1: .02" in second
    assert "Behind gradient boosting by .05 in macro-F1" in third
    assert (
        "AUROC could not be compared with the majority class: not estimable (rests on 3 records, 5 are needed)" in first
    )
    assert "not estimable rests on 3 records, 5 are needed" in first
    assert "Intended use Second reader for dermoscopic images" in first
    assert "read 3 times in this run: once for each finalist" in first
    assert (
        "9f86d081884c7d65" in first
        and "0123456789abcdef" in first
        and re.search(r"(cnn|resnet|mobilenet)\.width 32", first)
    )


def test_the_index_shows_the_search_and_leads_to_each_report(whole: list[Page]) -> None:
    """Finalists side by side, budget, pruning, failed candidates with their reasons."""
    index = whole[-1]
    links = [a["href"] for a in index.all("a")]
    for rank in (1, 2, 3):
        assert any(re.fullmatch(rf"models/0{rank}-[a-z]+/report\.html", link) for link in links)
    assert "7 candidates of 20 allowed" in index.text and "Pruning saved about 96 epochs" in index.text
    assert "The loss became nan in epoch 2." in index.text
    assert "Simulated patients 488 105 210" in index.text
    assert "0 patients in more than one set" in index.text


def test_a_phantom_is_announced_on_every_page(whole: list[Page], hostile: list[Page]) -> None:
    """Nobody may take the figures of a phantom for those of patients; other data have no such banner."""
    assert all("Phantom data." in page.text for page in whole)
    assert not any("Phantom data." in page.text for page in hostile)


def test_hostile_names_are_shown_as_text(hostile: list[Page]) -> None:
    """Tags, quotes, template braces, turned text and emoji arrive on the page as the characters they are."""
    for page in hostile:
        assert "<script>alert(1)</script>" in page.text and "{{ 7 * 7 }} {% raw %}" in page.text
        assert "49" not in page.text.split("Intended use")[1][:40]
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert "\u202e" not in page.source, "a direction mark would rearrange the text around it"
    for name in HOSTILE:
        assert " ".join(name.replace("\u202e", "\ufffd").split()) in hostile[0].text
    assert any(HOSTILE[0] in drawing["aria-label"] for drawing in hostile[0].all("svg"))


@pytest.mark.parametrize("count", [2, 40])
def test_few_and_many_classes_are_drawn(tmp_path: Path, count: int) -> None:
    """Two classes, and forty whose matrix is too fine for numbers: those are in the table below it."""
    classes = tuple((f"c{k}", f"Diagnosis {k} with a rather long name", k == 0) for k in range(count))
    page = only_report(make_run(tmp_path / "run", Story(classes, 1, 2, examples=2)))
    assert f"Diagnosis {count - 1} with a rather long name" in page.text
    assert "figure-confusion" in page.ids and "figure-classes" in page.ids
    assert len(page.source) < 1_000_000


# --- what is not there -------------------------------------------------------------------------------------------


def test_a_run_without_an_intended_use_says_so(tmp_path: Path) -> None:
    """The lack is told in red on the page, and the recipe's name stands for the missing title."""
    run = make_run(tmp_path / "run", Story(finalists=0, trials=0, title="", intended_use=""))
    (index,) = pages(run)
    assert "No intended use." in index.text and "<h1><bdi>skin</bdi></h1>" in index.source


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("interrupted", "This run was interrupted before"),
        ("failed", "This run failed: the disk is full. What follows"),
        ("running", "had not ended when this page was written"),
        ("odd", "How this run ended is not recorded (status: odd)"),
    ],
)
def test_a_run_that_did_not_end_well_says_so(tmp_path: Path, status: str, sentence: str) -> None:
    """Nothing unfinished reads as finished; with baselines alone there is no finalist to show."""
    run = make_run(tmp_path / "run", Story(finalists=0, trials=0, status=status, extra={"reason": "the disk is full"}))
    (index,) = pages(run)
    assert sentence in index.text
    assert "only baselines are on the leaderboard" in index.text and "No finalist was made" in index.text


def test_stages_that_were_not_done_are_said_to_be_missing(small: Run) -> None:
    """A finalist without scores and examples still has a page, and its links still lead somewhere."""
    (finalist,) = small.finalists()
    finalist.scores.unlink()
    finalist.examples.unlink()
    report_page, index = pages(small)
    assert "This finalist has not been tested" in report_page.text and "no example cases were kept" in report_page.text
    assert "Not done: there is no confusion matrix" in report_page.text
    assert "The finalists have not been tested" in index.text and "Not tested." in index.text


def test_a_run_that_ended_before_the_search_has_an_index(small: Run) -> None:
    """With a recipe and a manifest alone, the page says what has not been done."""
    shutil.rmtree(small.models)
    for file in (small.data, small.leaderboard, small.trials, small.ledger):
        file.unlink()
    (index,) = pages(small)
    assert "data.json is not there" in index.text and "There is no leaderboard" in index.text
    assert "there are no learning curves" in index.text and "There is no ledger" in index.text


def test_where_a_baseline_is_ahead_the_page_says_so(tmp_path: Path) -> None:
    """In plain words, at the top of both pages."""
    story = Story(finalists=1, trials=3, examples=0, boosting=0.95)
    for page in pages(make_run(tmp_path / "run", story)):
        assert "No candidate of the search beat gradient boosting on the tuning set" in page.text


def test_patients_that_the_data_do_not_name_are_not_counted(tmp_path: Path) -> None:
    """Arrays without patients: the page claims no number of patients and no proof that they are apart."""
    data = {"source": "npz", "file": "set.npz"}
    story = Story(finalists=1, trials=2, examples=0, phantom=False, data=data)
    page = only_report(make_run(tmp_path / "run", story))
    assert "Patients are not known." in page.text and "Patients not known not known not known" in page.text
    assert "On 296 test records, none of them" in page.text
    assert "patients in more than one set" not in page.text and "too narrow" in page.text


def test_a_changed_ledger_is_told_on_the_page(small: Run) -> None:
    """The chain of hashes is checked whenever a page is made."""
    text = small.ledger.read_text(encoding="utf-8")
    small.ledger.write_text(text.replace("test_read", "test_rode"), encoding="utf-8")
    facts = gather(small)
    assert not facts.origin.ledger_intact and "Line 2 does not follow" in facts.origin.ledger


# --- damage ------------------------------------------------------------------------------------------------------


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _change(*path: str | int, to: Any) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        tree = json.loads(file.read_text(encoding="utf-8"))
        inner = tree
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        write_json(file, tree)

    return change


DAMAGE: list[tuple[str, Callable[[Path], Any]]] = [
    *((name, _truncate) for name in ("manifest.json", "data.json", "leaderboard.json", "scores.json", "examples.npz")),
    *((name, lambda file: file.write_bytes(b"\xff\xfe\x00garbage")) for name in ("trials.jsonl", "ledger.jsonl")),
    ("trials.jsonl", lambda file: file.write_text("no json at all\n", encoding="utf-8")),
    ("ledger.jsonl", lambda file: file.write_text("[1]\n", encoding="utf-8")),
    ("recipe.yaml", _truncate),
    ("recipe.yaml", lambda file: file.unlink()),
    ("data.json", lambda file: file.write_text("[]", encoding="utf-8")),
    ("data.json", _change("classes", to=[{"name": "no key"}])),
    ("data.json", _change("phantom", to="perhaps")),
    ("leaderboard.json", _change("rows", 0, "rank", to="first")),
    ("leaderboard.json", _change("rows", to={"not": "a list"})),
    ("scores.json", _change("test", "macro_f1", "value", to=[0.8])),
    ("scores.json", _change("test", "macro_f1", "ci95", to=[0.7, 0.8, 0.9])),
    ("scores.json", _change("test", "confusion", "matrix", to=[[1, 2], [3]])),
    ("scores.json", _change("test", "confusion", "matrix", to=[[1, 2], [3, 4]])),
    ("scores.json", _change("test", to=None)),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[9], predicted=[0], probabilities=np.ones((1, 4)))),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[0], predicted=[0])),
    ("examples.npz", lambda file: np.savez(file, record=[1], label=[0], predicted=[0], probabilities=[[1.0]])),
]


def test_a_damaged_artefact_is_an_error_that_names_the_file(small: Run) -> None:
    """Cut, foreign or of the wrong shape: the person learns which file it is, and no page is written."""
    for name, damage in DAMAGE:
        (file,) = small.folder.rglob(name)
        kept = file.read_bytes()
        damage(file)
        with pytest.raises(RunError) as caught:
            gather(small)
        assert name in str(caught.value), (name, str(caught.value))
        file.write_bytes(kept)
    assert gather(small).candidates and not list(small.folder.rglob("*.html"))


def test_a_line_that_a_kill_cut_is_no_damage(small: Run) -> None:
    """trials.jsonl ends in half a line after a kill; the curves before it are shown."""
    with small.trials.open("ab") as file:
        file.write(b'{"event": "epoch", "number": 1, "epo')
    assert len(gather(small).curves) == 3


# --- numbers in words --------------------------------------------------------------------------------------------


@given(st.floats(-2, 2), st.integers(2, 3))
def test_a_decimal_reads_back_as_the_number_it_was(value: float, digits: int) -> None:
    """Rounded to the digits shown, with a true minus sign, no zero before the point and no negative zero."""
    text = words.decimal(value, digits)
    assert float(text.replace(words.MINUS, "-")) == pytest.approx(value, abs=0.5001 * 10**-digits)
    assert not text.startswith(("0.", "-")) and (words.MINUS not in text or float(text.strip(words.MINUS)) > 0)


@given(st.floats(0, 1))
def test_a_share_reads_as_none_or_all_only_where_it_is(share: float) -> None:
    """ "0 %" and "100 %" are claims; nearly is not quite."""
    text = words.percent(share).replace(words.THIN, " ")
    assert (text == "0 %") == (share == 0) and (text == "100 %") == (share == 1)


@given(st.text())
def test_cleaned_text_cannot_turn_or_control_its_surroundings(text: str) -> None:
    """What is left can be printed anywhere, and cleaning twice changes nothing."""
    cleaned = words.clean(text)
    assert len(cleaned) == len(text) and cleaned == words.clean(cleaned)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", cleaned)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1, "0.1 s"), (9.97, "10 s"), (59.7, "1 min"), (296, "4 min 56 s"), (3600, "1 h"), (7512, "2 h 5 min")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    """The two largest units that say something."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("low", "difference", "high", "verdict", "text"),
    [
        (0.01, 0.05, 0.09, "ahead", "Ahead of gradient boosting by .05 in macro-F1"),
        (0.001, 0.05, 0.09, "ahead", "interval .001 to .090"),
        (-0.09, -0.05, -0.01, "behind", "the simpler model is the better one here"),
        (-0.01, 0.05, 0.09, "open", "which includes 0"),
        (0.0, 0.05, 0.09, "open", "No difference from gradient boosting could be shown"),
    ],
)
def test_a_comparison_claims_no_more_than_its_interval(
    low: float, difference: float, high: float, verdict: str, text: str
) -> None:
    """Ahead and behind are said only where the interval lies on one side of 0."""
    comparison = Comparison("boosting", "macro_f1", difference, low, high, 0.01, None)
    assert comparison.verdict == verdict and text in comparison.sentence.replace(words.THIN, " ")
