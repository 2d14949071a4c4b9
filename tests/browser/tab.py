"""A page open in Chromium: what the tests of pages ask of it."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DESKTOP, PHONE = (1440, 900), (390, 844)
AXE = Path(sys.prefix) / "axe" / "axe.min.js"
# WCAG 2.2 AA and what comes with it, and the advice of axe on top.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = ("serious", "critical")
PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # of Debian


def chromium() -> Chrome:
    """A headless Chromium; fails the test where there is none, for a page that nobody opened is not checked."""
    found = {name: shutil.which(name) for name in PACKAGES}
    if lacking := [PACKAGES[name] for name, path in found.items() if path is None]:
        pytest.fail(f"the tests of pages need a browser: apt-get install {' '.join(lacking)}", pytrace=False)
    options = ChromeOptions()
    options.binary_location = str(found["chromium"])
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={DESKTOP[0]},{DESKTOP[1]}")
    options.add_argument("--disable-background-networking")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(found["chromedriver"])))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(120)
    return driver


def axe_source() -> str:
    """axe-core, which the Makefile puts beside the interpreter."""
    if not AXE.is_file():
        pytest.fail("the tests of pages need axe-core: make axe (with npm: apt-get install npm)", pytrace=False)
    return AXE.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Tab:
    """One page that is open; a test that opens another one uses the same tab."""

    driver: Chrome
    file: Path

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **arguments: Any) -> Any:
        """What the browser answers to a command of its developer tools."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def complaints(self) -> list[str]:
        """What the console said since the last call: errors and warnings, refusals of the policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call, without those inside the page."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in asked if not address.startswith(("data:", "blob:"))]

    def violations(self, *grave: str) -> list[str]:
        """What axe finds of these impacts, serious and critical by default: rule, what to do, and where."""
        self.run(axe_source() + "\n;return typeof axe")
        found = self.driver.execute_async_script(
            "const done = arguments[1];"
            "axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})"
            ".then(r => done(r.violations), e => done([{id: 'axe', impact: 'critical', help: String(e), nodes: []}]));",
            RULES,
        )
        return [
            f"{one['id']} ({one['impact']}, {len(one['nodes'])}x): {one['help']}: "
            + "; ".join(f"{node['html'][:160]} [{_why(node)}]" for node in one["nodes"][:3])
            for one in found
            if one["impact"] in (grave or GRAVE)
        ]

    def printed(self) -> bytes:
        """The page as PDF, on the paper that its style names."""
        made = self.command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(made["data"])

    def picture(self, to: Path) -> None:
        """The whole page as PNG."""
        taken = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        to.write_bytes(base64.b64decode(taken["data"]))


def _why(node: dict[str, Any]) -> str:
    lines = node.get("failureSummary", "").splitlines()
    return " ".join(line.strip() for line in lines[1:3])


def open_in(
    driver: Chrome, file: Path, size: tuple[int, int] = DESKTOP, *, dark: bool = False, paper: bool = False
) -> Tab:
    """Open a file at a size in CSS pixels, in light or dark mode, on a screen or as paper."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"media": "print" if paper else "screen", "features": [scheme, still]}
    )
    driver.get("about:blank")  # what the page before kept, and said, is not this one's
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.get(file.resolve().as_uri())
    return Tab(driver, file)
