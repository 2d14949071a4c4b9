"""One Chromium for all tests of pages in a process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from selenium.webdriver import Chrome
from tab import DESKTOP, Tab, axe_source, chromium, open_in


class Opener(Protocol):
    """Opens a page: `open_page(file, PHONE, dark=True)`."""

    def __call__(
        self, file: Path, size: tuple[int, int] = DESKTOP, *, dark: bool = False, paper: bool = False
    ) -> Tab: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """Chromium without a window."""
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture
def open_page(browser: Chrome) -> Opener:
    """Open a file in the browser, at 1440 x 900 and in light mode unless said otherwise."""
    return partial(open_in, browser)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    return axe_source()
