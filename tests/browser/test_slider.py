"""The slider in a real browser: its figures are those that scikit-learn gives for the same records."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Opener
from madeslider import expected, make_slider_run
from selenium.webdriver import Keys
from tab import PHONE, Tab

from automed.evaluate.questions import Question
from automed.report.pages import render
from automed.report.performance.slider import FIGURES, figure

pytestmark = pytest.mark.slow

# What the panel shows: figures, their ranges, and the threshold and prevalence in the fields.
SHOWN = """
const seen = {};
for (const one of document.querySelectorAll('#slider-panel [data-figure]'))
  seen[one.dataset.figure] = [one.querySelector('.value').textContent, one.querySelector('.range').textContent];
const field = name => document.getElementById('slider-' + name).value;
return {figures: seen, threshold: Number(field('threshold-number')), prevalence: Number(field('prevalence-number'))};
"""
# Move a control as a person does, by each of these values, and note what the panel shows.
TRY = (
    """
const [id, values] = arguments, control = document.getElementById(id);
return values.map(value => {
  control.value = value;
  control.dispatchEvent(new Event('input', {bubbles: true}));
  control.dispatchEvent(new Event('change', {bubbles: true}));
  return (() => {"""
    + SHOWN
    + """})();
});
"""
)
SAID = "return document.getElementById('slider-said').textContent"
Made = tuple[Path, list[Question], dict[str, Any]]


def made(folder: Path, *arguments: Any, **more: Any) -> Made:
    """A page, the questions about its test records, and the operating part of evaluation.json."""
    run, questions, told = make_slider_run(folder, *arguments, **more)
    render(run)
    return run.finalists()[0].report, questions, told


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """350 records, so that every probability is a threshold; the recipe expects another prevalence."""
    return made(tmp_path_factory.mktemp("whole") / "run", prevalences={"mel": 0.02, "bcc": 0.03})


@pytest.fixture(scope="module")
def thinned(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """4,000 records: thresholds are thinned."""
    return made(tmp_path_factory.mktemp("thinned") / "run", 4000)


def as_shown(figures: dict[str, float | None]) -> dict[str, str]:
    return {key: figure(key, figures[key]) for key, _, _ in FIGURES}


def values(seen: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, (value, _) in seen["figures"].items()}


def ranges(seen: dict[str, Any]) -> set[str]:
    return {shown for _, shown in seen["figures"].values()}


def spoken(tab: Tab) -> str:
    """The sentence, once it has been said."""
    time.sleep(0.6)
    return str(tab.run(SAID))


def ask(tab: Tab, place: int) -> None:
    """Choose another question."""
    tab.run(
        "const one = document.getElementById('slider-question'); one.selectedIndex = arguments[0];"
        "one.dispatchEvent(new Event('change', {bubbles: true}));",
        place,
    )


def test_the_panel_opens_at_the_chosen_threshold_with_its_intervals(open_page: Opener, whole: Made) -> None:
    """The figures of evaluation.json; the console is silent and nothing is asked of a network."""
    file, questions, told = whole
    tab = open_page(file)
    seen, row = tab.run(SHOWN), told["questions"][0]
    assert values(seen) == as_shown(expected(questions[0], row["threshold"]))
    for key in ("sensitivity", "specificity", "ppv", "npv", "nne", "flagged", "missed"):
        low, high = row["test"][key]["ci95"]
        assert seen["figures"][key][1] == f"{figure(key, low)} to {figure(key, high)}"
    low, high = row["decision_curve"]["at_threshold"]["net_benefit"]["ci95"]
    assert seen["figures"]["net_benefit"][1] == f"{figure('net_benefit', low)} to {figure('net_benefit', high)}"
    assert "This is the chosen threshold." in spoken(tab)
    assert tab.complaints() == [] and tab.requests() == [file.resolve().as_uri()]
    assert tab.violations() == []


def test_by_keyboard_the_threshold_moves_and_the_figures_follow(open_page: Opener, whole: Made) -> None:
    """Arrows, Page, Home and End; the sentence is said when the hand rests, and its value is in words."""
    file, questions, told = whole
    tab = open_page(file)
    tab.run("document.getElementById('slider-threshold').focus()")
    before = tab.run(SHOWN)
    for keys in ([Keys.ARROW_RIGHT] * 5, [Keys.PAGE_DOWN], [Keys.ARROW_LEFT] * 3, [Keys.END], [Keys.HOME]):
        tab.press(*keys)
        seen = tab.run(SHOWN)
        assert values(seen) == as_shown(expected(questions[0], seen["threshold"]))
        assert seen["threshold"] != before["threshold"] and ranges(seen) <= {"no interval", "not defined"}
        before = seen
    assert seen["figures"]["sensitivity"][0] == "1.00" and seen["figures"]["npv"] == ["–", "not defined"]
    text = spoken(tab)
    assert "This is not the chosen threshold, so no figure here has an interval." in text
    hits, positives = int(questions[0].truth.sum()), int(questions[0].truth.sum())
    assert f"that was {hits} of {positives} to be found" in text
    assert tab.run("return document.getElementById('slider-threshold').getAttribute('aria-valuetext')") == "0"
    tab.press(Keys.TAB, *("0", ".", "5"))
    assert tab.run("return document.activeElement.id") == "slider-threshold-number"
    tab.run("document.getElementById('slider-reset').focus()")
    tab.press(Keys.ENTER)
    assert values(tab.run(SHOWN)) == as_shown(expected(questions[0], told["questions"][0]["threshold"]))
    assert tab.complaints() == []


@pytest.mark.parametrize("name", ["whole", "thinned"])
def test_at_every_stop_the_figures_are_those_of_scikit_learn(
    open_page: Opener, name: str, request: pytest.FixtureRequest
) -> None:
    """Of every question, at the threshold beside the slider; the chosen one, which is shown short, as it is."""
    file, questions, told = request.getfixturevalue(name)
    tab = open_page(file)
    for place, question in enumerate(questions):
        ask(tab, place)
        counts = told["questions"][place]["counts"]
        thresholds = counts["thresholds"]
        assert counts["complete"] == (name == "whole")
        stops = list(range(0, len(thresholds), 11))
        for stop, seen in zip(stops, tab.run(TRY, "slider-threshold", stops), strict=True):
            here = thresholds[stop] == told["questions"][place]["threshold"]
            at = thresholds[stop] if here else seen["threshold"]
            assert values(seen) == as_shown(expected(question, at)), (question.key, at)
            assert here or len(str(seen["threshold"])) <= 8


def test_any_threshold_can_be_typed(open_page: Opener, whole: Made) -> None:
    """Between the probabilities of the records as well, and above all of them."""
    file, questions, _ = whole
    tab = open_page(file)
    asked = [0.0, *np.round(np.random.default_rng(5).random(60), 4).tolist(), 0.5, 0.999, 1.0]
    for threshold, seen in zip(asked, tab.run(TRY, "slider-threshold-number", asked), strict=True):
        assert seen["threshold"] == threshold
        assert values(seen) == as_shown(expected(questions[0], threshold)), threshold
    assert "no record is flagged" in spoken(tab)
    tab.run(TRY, "slider-threshold-number", [0.4])
    kept = tab.run(SHOWN)
    for nonsense in ("", "1.5", "-0.1"):
        (seen,) = tab.run(TRY, "slider-threshold-number", [nonsense])
        assert seen == kept, nonsense


def test_among_thinned_thresholds_the_nearest_is_taken_and_shown(open_page: Opener, thinned: Made) -> None:
    """The figures belong to what the field then says."""
    file, questions, told = thinned
    tab = open_page(file)
    (seen,) = tab.run(TRY, "slider-threshold-number", [0.61234])
    kept = np.array(told["questions"][0]["counts"]["thresholds"])
    assert seen["threshold"] == pytest.approx(kept[np.abs(kept - 0.61234).argmin()], abs=1e-6)
    assert values(seen) == as_shown(expected(questions[0], seen["threshold"]))
    assert "The nearest threshold that was kept is shown." in spoken(tab)


def test_any_prevalence_can_be_asked_for(open_page: Opener, whole: Made) -> None:
    """By Bayes' theorem; intervals are shown where they are known, at the expected one."""
    file, questions, told = whole
    tab, row = open_page(file), told["questions"][0]
    for stop in range(0, 22, 3):
        (seen,) = tab.run(TRY, "slider-prevalence", [stop])
        share = seen["prevalence"] / 100
        if abs(share - questions[0].truth.mean()) > 0.001:
            assert values(seen) == as_shown(expected(questions[0], row["threshold"], share)), share
            assert seen["figures"]["sensitivity"][1] != "no interval" == seen["figures"]["flagged"][1]
    for percent, seen in zip((0.1, 7.3, 60), tab.run(TRY, "slider-prevalence-number", [0.1, 7.3, 60]), strict=True):
        assert values(seen) == as_shown(expected(questions[0], row["threshold"], percent / 100))
    assert "sensitivity and specificity are held to stay the same" in spoken(tab)
    tab.run("document.getElementById('slider-expected').click()")
    seen = tab.run(SHOWN)
    assert seen["prevalence"] == 5
    low, high = row["at_prevalence"]["ppv"]["ci95"]
    assert seen["figures"]["ppv"][1] == f"{figure('ppv', low)} to {figure('ppv', high)}"
    assert seen["figures"]["net_benefit"][1] == "no interval"


def test_each_question_has_its_own_threshold_and_prevalence(open_page: Opener, whole: Made) -> None:
    """Choosing another one begins at what was chosen for it."""
    file, questions, told = whole
    tab = open_page(file)
    tab.run(TRY, "slider-threshold-number", [0.9])
    ask(tab, 1)
    seen = tab.run(SHOWN)
    assert values(seen) == as_shown(expected(questions[1], told["questions"][1]["threshold"]))
    assert seen["prevalence"] == pytest.approx(100 * questions[1].truth.mean(), rel=0.01)
    assert not tab.run("return document.getElementById('slider-expected').checkVisibility()")


def test_on_paper_and_without_script_the_table_stands_there(open_page: Opener, whole: Made) -> None:
    """And never both."""
    visible = "return ['#slider-panel', '.ladders'].map(one => document.querySelector(one).checkVisibility())"
    assert open_page(whole[0]).run(visible) == [True, False]
    assert open_page(whole[0], paper=True).run(visible) == [False, True]
    tab = open_page(whole[0])
    tab.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.driver.refresh()
        shown = [tab.driver.find_element("css selector", one).is_displayed() for one in ("#slider-panel", ".ladders")]
    finally:
        tab.command("Emulation.setScriptExecutionDisabled", value=False)
    assert shown == [False, True]


def test_on_a_phone_nothing_is_cut_off(open_page: Opener, whole: Made) -> None:
    """Controls are within the page, and large enough for a thumb."""
    tab = open_page(whole[0], PHONE)
    boxes = tab.run(
        "return [...document.querySelectorAll('#slider-panel input, #slider-panel select, #slider-panel button')]"
        ".map(one => one.getBoundingClientRect()).map(b => [b.left, b.right, b.height])"
    )
    assert all(left >= 0 and right <= PHONE[0] and high >= 32 for left, right, high in boxes) and len(boxes) == 7


def test_an_injected_script_does_not_run(open_page: Opener, whole: Made, tmp_path: Path) -> None:
    """The policy lets in what it knows by its hash, and the browser says that it refused the other."""
    hurt = tmp_path / "hurt.html"
    text = whole[0].read_text(encoding="utf-8")
    hurt.write_text(text.replace("</main>", "<script>document.title = 'broken'</script></main>"), encoding="utf-8")
    tab = open_page(hurt)
    assert tab.driver.title != "broken" and any("Content Security Policy" in said for said in tab.complaints())
