"""Pages in a real browser: nothing is asked of a network, nothing is cut off, and everybody can use them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import Opener
from madeaudited import make_audited_run
from madecompared import Answers, make_answering_run
from madeexplained import FACTS
from madeexplained import made as made_explained
from madeup import Story
from selenium.webdriver import Keys
from tab import DESKTOP, PHONE, Tab

from automed.pipeline import compare
from automed.report.pages import render

pytestmark = pytest.mark.slow

PAGES = ("report", "index", "labels", "comparison")
PAPER = (round((210 - 2 * 16) / 25.4 * 96), 1000)  # what A4 leaves between the margins of the pages, in CSS pixels
MOST_TABS = 600
UNFOLD = "for (const one of document.querySelectorAll('details')) one.open = true"
FOCUS = """
const one = document.activeElement;
if (!one || one === document.body) return null;
const all = [...document.querySelectorAll('*')];
return all.indexOf(one);
"""
# What a person can work with a mouse: each must be reached by keyboard too.
CONTROLS = """
const all = [...document.querySelectorAll('*')];
const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
return [...document.querySelectorAll(controls)]
  .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
  .filter(one => one.type !== 'radio' || one.checked || !document.querySelector(`[name="${one.name}"]:checked`))
  .map(one => [all.indexOf(one), one.outerHTML.slice(0, 120)]);
"""
# What is wider than the paper, or would scroll there: on paper nobody can scroll.
CUT = """
const edge = document.documentElement.clientWidth + 1, found = [];
for (const one of document.querySelectorAll('svg, img, table, canvas, pre, figure, p, li, dd')) {
  if (!one.checkVisibility() || one.closest('.spoken, svg *')) continue;
  const box = one.getBoundingClientRect();
  if (box.width && (box.right > edge || box.left < -1))
    found.push(`${one.outerHTML.slice(0, 90)}: ${Math.round(box.left)} to ${Math.round(box.right)} of ${edge - 1}`);
}
for (const one of document.querySelectorAll('.scroll, .map, figure'))
  if (one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible')
    found.push(`${one.outerHTML.slice(0, 90)}: scrolls, ${one.scrollWidth} in ${one.clientWidth}`);
return found;
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name a page: of a run that was judged in every way, of labels explained as every kind, of two runs."""
    judged = make_audited_run(tmp_path_factory.mktemp("judged") / "run", Story(finalists=2, trials=4, examples=6))
    labels = made_explained(tmp_path_factory.mktemp("labels") / "run", *FACTS)
    render(judged)
    render(labels)
    folder = tmp_path_factory.mktemp("compared")
    runs = [make_answering_run(folder / name, Answers(seed=k, audited=True)) for k, name in enumerate(("one", "two"))]
    for run in runs:
        render(run)
    compared = compare(runs, folder / "comparison.html")
    return {
        "report": judged.finalists()[0].report,
        "index": judged.index,
        "labels": labels.finalists()[0].report,
        "comparison": compared.page,
    }


each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_nothing_leaves_the_page_and_the_console_is_silent(made: dict[str, Path], open_page: Opener, name: str) -> None:
    """The browser asks for the file alone, and has nothing to complain about, its policy included."""
    tab = open_page(made[name])
    tab.run(UNFOLD)
    tab.run("scrollTo(0, document.body.scrollHeight)")
    assert tab.complaints() == []
    assert [urlsplit(address).scheme for address in tab.requests()] == ["file"]


@each_page
def test_every_link_and_anchor_resolves_in_the_browser(made: dict[str, Path], open_page: Opener, name: str) -> None:
    """A link leads to a file that is there, an anchor to an element of the page; none leaves the folder of the run."""
    tab = open_page(made[name])
    links = tab.run("return [...document.querySelectorAll('a[href]')].map(a => [a.getAttribute('href'), a.href])")
    assert len(links) > 5
    for written, address in links:
        parts = urlsplit(address)
        assert parts.scheme == "file", written
        file = Path(unquote(parts.path))
        assert file.is_file(), written
        if written.startswith("#") and len(written) > 1:
            assert tab.run("return document.getElementById(arguments[0]) !== null", unquote(written[1:])), written


@each_page
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_grave(
    made: dict[str, Path], open_page: Opener, name: str, size: tuple[int, int], dark: bool
) -> None:
    """No serious or critical violation of WCAG 2.2 AA, with everything unfolded."""
    tab = open_page(made[name], size, dark=dark)
    tab.run(UNFOLD)
    found = tab.violations()
    assert not found, "\n".join(found)


@each_page
def test_a_phone_scrolls_a_page_in_one_direction(made: dict[str, Path], open_page: Opener, name: str) -> None:
    """At 390 px the body is no wider than the screen; tables that are scroll inside their frame."""
    tab = open_page(made[name], PHONE)
    tab.run(UNFOLD)
    wide = tab.run("return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(wide[:2]) <= wide[2] == PHONE[0]


@each_page
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_cut_off_on_paper(made: dict[str, Path], open_page: Opener, name: str, dark: bool) -> None:
    """Drawings, pictures, tables and text lie within the margins of A4, and nothing would have to be scrolled."""
    tab = open_page(made[name], PAPER, dark=dark, paper=True)
    cut = tab.run(CUT)
    assert not cut, "\n".join(cut)
    assert tab.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@each_page
def test_a_page_prints(made: dict[str, Path], open_page: Opener, name: str) -> None:
    """The browser makes a PDF of A4 sheets of it."""
    printed = open_page(made[name]).printed()
    assert printed.startswith(b"%PDF")
    sheets = printed.count(b"/Type /Page\n") or printed.count(b"/Type /Page ")
    assert 1 <= sheets < 60


@each_page
def test_every_control_is_reached_by_the_tab_key(made: dict[str, Path], open_page: Opener, name: str) -> None:
    """Links, folds and what scrolls, in the order of the page, and the focus is never caught."""
    tab = open_page(made[name])
    controls = dict(map(tuple, tab.run(CONTROLS)))
    seen = _tabbed(tab, len(controls))
    lost = [text for place, text in controls.items() if place not in seen]
    assert not lost, "\n".join(lost)


def test_each_check_finds_its_fault(tmp_path: Path, open_page: Opener) -> None:
    """A page with one fault of each kind: what finds nothing here would find nothing anywhere."""
    faulty = tmp_path / "faulty.html"
    faulty.write_text(
        "<!DOCTYPE html><html><head><title>Faults</title></head><body><main><h1>Faults</h1>"
        '<p style="color: #bbb; background: #fff">Text that cannot be read.</p>'
        '<p><img src="http://127.0.0.1:9/away.png" alt="from elsewhere"></p>'
        '<svg width="1200" height="20" role="img" aria-label="wide"></svg>'
        '<div class="scroll" style="overflow-x: auto; width: 200px"><table><tr><td style="min-width: 900px">x</td></tr>'
        '</table></div><button tabindex="-1">Out of reach</button><a href="#here">Here</a></main></body></html>',
        encoding="utf-8",
    )
    tab = open_page(faulty, PHONE)
    assert any("away.png" in said for said in tab.complaints())
    assert [urlsplit(address).scheme for address in tab.requests()] == ["file", "http"]
    assert any("color-contrast" in found for found in tab.violations())
    assert tab.run("return document.documentElement.scrollWidth") > PHONE[0]
    controls = dict(map(tuple, tab.run(CONTROLS)))
    lost = [text for place, text in controls.items() if place not in _tabbed(tab, len(controls))]
    assert len(lost) == 1 and "Out of reach" in lost[0]
    cut = open_page(faulty, PAPER, paper=True).run(CUT)
    assert any("<svg" in found for found in cut) and any("scrolls, " in found for found in cut)


def _tabbed(tab: Tab, count: int) -> list[int]:
    """Where the focus goes, as places in the document, until it leaves or comes round."""
    seen: list[int] = []
    while len(seen) < min(count + 20, MOST_TABS):
        tab.press(Keys.TAB)
        place = tab.run(FOCUS)
        if place is None or (seen and place == seen[0]):
            break
        seen.append(place)
    return seen
