"""A review in a real browser: three cases answered by clicking, kept, downloaded, imported, and shown afterwards."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from commandline import Command
from conftest import Opener
from madeexplained import made as made_explained
from madeup import HOSTILE, Story, make_run
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from tab import DESKTOP, PHONE, Tab

from automed.report.pages import render
from automed.run import Run

pytestmark = pytest.mark.slow

CLICK = "document.querySelector(arguments[0]).click()"
SHOWN = "return document.getElementById(arguments[0]).checkVisibility()"
TEXT = "return document.getElementById(arguments[0]).textContent"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Three examples of four classes, of a model that was not explained."""
    return make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=3))


def page_of(run: Run) -> Path:
    render(run)
    return run.finalists()[0].report


def begin(tab: Tab, reader: str) -> None:
    tab.run("document.getElementById('review-reader').value = arguments[0]", reader)
    tab.run(CLICK, "#review-begin")


def choose(tab: Tab, name: str, value: str | int) -> None:
    tab.run(CLICK, f'input[name="review-{name}"][value="{value}"]')


def answer(tab: Tab, before: str | int, after: str | int, mind: str = "no", comment: str = "") -> str:
    """One case from start to end; returns which one it was, by its picture or text."""
    seen = tab.run(TEXT, "review-title")
    choose(tab, "before", before)
    choose(tab, "confidence", 4)
    tab.run(CLICK, "#review-look")
    assert tab.run(SHOWN, "review-second")
    choose(tab, "after", after)
    choose(tab, "mind", mind)
    if comment:
        tab.driver.find_element(By.ID, "review-comment").send_keys(comment)
    tab.run(CLICK, "#review-next")
    return str(seen)


def download(tab: Tab, folder: Path, button: str = "#review-download") -> Path:
    """The file that the page gives."""
    folder.mkdir(exist_ok=True)
    tab.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    tab.run(CLICK, button)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (found := list(folder.glob("*.json"))) and found[0].stat().st_size:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("nothing was downloaded")


def forget(tab: Tab) -> None:
    tab.run("localStorage.clear()")


def test_a_whole_review_comes_back_and_its_agreement_is_shown(
    run: Run, tmp_path: Path, open_page: Opener, automed_command: Command
) -> None:
    """Three cases, without and with the model, to a file that `review import` takes; nothing leaves the page."""
    tab = open_page(page_of(run))
    assert not tab.run(SHOWN, "review-needs")
    begin(tab, "AB ü🧪")
    titles = [
        answer(tab, 0, 1, "yes", "a ruler <b>in</b> the picture"),
        answer(tab, 1, 1),
        answer(tab, "cannot", 2, "unsure"),
    ]
    assert titles == ["Case 1 of 3", "Case 2 of 3", "Case 3 of 3"]
    assert tab.run(SHOWN, "review-end")
    choose(tab, "decision", "conditions")
    tab.driver.find_element(By.ID, "review-remark").send_keys("only with a second reader")
    file = download(tab, tmp_path / "downloads")
    assert tab.complaints() == []
    assert len(tab.requests()) == 1
    document = json.loads(file.read_text(encoding="utf-8"))
    assert [case["position"] for case in document["cases"]] == [1, 2, 3]
    assert document["cases"][2]["before"]["answer"] is None
    ended = automed_command("review", "import", str(run.folder), str(file))
    assert ended.code == 0, ended.err
    assert "AB ü🧪: 3 of 3 cases, stored" in ended.out
    assert "1 of 2 reviews imported" in ended.out
    tab = open_page(run.finalists()[0].report)
    text = tab.run("return document.getElementById('review').textContent")
    for said in ("1 of 2 reviews imported", "Of 3 answers of 1 reader", "AB ü🧪 and the model", "a ruler <b>in</b> the",
                 "only with a second reader", "Fit, with conditions", "3 records, 5 are needed"):  # fmt: skip
        assert said in text, said
    assert tab.violations() == []


def test_readers_meet_the_cases_in_orders_of_their_own(run: Run, open_page: Opener) -> None:
    """The order comes from the reader's name: the same name has the same, others have others."""
    page = page_of(run)
    found: dict[str, set[tuple[int, ...]]] = {}
    for reader in ("AB", "CD", "EF", "GH", "AB"):
        tab = open_page(page)
        forget(tab)
        tab = open_page(page)
        begin(tab, reader)
        for _ in range(3):
            answer(tab, 0, 0)
        key = tab.run("return Object.keys(localStorage)[0]")
        document = json.loads(tab.run("return localStorage.getItem(arguments[0])", key))
        found.setdefault(reader, set()).add(tuple(case["place"] for case in document["cases"]))
    assert all(len(orders) == 1 for orders in found.values())
    assert len({order for orders in found.values() for order in orders}) > 1


def test_a_case_is_shown_blind_first_and_what_was_said_blind_stays(run: Run, open_page: Opener) -> None:
    """Before the first answer nothing on the screen tells prediction or reference; afterwards that answer is fixed."""
    tab = open_page(page_of(run))
    forget(tab)
    begin(tab, "blind")
    text = tab.run("return document.querySelector('main').innerText + document.querySelector('header').innerText")
    assert "The model says" not in text
    assert "Predicted" not in text
    assert tab.run(
        "return [...document.querySelectorAll('main img')].filter(i => i.checkVisibility()).every(i => i.alt.includes("
        "'withheld') && i.complete && i.naturalWidth > 0)"
    )
    tab.run(CLICK, "#review-look")
    assert "Give a diagnosis" in tab.run(TEXT, "review-status")
    assert not tab.run(SHOWN, "review-second")
    choose(tab, "before", 0)
    choose(tab, "confidence", 1)
    tab.run(CLICK, "#review-look")
    assert "The model says" in tab.run("return document.getElementById('review-told').innerText")
    assert tab.run("return document.getElementById('review-first').disabled")
    tab.run(CLICK, "#review-next")
    assert "Give a diagnosis again" in tab.run(TEXT, "review-status")


def test_a_review_goes_on_after_the_page_was_closed_and_from_a_file(
    run: Run, tmp_path: Path, open_page: Opener
) -> None:
    """The browser keeps it by the reader's name; a half-done file brings it to a browser that kept nothing."""
    page = page_of(run)
    tab = open_page(page)
    forget(tab)
    begin(tab, "CD")
    answer(tab, 1, 1)
    file = download(tab, tmp_path / "downloads", "#review-save")
    tab = open_page(page)
    begin(tab, " cd ")
    assert tab.run(TEXT, "review-title") == "Case 2 of 3"
    assert "1 of 3 cases answered" in tab.run(TEXT, "review-status")
    forget(tab)
    tab = open_page(page)
    tab.driver.find_element(By.ID, "review-file").send_keys(str(file))
    wait(tab, "return document.getElementById('review-title').textContent === 'Case 2 of 3'")
    forged = json.loads(file.read_text(encoding="utf-8"))
    for change, said in (
        ({"cases": []}, "changed after"), ({"version": 2}, "later version"), ({"format": "x"}, "no review"),
    ):  # fmt: skip
        tab = open_page(page)
        file.write_text(json.dumps({**forged, **change}), encoding="utf-8")
        tab.driver.find_element(By.ID, "review-file").send_keys(str(file))
        wait(tab, f"return document.getElementById('review-status').textContent.includes({said!r})")
    forget(tab)


def test_a_browser_that_keeps_nothing_says_so(run: Run, tmp_path: Path, open_page: Opener) -> None:
    """Where storage is refused the review works all the same, and tells the reader to download it."""
    tab = open_page(page_of(run))
    tab.run("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})")
    begin(tab, "EF")
    assert "keeps nothing" in tab.run(TEXT, "review-kept")
    answer(tab, 0, 0)
    tab.run(CLICK, "#review-leave")
    begin(tab, "EF")
    assert tab.run(TEXT, "review-title") == "Case 2 of 3", "a pause loses nothing while the page is open"
    assert download(tab, tmp_path / "downloads", "#review-save").is_file()


def test_without_script_the_page_says_what_the_review_needs(run: Run, open_page: Opener) -> None:
    """Nothing that does not work is shown."""
    page = page_of(run)
    tab = open_page(page)
    tab.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.driver.get(page.resolve().as_uri())
        assert "needs JavaScript" in tab.driver.find_element(By.ID, "review-needs").text
        assert not tab.driver.find_element(By.ID, "review-form").is_displayed()
    finally:
        tab.command("Emulation.setScriptExecutionDisabled", value=False)


def test_labels_rule_none_out_and_explanations_are_shown(
    tmp_path: Path, open_page: Opener, automed_command: Command
) -> None:
    """Several labels may be named, or none; after the first answer stand the pictures of each method."""
    run = made_explained(tmp_path / "labels", "image", "signal", "text", "tabular", n=3)
    tab = open_page(page_of(run))
    forget(tab)
    begin(tab, "GH")
    choose(tab, "before", 0)
    choose(tab, "before", 2)
    choose(tab, "before", "none")
    assert tab.run("return document.querySelectorAll('input[name=review-before]:checked').length") == 1
    choose(tab, "before", 1)
    assert not tab.run("return document.querySelector('input[name=review-before][value=none]').checked")
    choose(tab, "confidence", 5)
    tab.run(CLICK, "#review-look")
    told = tab.run("return document.getElementById('review-told').innerText")
    assert "SHAP" in told
    assert "not validated for this model" in told
    assert tab.run(
        "return [...document.querySelectorAll('#review-told img, #review-shown img')].every(i => i.naturalWidth > 0)"
    )
    choose(tab, "after", "none")
    choose(tab, "mind", "no")
    tab.run(CLICK, "#review-next")
    answer(tab, 0, 0)
    answer(tab, "cannot", "none")
    file = download(tab, tmp_path / "downloads")
    assert tab.complaints() == []
    ended = automed_command("review", "import", str(run.folder), str(file), "--json")
    assert ended.code == 0, ended.err
    (document,) = ended.document["models"].values()
    (review,) = document["reviews"]
    assert sorted(len(case["after"]["answer"]) for case in review["cases"]) == [0, 0, 1]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_grave_in_an_open_review(
    tmp_path: Path, open_page: Opener, size: tuple[int, int], dark: bool
) -> None:
    """With hostile names of classes, before and after the model's answer and at the end; a phone shows all of it."""
    story = Story(tuple((f"k{i}", name, False) for i, name in enumerate(HOSTILE)), finalists=1, trials=3, examples=2)
    tab = open_page(page_of(make_run(tmp_path / "run", story)), size, dark=dark)
    forget(tab)
    begin(tab, HOSTILE[0])
    assert tab.violations() == []
    choose(tab, "before", 0)
    choose(tab, "confidence", 3)
    tab.run(CLICK, "#review-look")
    assert tab.violations() == []
    assert tab.run("return document.documentElement.scrollWidth") <= size[0]
    choose(tab, "after", 1)
    choose(tab, "mind", "no")
    tab.run(CLICK, "#review-next")
    answer(tab, 1, 1)
    assert tab.violations() == []
    assert tab.complaints() == []


def test_a_review_can_be_done_with_the_keyboard(run: Run, open_page: Opener) -> None:
    """Enter begins, space and arrows choose, tab goes on."""
    tab = open_page(page_of(run))
    forget(tab)
    tab.run("document.getElementById('review-reader').focus()")
    tab.press("IJ", Keys.ENTER)
    assert tab.run("return document.activeElement.id") == "review-title"
    tab.press(Keys.TAB, Keys.SPACE, Keys.TAB, Keys.SPACE, Keys.TAB, Keys.ENTER)
    assert tab.run("return document.activeElement.id") == "review-answer"
    tab.press(Keys.TAB, Keys.SPACE, Keys.TAB, Keys.SPACE, Keys.TAB, "fine", Keys.TAB, Keys.ENTER)
    assert tab.run(TEXT, "review-title") == "Case 2 of 3"
    forget(tab)


def wait(tab: Tab, script: str) -> Any:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if found := tab.run(script):
            return found
        time.sleep(0.05)
    raise AssertionError(script)
