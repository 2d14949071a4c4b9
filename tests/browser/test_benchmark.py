"""The page of a benchmark in a real browser: nothing is fetched, nothing is cut off, and everybody can use it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import madebenchmark as made
import pytest
from conftest import Opener
from tab import DESKTOP, PHONE
from test_pages import CONTROLS, CUT, PAPER, UNFOLD, _tabbed

from automed.benchmark.history import History
from automed.benchmark.page import show
from automed.benchmark.record import Measurement
from automed.benchmark.suite import Suite

pytestmark = pytest.mark.slow

RECIPES = ("breast", "splice", "ecg", "icu", "bbbp", "ham10000", "pneumonia")
ENGINES = ("automed", "automed-keras-tuner", "majority", "classical", "keras-tuner", "optuna", "minirocket")
PUBLISHED = {"name": "A model with a long name (224)", "source": "Doe et al. 2020, Journal of Tests 1:2", "metrics": {}}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three points of seven recipes and seven engines, with failures, gates, published figures and measurements."""
    folder = tmp_path_factory.mktemp("benchmark")
    metrics = {"macro_f1": 0.8, "auroc": 0.9, "accuracy": 0.85}
    entries = [{"recipe": name, "published": [PUBLISHED | {"metrics": metrics}]} for name in RECIPES]
    suite = Suite.model_validate(
        {
            "name": "made-up",
            "title": "A suite that never ran",
            "recipes": entries,
            "seeds": [0, 1],
            "engines": list(ENGINES),
            "budget": {"minutes": 3},
            "gates": {"macro_f1": 0.7},
        }
    )
    unsuited = {(recipe, "minirocket"): "reads no image" for recipe in RECIPES if recipe != "ecg"}
    failed = {("icu", "optuna"): "ResourceExhaustedError:OOM_when_allocating_a_tensor_with_shape[4096,4096,64]"}
    worse = {("splice", "automed"): 1.6}
    with made.make_history(
        folder / "made-up", seeds=(0, 1), recipes=RECIPES, engines=ENGINES, worse=worse, failed=failed,
        unsuited=unsuited, spread=0.02, resamples=50,
    ) as history:  # fmt: skip
        point = made.start(history, 3, hardware=made.HARDWARE | {"cores": 16}, revision=None)
        gate = {"gate": "macro_f1", "limit": 0.9, "found": 0.81, "state": "missed", "reason": ""}
        for recipe in RECIPES:
            for seed in (0, 1):
                for engine in ENGINES[:5]:
                    said = made.answer(recipe, seed, engine, training=3, spread=0.02)
                    told = {"gates": [gate]} if engine == "automed" else {}
                    cell = made.cell(point, recipe, seed, engine, said, resamples=50, detail=told)
                    history.append(cell, said)
        for row, other in enumerate(("bare keras.fit", "a script that a tutorial would write, with all its imports")):
            for at in (1, 2, 3):
                history.measure(at, Measurement(f"epoch, images {row}", 3.0 + at, 3.25, "s", other))
        history.note(point.id, "interrupted")
        return show(history, suite, folder / "index.html")


def test_nothing_leaves_the_page_and_the_console_is_silent(page: Path, open_page: Opener) -> None:
    """The browser asks for the file alone, and has nothing to complain about, its policy included."""
    tab = open_page(page)
    tab.run(UNFOLD)
    assert tab.complaints() == []
    assert [urlsplit(address).scheme for address in tab.requests()] == ["file"]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_grave(page: Path, open_page: Opener, size: tuple[int, int], dark: bool) -> None:
    """No serious or critical violation of WCAG 2.2 AA, with everything unfolded."""
    tab = open_page(page, size, dark=dark)
    tab.run(UNFOLD)
    found = tab.violations()
    assert not found, "\n".join(found)


def test_a_phone_scrolls_the_page_in_one_direction(page: Path, open_page: Opener) -> None:
    """At 390 px the body is no wider than the screen; tables that are scroll inside their frame."""
    tab = open_page(page, PHONE)
    tab.run(UNFOLD)
    wide = tab.run("return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(wide[:2]) <= wide[2] == PHONE[0]


@pytest.mark.parametrize("folds", ["closed", "open"])
def test_nothing_is_cut_off_on_paper(page: Path, open_page: Opener, folds: str) -> None:
    """Tables of several recipes, drawings and text lie within the margins of A4, unfolded or not."""
    tab = open_page(page, PAPER, paper=True)
    if folds == "open":
        tab.run(UNFOLD)
    cut = tab.run(CUT)
    assert not cut, "\n".join(cut)
    assert tab.printed().startswith(b"%PDF")


def test_every_control_is_reached_by_the_tab_key(page: Path, open_page: Opener) -> None:
    """Links, folds and what scrolls, and the focus is never caught."""
    tab = open_page(page)
    controls = dict(map(tuple, tab.run(CONTROLS)))
    seen = _tabbed(tab, len(controls))
    assert len(controls) > 20
    assert not [text for place, text in controls.items() if place not in seen]


def test_names_of_rows_stay_in_sight_while_a_table_is_scrolled(page: Path, open_page: Opener) -> None:
    """What stands beside them leaves, the name of the engine does not."""
    tab = open_page(page, (660, 900))
    moved = tab.run(
        "const table = document.querySelector('.bench'), frame = table.parentElement;"
        "const left = name => table.querySelector(name).getBoundingClientRect().left;"
        "const before = [left('tbody th'), left('tbody td')];"
        "frame.style.width = '320px'; frame.scrollLeft = 100;"
        "return [left('tbody th') - before[0], left('tbody td') - before[1]];"
    )
    assert abs(moved[0]) < 1 and moved[1] < -50


def test_a_history_survives_being_shown(page: Path) -> None:
    """Showing reads, and writes nothing into the history."""
    with History.open(page.parent / "made-up", create=False) as history:
        assert len(history.points()) == 3 and history.recovered is None
