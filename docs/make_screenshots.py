"""Take docs/images/report.png and docs/images/viewer.png in a Chromium, of what is there: the report, and the viewer.

From the root of the project, after dvc repro and make viewer: python -m docs.make_screenshots [MODEL]
"""

import sys
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from brainseg.errors import UserError
from brainseg.view.pages import find_pages
from brainseg.view.server import serve_pages
from brainseg.view.session import Session

IMAGES = Path("docs/images")
REPORT = Path("plots/report.html")
CHROMIUM = "/usr/bin/chromium"
# WebGL without a graphics card, and nothing but the pages.
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking", "--disable-component-update")
SIZE = ViewportSize(width=1280, height=900)  # pixels
PATIENCE = 300_000  # milliseconds; the viewer's network runs on the processor


def open_page(browser: Browser) -> Page:
    """Open an empty page."""
    return browser.new_context(viewport=SIZE, color_scheme="light").new_page()


def take_report(browser: Browser) -> None:
    """Take the first screen of the report."""
    page = open_page(browser)
    page.goto(REPORT.resolve().as_uri())
    page.screenshot(path=IMAGES / "report.png")


def take_viewer(browser: Browser, model: Path | None) -> None:
    """Outline the viewer's example, and take the page.

    Args:
        browser: with WebGL.
        model: a bundle; None for the model that ships.

    Raises:
        UserError: if the page or the exported model is not there, or the page shows an error.
    """
    server = serve_pages(find_pages(model), Session(), 0)
    Thread(target=server.run, daemon=True).start()
    page = open_page(browser)
    page.goto(server.address)
    page.click("#open-example")
    page.locator("#result, #error").locator("visible=true").first.wait_for(timeout=PATIENCE)
    server.stop()
    if page.locator("#error").is_visible():
        raise UserError(f"the viewer: {page.locator('#error').inner_text()}")
    page.screenshot(path=IMAGES / "viewer.png")


def main() -> None:
    """Take both; what is not there is left out and named."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if REPORT.exists():
            take_report(browser)
        else:
            print(f"{REPORT} is not there: dvc repro")
        try:
            take_viewer(browser, Path(sys.argv[1]) if sys.argv[1:] else None)
        except UserError as error:
            print(error)
        browser.close()


if __name__ == "__main__":
    main()
