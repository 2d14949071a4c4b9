"""The report room: pages that open anywhere, show what is there, say what is not, and never trust what they show."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from madeup import (
    HOSTILE,
    Page,
    Story,
    is_named_and_in_order,
    links_lead_somewhere,
    make_run,
    names_no_network,
    only_report,
    pages,
)

import automed.report
from automed.report.facts import Plan, gather
from automed.report.pages import render
from automed.report.story import planned
from automed.run import Run


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
    """On each page of a run, also where names try to break out of it."""
    for page in (*whole, *hostile):
        links_lead_somewhere(page)


def test_a_page_names_no_address_of_any_network(whole: list[Page], hostile: list[Page]) -> None:
    """It loads nothing and sends nothing."""
    for page in (*whole, *hostile):
        names_no_network(page)


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
    """Who hears a page learns what who sees it learns."""
    for page in whole:
        is_named_and_in_order(page)


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


def test_a_recipe_that_names_no_architecture_has_those_that_suit_its_inputs() -> None:
    """The sentence about the search stays a sentence."""
    plan = Plan("skin", "", "", "", (), "optuna", "tpe", "hyperband", 30, 6, "by patient")
    assert "ranged over the architectures that suit the inputs, with" in planned(plan)
    assert "ranged over the architecture ResNet, with" in planned(replace(plan, architectures=("resnet",)))


def test_a_changed_ledger_is_told_on_the_page(small: Run) -> None:
    """The chain of hashes is checked whenever a page is made."""
    text = small.ledger.read_text(encoding="utf-8")
    small.ledger.write_text(text.replace("test_read", "test_rode"), encoding="utf-8")
    facts = gather(small)
    assert not facts.origin.ledger_intact and "Line 2 does not follow" in facts.origin.ledger
