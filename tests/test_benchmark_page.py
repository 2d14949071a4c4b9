"""The page of a history: the newest table, ranks, trends, what changed, speed, failures; whatever things are called."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import madebenchmark as made
import numpy as np
import pytest
from madehistory import quick_folder
from madeup import HOSTILE, Page, is_named_and_in_order, links_lead_somewhere, names_no_network
from scipy.stats import t

from automed.benchmark import ENGINES
from automed.benchmark.comparison.compare import against
from automed.benchmark.comparison.ranks import rank, ranks_of
from automed.benchmark.history import History
from automed.benchmark.page import show
from automed.benchmark.page.chart import Break, Moment, chart
from automed.benchmark.page.estimate import over_seeds
from automed.benchmark.page.gates import gates
from automed.benchmark.page.material import gather, in_order
from automed.benchmark.page.ranking import finding, honest
from automed.benchmark.page.table import MOST, parts, published, rows, tables
from automed.benchmark.page.trends import trends
from automed.benchmark.record import Cell, Measurement
from automed.benchmark.storage.rows import row_of_cell, row_of_point
from automed.benchmark.storage.store import add, connect, writing
from automed.benchmark.storage.tables import CELLS, POINTS
from automed.benchmark.suite import Suite
from automed.errors import RunError
from automed.report import words

RIVALS = ("automed", "majority", "classical", "keras-tuner")
SUITE = {
    "name": "made-up",
    "title": "A suite that never ran",
    "recipes": [
        {
            "recipe": "breast",
            "gates": {"macro_f1": 0.5},
            "published": [
                {"name": "A model", "source": "Doe 2020, J Test 1:2", "metrics": {"macro_f1": 0.777, "auroc": 0.888}},
                {"name": "Another", "source": "Roe 2021, J Test 3:4", "metrics": {"auroc": 0.899}},
            ],
        },
        "splice",
    ],
    "seeds": [0, 1, 2],
    "engines": list(RIVALS),
    "budget": {"minutes": 3},
}


def suite(**changed: Any) -> Suite:
    return Suite.model_validate(SUITE | changed)


def read(history: History, of: Suite | None = None) -> Page:
    """The page as a reader gets it."""
    file = show(history, of, history.folder / "index.html")
    return Page(file.read_text(encoding="utf-8"), file)


def section(page: Page, name: str) -> str:
    """The source of one section."""
    return page.source.split(f'<section id="{name}"')[1].split("</section>")[0]


def text_of(html: str) -> str:
    return Page(f"<body>{html}</body>").text if "<" in html else html


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Two points; in the second ours gets clearly worse on splice, one rival fails and one reads no breast."""
    history = made.make_history(
        tmp_path_factory.mktemp("story") / "made-up",
        engines=(*RIVALS, "minirocket"),
        worse={("splice", "automed"): 1.6},
        failed={("breast", "keras-tuner"): "ResourceExhaustedError: no memory is left"},
        unsuited={("breast", "minirocket"): "reads no image"},
        spread=0.02,
    )
    yield history
    history.close()


@pytest.fixture(scope="module")
def page(story: History) -> Page:
    return read(story, suite())


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[History]:
    with History.open(tmp_path / "made-up") as history:
        yield history


def scored(value: float, half: float = 0.05, **changed: Any) -> Cell:
    """A cell that keeps one score."""
    kept = {"value": value, "ci95": [value - half, value + half], "n": 100, "events": 40, "reason": None}
    return made.cell(1, "breast", changed.pop("seed", 0), "automed", scores={"macro_f1": kept}, **changed)


# --- the whole page ----------------------------------------------------------------------------------------------


def test_the_page_is_one_file_that_fetches_nothing(page: Page) -> None:
    """Its policy forbids it, no script is in it, every anchor is there, tables and drawings have their words."""
    names_no_network(page)
    links_lead_somewhere(page)
    is_named_and_in_order(page)
    assert not page.scripts and not page.all("script")


def test_the_same_history_gives_the_same_bytes(story: History, page: Page) -> None:
    """Nothing of the moment of rendering is on it."""
    assert read(story, suite()).source == page.source


def test_a_page_that_cannot_be_written_says_so(story: History, tmp_path: Path) -> None:
    """A file stands where its folder should."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        show(story, None, tmp_path / "file" / "index.html")


def test_the_head_says_what_the_point_was_made_with(page: Page, story: History) -> None:
    """Suite, point, time, revision, packages that matter, hardware and budget."""
    summary = section(page, "summary")
    for said in ("A suite that never ran", "Point 2 of 2", "2026-01-08, 03:00 UTC", "keras 3.12.2", "2 cores"):
        assert said in page.text
    assert "8 GB of memory" in summary and "3 minutes of search" in summary and "000000000" in summary
    assert story.point(2).suite in page.text


@pytest.mark.parametrize("where", range(len(HOSTILE)))
def test_hostile_names_come_out_harmless(empty: History, where: int) -> None:
    """Recipes, engines, reasons, packages, hardware, revisions, notes and measurements may be called anything."""
    name = HOSTILE[where]
    for number in (1, 2):
        point = made.start(
            empty,
            number,
            revision=name,
            started=name,
            packages={name: name, "keras": f"{name}{number}"},
            hardware={name: f"{name}{number}", "gpus": [name]},
            budget={name: name},
            suite=name,
        )
        for seed in (0, 1):
            said = made.answer("breast", seed, "automed", training=number)
            empty.append(made.cell(point, name, seed, "automed", said, detail={"chosen": name}), said)
            empty.append(made.cell(point, name, seed, name, why=("failed", name)))
        gate = {"gate": name, "limit": 1.0, "found": None, "state": "undecided", "reason": name}
        empty.append(made.cell(point, f"{name}2", 0, "automed", said, detail={"gates": [gate]}), said)
        empty.measure(point.id, Measurement(name, 1.0 + number, 2.0, name, name))
        empty.note(point.id, name, what=name)
        empty.note(point.id, "ended")
    hostile = read(empty)
    names_no_network(hostile)
    links_lead_somewhere(hostile)
    assert not hostile.all("script", "iframe") and not any("onmouseover" in a for _, a in hostile.tags)
    assert "\u202e" not in hostile.source
    assert words.clean(name).split()[0] in hostile.text and hostile.source.count("<h1>") == 1
    assert "49" not in section(hostile, "latest").split("<tbody>")[1].split("</tr>")[0] or "7 * 7" not in name


def test_no_point_and_no_cell_is_a_page_that_says_so(empty: History) -> None:
    """A history is shown as soon as it is there."""
    assert "Nothing has been run yet" in read(empty).text
    made.start(empty)
    begun = read(empty, suite())
    assert "No cell has ended yet" in begun.text and "Unfinished" in begun.text


def test_a_first_point_has_no_trend_and_nothing_to_be_held_against(empty: History) -> None:
    """It says so, and shows its table."""
    point = made.start(empty)
    said = made.answer("breast", 0, "automed")
    empty.append(made.cell(point, "breast", 0, "automed", said), said)
    empty.note(point.id, "ended")
    first = read(empty)
    assert "Before point 1 there is no whole one" in first.text and "none of these tests decides" in first.text
    assert "a trend begins with the second" in first.text
    assert "There is no whole point before this one" in first.text
    assert "no test" in section(first, "ranks")


# --- the newest table --------------------------------------------------------------------------------------------


def test_one_seed_keeps_the_interval_of_its_cell() -> None:
    """There is nothing to add to it."""
    score = over_seeds([scored(0.8)])
    assert (score.value, score.low, score.high, score.n) == (0.8, pytest.approx(0.75), pytest.approx(0.85), 100)


def test_an_interval_over_seeds_adds_the_spread_of_trainings() -> None:
    """The half width is the root of both squares, with Student's quantile of two degrees of freedom."""
    values = [0.80, 0.84, 0.79]
    score = over_seeds([scored(value, seed=seed) for seed, value in enumerate(values)])
    half = np.sqrt(0.05**2 + t.ppf(0.975, 2) ** 2 * np.var(values, ddof=1) / 3)
    assert score.value == pytest.approx(np.mean(values))
    assert (score.low, score.high) == (pytest.approx(np.mean(values) - half), pytest.approx(np.mean(values) + half))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_over_seeds_covers_what_it_says(seeds: int) -> None:
    """Of many benchmarks with other patients and other trainings, 95 % or more hold the true figure."""
    random, truth, patients, trainings, times = np.random.default_rng(seeds), 0.7, 0.02, 0.03, 1500
    held = 0
    for _ in range(times):
        values = truth + random.normal(0, patients) + random.normal(0, trainings, seeds)
        score = over_seeds([scored(float(value), 1.96 * patients) for value in values])
        assert score.low is not None and score.high is not None
        held += score.low <= truth <= score.high
    assert held / times > 0.95 - 2 * np.sqrt(0.05 * 0.95 / times)


def test_every_cell_of_the_table_is_the_mean_of_the_history(story: History, page: Page) -> None:
    """To three decimals, with the interval and n."""
    material = gather(story, suite())
    (table,) = tables(material, "macro_f1")
    assert [line.name for line in table.lines][:4] == ["automed", "keras-tuner", "classical", "minirocket"]
    for line in table.lines[:5]:
        for head, entry in zip(table.heads, line.entries, strict=True):
            cells = [c for c in story.cells(2) if (c.recipe, c.engine) == (head.recipe, line.name)]
            if entry.state == "done":
                mean = float(np.mean([cell.value() for cell in cells]))
                assert entry.score.value == pytest.approx(mean)
                assert f"<b>{words.decimal(mean, 3)}</b>" in section(page, "latest")
    assert "n 150, 3 seeds" in page.text and "n 240, 3 seeds" in page.text


def test_marks_are_the_verdicts_of_the_paired_tests(story: History) -> None:
    """Of each rival and recipe; ours has none, and one that failed has none."""
    point = story.point(2)
    found = against(story, point, "automed")
    (table,) = tables(gather(story, suite()), "macro_f1", found)
    said = {"ours better": "better", "ours worse": "worse", "the same": "same"}
    marks = {
        (head.recipe, line.name): said.get(entry.mark.word, entry.mark.word)
        for line in table.lines
        for head, entry in zip(table.heads, line.entries, strict=True)
        if entry.mark
    }
    wanted = {(c.recipe, c.engine): c.verdict for c in found if (c.recipe, c.engine) in marks}
    assert marks == wanted and marks["breast", "majority"] == "better"
    assert ("breast", "keras-tuner") not in marks and not any(engine == "automed" for _, engine in marks)


def test_what_has_no_score_says_why(story: History, page: Page) -> None:
    """Failed, unsuited and not run read differently, and a failure is listed with its whole reason."""
    latest = section(page, "latest")
    assert "failed</span>" in latest and "ResourceExhaustedError: no memory is left" in latest
    assert "unsuited</span>" in latest and "reads no image" in latest
    assert section(page, "history").count("ResourceExhaustedError") == 3
    assert len([row for row in rows(gather(story, None)) if row.status == "failed"]) == 3


def test_a_cell_that_was_not_run_and_seeds_that_failed_are_told(empty: History) -> None:
    """A mean over the seeds that are left says how many are missing."""
    point = made.start(empty)
    for seed in (0, 1):
        said = made.answer("breast", seed, "automed")
        empty.append(made.cell(point, "breast", seed, "automed", said), said)
    empty.append(made.cell(point, "breast", 2, "automed", why=("failed", "a reason")))
    empty.append(made.cell(point, "splice", 0, "classical", why=("failed", "another")))
    partly = read(empty, suite())
    latest = section(partly, "latest")
    assert "1 of 3 seeds failed: a reason" in latest and latest.count(">not run<") == 2
    assert "4 cells of 24 are in" in partly.text


def test_published_figures_stand_beside_ours_with_their_source(story: History, page: Page) -> None:
    """Macro-F1 in the table itself, others in tables of their own with the recipes that have them; none is tested."""
    latest = section(page, "latest")
    macro, _, auroc = latest.split("AUROC: ours beside what others reported")
    assert ".777" in macro and "Doe 2020, J Test 1:2" in macro and "Another" not in macro.split("Every test")[0]
    assert ".888" in auroc and ".899" in auroc and "Roe 2021, J Test 3:4" in auroc
    (table,) = published(gather(story, suite()))["auroc"]
    assert [head.recipe for head in table.heads] == ["breast"]
    assert [line.role for line in table.lines] == ["own", "published", "published"]
    assert all(entry.mark is None for line in table.lines for entry in line.entries)
    assert [letters for line in table.lines if (letters := line.sources)] == [("a",), ("b",)]


def test_many_recipes_are_cut_into_tables_of_one_size() -> None:
    """None is wider than a page, no recipe is lost, and none stands alone."""
    for count in range(1, 40):
        cut = parts([str(number) for number in range(count)])
        assert [name for part in cut for name in part] == [str(number) for number in range(count)]
        assert max(map(len, cut)) <= MOST and max(map(len, cut)) - min(map(len, cut)) <= max(1, len(cut) - 1)


def test_engines_stand_by_kind() -> None:
    """Ours first, then deep, classical, baselines, and what is not known last."""
    named = "automed automed-keras-tuner keras-tuner optuna autokeras classical minirocket majority x"
    assert in_order({*ENGINES, "x"}) == tuple(named.split())


# --- gates -------------------------------------------------------------------------------------------------------


def test_gates_are_missed_undecided_or_met(empty: History) -> None:
    """As the cells were held to them; a cell that failed could not be."""
    point = made.start(empty)
    missed = {"gate": "macro_f1", "limit": 0.9, "found": 0.81, "state": "missed", "reason": ""}
    open_ = {"gate": "gap", "limit": 0.1, "found": None, "state": "undecided", "reason": "no group was audited"}
    for recipe, seed, detail in (("breast", 0, {"gates": [missed]}), ("splice", 0, {"gates": [open_]})):
        said = made.answer(recipe, seed, "automed")
        empty.append(made.cell(point, recipe, seed, "automed", said, detail=detail), said)
    said = made.answer("breast", 1, "automed")
    empty.append(made.cell(point, "breast", 1, "automed", said), said)
    empty.append(made.cell(point, "breast", 2, "automed", why=("failed", "broke")))
    empty.append(made.cell(point, "breast", 0, "majority", said), said)
    held = suite(gates={"minutes": 30})
    found = gates(gather(empty, held))
    states = [(gate.recipe, gate.seed, gate.state) for gate in found.open]
    assert states == [("breast", 0, "missed"), ("splice", 0, "undecided"), *[("breast", 2, "undecided")] * 2]
    assert found.met == 4  # minutes of three cells, macro-F1 of one
    shown = read(empty, held).text
    assert "1 gate missed, 3 could not be decided and 4 met." in shown
    assert "macro-F1, at least .9" in shown and "no group was audited" in shown


def test_a_suite_without_gates_says_so_and_one_that_meets_them_too(story: History, page: Page) -> None:
    """Three seeds of one recipe with one gate."""
    assert "All 3 gates are met." in page.text
    assert "No gate is set." in read(story).text


# --- ranks -------------------------------------------------------------------------------------------------------


def test_ranks_are_drawn_with_their_finding(story: History, page: Page) -> None:
    """The alternative text names every mean rank, the critical difference and who is not told apart."""
    ranks = rank(story.cells(2))
    drawing = next(a for a in page.all("svg") if a["aria-label"].startswith("Average ranks"))
    assert drawing["aria-label"] == finding(ranks)
    assert all(f"{name} {words.decimal(mean)}" in finding(ranks) for name, mean in ranks.mean_rank.items())
    assert "minirocket" in ranks.left_out and "breast: unsuited: reads no image" in section(page, "ranks")


def test_too_few_recipes_are_said_to_decide_nothing() -> None:
    """Two recipes and three engines: whatever the ranks, they may be chance."""
    few = ranks_of({"a": [0.9, 0.9], "b": [0.8, 0.8], "c": [0.7, 0.7]}, ["one", "two"])
    said = " ".join(honest(few))
    assert few.critical_difference is not None and few.critical_difference > 2
    assert "decide nothing" in said and "With only 2 recipes no two engines could be told apart" in said
    many = ranks_of({"a": [0.9] * 20, "b": [0.8] * 20, "c": [0.7] * 20}, [str(k) for k in range(20)])
    assert "not all alike" in " ".join(honest(many)) and "With only" not in " ".join(honest(many))


# --- trends ------------------------------------------------------------------------------------------------------


def test_each_recipe_and_engine_of_ours_has_its_charts(story: History, page: Page) -> None:
    """Macro-F1, seconds and memory; rivals have none."""
    found = trends(gather(story, suite()))
    assert [one.recipe for one in found] == ["breast", "splice"]
    assert [len(one.scores) for one in found] == [1, 1] and [len(one.costs) for one in found] == [2, 2]
    labels = [a["aria-label"] for a in page.all("svg")]
    score = over_seeds([c for c in story.cells(2) if (c.recipe, c.engine) == ("splice", "automed")])
    assert any(label.startswith("Macro-F1 of splice over 2 points") and score.short() in label for label in labels)
    assert any(label.startswith("Seconds of breast, automed") for label in labels)


def moments(*values: float | None, failed: tuple[int, ...] = ()) -> list[Moment]:
    return [
        Moment(id, f"2026-01-{id:02d}", v, None if v is None else v - 0.1, None if v is None else v + 0.1, id in failed)
        for id, v in enumerate(values, 1)
    ]


def strokes(figure: Any, width: str) -> list[str]:
    """Where the paths of one width of stroke in one colour begin."""
    return [
        d
        for d, style in re.findall(r'<path d="([^"]*)" style="([^"]*)"', figure.wide)
        if f"stroke-width:{width};" in f"{style};"
    ]


def test_a_line_ends_where_the_recipe_changes_and_where_a_figure_is_missing() -> None:
    """What is not comparable is not joined; each such place is named below the chart and in its words."""
    whole = chart("a", "t", "macro-F1", moments(0.5, 0.6, 0.7, 0.8, 0.7), [], of="x", score=True)
    changed = [Break(3, "recipe"), Break(4, "hardware")]
    cut = chart("b", "t", "macro-F1", moments(0.5, 0.6, 0.7, 0.8, 0.7), changed, of="x", score=True)
    gap = chart("c", "t", "macro-F1", moments(0.5, 0.6, None, 0.8, 0.7, failed=(3,)), [], of="x", score=True)
    lines = [sum(d.count("M") for d in strokes(one, "1.6")) for one in (whole, cut, gap)]
    assert lines == [1, 2, 2]
    assert cut.note == "Another recipe from point 3. Other hardware from point 4." and cut.note in cut.alt
    assert "stroke-dasharray:5 3" in cut.wide and "stroke-dasharray:1.5 3" in cut.wide
    assert gap.note == "Failed in point 3." and "stroke:var(--bad)" in gap.wide and "--bad" not in whole.wide


def test_a_chart_says_its_first_last_lowest_and_highest_figure() -> None:
    """With intervals, dates and points."""
    alt = chart("a", "t", "macro-F1", moments(0.5, 0.4, 0.7, 0.6), [], of="x", score=True).alt
    assert ".50 (.40 to .60) at point 1 (2026-01-01), .60 (.50 to .70) at point 4 (2026-01-04)" in alt
    assert "lowest .40 (.30 to .50) at point 2, highest .70 (.60 to .80) at point 3" in alt


@pytest.mark.parametrize("values", [(None, None), (0.0, 0.0), (1.0, 1.0, None), (1e-9, 3e7)])
@pytest.mark.parametrize("score", [True, False])
def test_any_figures_can_be_drawn(values: tuple[float | None, ...], score: bool) -> None:
    """None at all, all alike, very small, very large."""
    if score and max(v or 0 for v in values) > 1:
        return
    drawn = chart("a", "t", "seconds", [Moment(k, "d", v) for k, v in enumerate(values)], [], of="x", score=score)
    assert "nan" not in drawn.wide and "inf" not in drawn.wide


def test_dates_do_not_lie_over_one_another() -> None:
    """Points that were run one after the other, and one much later."""
    crowded = [Moment(id, "2026-01-01", 0.5) for id in (1, 2, 3, 60)]
    drawn = str(chart("a", "t", "macro-F1", crowded, [], of="x", score=True).wide)
    assert drawn.count("2026-01-01</text>") == 2


def test_a_recipe_a_machine_and_data_that_changed_are_found(empty: History) -> None:
    """Memory that is reported a little otherwise is no other machine."""
    machines = [{"cores": 2, "memory_gb": 25.3}, {"cores": 2, "memory_gb": 25.2}, {"cores": 4, "memory_gb": 25.2}]
    for number, hardware in enumerate(machines, 1):
        point = made.start(empty, number, hardware=hardware)
        told = {"digest": "b" * 64 if number == 2 else "a" * 64} if number < 3 else {"digest": "b" * 64}
        said = made.answer("breast", 0, "automed", training=number)
        empty.append(made.cell(point, "breast", 0, "automed", said, **told), said)
        print_ = {"fingerprint": "x" if number < 3 else "y"}
        empty.append(made.cell(point, "splice", 0, "automed", said, **print_), said)
        empty.note(point.id, "ended")
    notes = {one.recipe: one.scores[0].note for one in trends(gather(empty, None))}
    assert notes["breast"] == "Another recipe from point 2. Other hardware from point 3."
    assert notes["splice"] == "Another recipe from point 3. Other hardware from point 3."


# --- what changed ------------------------------------------------------------------------------------------------


def test_a_planted_regression_is_the_verdict_of_the_page(page: Page) -> None:
    """In the first sentence, in the table with its difference, interval and p, and as a drawing."""
    assert page.text.count("Point 2 against point 1: worse") == 1
    changed = text_of(section(page, "changed").split(">", 1)[1])
    row = changed.split("splice automed ▼ worse")[1].split("breast")[0]
    assert "more than chance" in row and re.search(r"−\.\d{3} −\.\d{3} to −\.\d{3} n 240, 3 seeds p", row)
    assert any(
        a["aria-label"].startswith("automed: macro-F1 of point 2 minus that of point 1") for a in page.all("svg")
    )


def test_code_packages_hardware_and_budget_that_differ_are_named(empty: History) -> None:
    """What is as it was is named, too."""
    for number in (1, 2):
        later = (
            {"hardware": made.HARDWARE | {"cores": 8}, "budget": made.BUDGET | {"minutes": 5.0}} if number == 2 else {}
        )
        packages = {"keras": f"3.{number}", **({"old": "1"} if number == 1 else {"new": "2"})}
        point = made.start(empty, number, packages=packages, **later)
        said = made.answer("breast", 0, "automed")
        empty.append(made.cell(point, "breast", 0, "automed", said, digest=str(number) * 64), said)
        empty.note(point.id, "ended")
    differing = read(empty)
    changed = text_of(section(differing, "changed").split(">", 1)[1])
    for said in ("keras 3.1 3.2", "new – 2", "old 1 –", "cores 2 8", "minutes 3 5", "breast 111111111 222222222"):
        assert said in changed
    assert "the recipe has changed" in changed
    stages = text_of(section(differing, "history").split(">", 1)[1])
    assert "code; packages (keras 3.2, old gone and new 2); recipe breast; hardware; budget" in stages


def test_an_unfinished_point_is_held_against_the_last_whole_one(story: History, tmp_path: Path) -> None:
    """And says how much of it is there."""
    with made.make_history(tmp_path / "h", points=1, engines=("automed",), recipes=("breast",)) as history:
        point = made.start(history, 2)
        history.note(point.id, "interrupted")
        history.note(point.id, "resumed")
        said = made.answer("breast", 0, "automed", training=2)
        history.append(made.cell(point, "breast", 0, "automed", said), said)
        partial = read(history, suite())
        assert "Unfinished." in partial.text and "1 cell of 24 are in" in partial.text
        assert "Point 2 against point 1" in partial.text
        assert "interrupted (20" in partial.text and "resumed (20" in partial.text


def test_a_clock_that_was_moved_back_is_told(empty: History) -> None:
    """Points stay in the order in which they were run."""
    made.start(empty, 2)
    made.start(empty, 1)
    told = text_of(section(read(empty), "history").split(">", 1)[1])
    assert "the clock stood before the last point's start" in told
    assert told.index("2026-01-01") < told.index("2026-01-08, 03:00 UTC 0")


def test_a_history_that_was_mended_says_what_was_lost(story: History) -> None:
    """On top of the page."""
    mended = History(story.folder, story._engine, recovered="A copy was set aside; 3 rows could not be read.")
    assert "3 rows could not be read" in read(mended).text


# --- speed -------------------------------------------------------------------------------------------------------


def test_a_history_of_measurements_alone_is_a_page(empty: History) -> None:
    """Newest figures, ratios, trends; no table of engines, and what could not be measured is a note."""
    for number in (1, 2, 3):
        point = made.start(empty, number, suite="performance", digest="startup.help", budget={"quick": True})
        empty.measure(point.id, Measurement("epoch, images", 3.0 + number, 4.0, "s", "bare keras.fit"))
        empty.measure(point.id, Measurement("memory", 1234.5, None, "MB", ""))
        if number == 1:
            empty.measure(point.id, Measurement("only once", 1.0, 2.0, "s", "x", "higher"))
        if number == 3:
            empty.note(point.id, "failed", figure="explaining.shap", reason="no memory")
        empty.note(point.id, "ended")
    speed = read(empty)
    names_no_network(speed)
    links = [a["href"] for a in speed.all("a") if a["href"].startswith("#")]
    assert links == ["#main", "#summary", "#speed", "#history"] and all(link[1:] in speed.ids for link in links)
    body = text_of(section(speed, "speed").split(">", 1)[1])
    assert "epoch, images against bare keras.fit 6 s 4 s 1.50 × lower 3" in body
    assert "memory 1,234 MB – – lower 3" in body and "only once against x 1 s 2 s .50 × higher 1" in body
    alts = [a["aria-label"] for a in speed.all("svg")]
    assert len(alts) == 2 and any("1.00 × the reference at point 1" in alt and "1.50 ×" in alt for alt in alts)
    assert "failed: figure explaining.shap, reason no memory" in speed.text and "quick" in speed.text


# --- phantoms ----------------------------------------------------------------------------------------------------


def test_a_suite_of_phantoms_has_the_banner(empty: History) -> None:
    """Where every recipe is one; where some are, they are marked."""
    point = made.start(empty)
    said = made.answer("breast", 0, "automed")
    empty.append(made.cell(point, "skin", 0, "automed", said), said)
    assert "Phantom data." in read(empty, suite(recipes=["skin"])).text
    empty.append(made.cell(point, "breast", 0, "automed", said), said)
    both = read(empty, suite(recipes=["skin", "breast"]))
    assert "Phantom data." not in both.text and both.text.count(", phantom") == 1


# --- size and time -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_years_stay_small_and_quick() -> None:
    """104 points of 8 recipes and 8 engines: under 3 MB, and under 10 s where the machine is not busy with else."""
    with quick_folder() as folder:
        began = time.process_time()
        with long_history(folder) as history:
            made_in = time.process_time() - began
            began = time.process_time()
            file = show(history, None, folder / "index.html")
            took = time.process_time() - began
        assert len(Page(file.read_text(encoding="utf-8")).all("svg")) > 40
        assert file.stat().st_size < 3e6
        assert took < 10, f"{took:.1f} s, after {made_in:.1f} s of making it"


def long_history(folder: Path, points: int = 104) -> History:
    """Answers are those of the last two points; the others have scores alone, written at once."""
    History.open(folder).close()
    recipes = [f"recipe{k}" for k in range(8)]
    said = {(r, e): made.answer(r, 0, e) for r in recipes for e in ENGINES}
    cells = [made.cell(0, r, 0, e, said[r, e]) for r in recipes for e in ENGINES]
    random = np.random.default_rng(0)
    history = History.open(folder)
    first = made.start(history)
    file = history.file
    with writing(connect(file), file) as connection:
        for point in range(1, points - 1):
            if point > 1:
                started = f"{2024 + point // 52}-{1 + point % 12:02d}-01T03:00:00Z"
                add(connection, POINTS, row_of_point(replace(first, id=point, started=started)))
            for place, cell in enumerate(cells):
                moved = {
                    name: score | {"value": score["value"] - float(random.uniform(0, 0.02))}
                    for name, score in cell.scores.items()
                    if score["value"] is not None
                }
                row = row_of_cell(
                    1 + (point - 1) * len(cells) + place, replace(cell, point=point, scores=moved), answered=False
                )
                add(connection, CELLS, row)
    for number in (points - 1, points):
        point = made.start(history, number, started=f"2026-{number - 95:02d}-01T03:00:00Z")
        for cell in cells:
            history.append(replace(cell, point=point.id), said[cell.recipe, cell.engine])
        history.note(point.id, "ended")
    return history
