"""A Chromium without network for the tests of pages; they carry the marker `browser`.

Where there is no Chromium the tests are skipped, unless the environment variable BRAINSEG_BROWSER is `required`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.project import ROOT

CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / "viewer/node_modules/axe-core/axe.min.js"  # npm ci in viewer/
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def need(path: Path, how: str) -> None:
    """Skip the test, or fail if browsers are required, where a file is not installed."""
    if not path.exists():
        reason = f"{path} is not installed: {how}"
        if os.environ.get("BRAINSEG_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def start_chromium(*flags: str) -> Iterator[Browser]:
    """Start a browser; `--disable-gpu` for pages without WebGL, `--enable-unsafe-swiftshader` with it."""
    need(CHROMIUM, "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without WebGL, for the tests of a module."""
    with start_chromium("--disable-gpu") as browser:
        yield browser


@contextmanager
def opened(browser: Browser, path: Path, *, dark: bool = False, phone: bool = False, at: str = "") -> Iterator[Page]:
    """Open a file from disk without network, and check at the end that it loaded nothing and reported no error.

    Args:
        browser: from the fixture `chromium`.
        path: the page.
        dark: the colour scheme that the user prefers.
        phone: the size of the screen.
        at: what follows the path in the address, such as #patient-3.
    """
    context = browser.new_context(
        offline=True, viewport=PHONE if phone else DESKTOP, color_scheme="dark" if dark else "light"
    )
    faults: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: faults.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else faults.append(request.url),
    )
    page.goto(f"{path.resolve().as_uri()}{at}")
    yield page
    context.close()
    assert faults == []


def check_accessibility(page: Page) -> None:
    """Check that axe-core finds nothing serious or critical."""
    need(AXE, "npm ci in viewer/")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({ preload: false })")  # it would load style sheets, which a file may not
    assert found["passes"]
    serious = [
        f"{violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []


def check_width(page: Page) -> None:
    """Check that nothing reaches beyond the screen, which a phone would scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
