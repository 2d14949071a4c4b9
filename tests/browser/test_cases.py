"""The gallery of explained cases in a real browser: what was marked comes off by keyboard, and is back on paper."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from conftest import Opener
from madeexplained import made
from PIL import Image as Pixels
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from tab import Tab

from automed.report.pages import render

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Explained pictures and signals."""
    run = made(tmp_path_factory.mktemp("gallery") / "run", "image", "signal", verdicts=("passed", "passed"))
    render(run)
    return run.finalists()[0].report


def seen(tab: Tab, which: str) -> np.ndarray:
    """The pixels of an element: floats (h, w, 3)."""
    element = tab.driver.find_element(By.CSS_SELECTOR, which)
    picture = Pixels.open(io.BytesIO(base64.b64decode(element.screenshot_as_base64)))
    return np.asarray(picture.convert("RGB"), float)


def test_what_was_marked_comes_off_by_keyboard_and_is_back_on_paper(page: Path, open_page: Opener) -> None:
    """Then all pictures of a case are the plain one; of the other case nothing changes."""
    tab = open_page(page)
    tab.command("Emulation.setScriptExecutionDisabled", value=True)
    tab.driver.refresh()
    marked, other = (f".explained > li:nth-child({k}) img.over" for k in (1, 2))
    plain = ".explained > li:nth-child(1) img.beneath"
    before, others = seen(tab, marked), seen(tab, other)
    tab.driver.find_element(By.CSS_SELECTOR, "#lay-0").send_keys(Keys.SPACE)
    after, bare = seen(tab, marked), seen(tab, plain)
    assert after.shape == bare.shape and np.abs(after - bare).mean() < 3 < 20 < np.abs(before - after).mean()
    assert np.array_equal(seen(tab, other), others)
    shade = ".explained > li:nth-child(1) .map path.f4"
    assert tab.driver.find_element(By.CSS_SELECTOR, shade).value_of_css_property("fill") == "none"
    tab.command("Emulation.setScriptExecutionDisabled", value=False)
    tab.command("Emulation.setEmulatedMedia", media="print")
    tab.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})", marked)
    printed = seen(tab, marked)
    tab.command("Emulation.setEmulatedMedia", media="")
    assert np.abs(printed.mean((0, 1)) - before.mean((0, 1))).max() < 8 and not tab.complaints()
