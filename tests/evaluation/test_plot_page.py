"""The page of `dvc plots show` and `dvc plots diff` in a browser without network: what DVC fills in, drawn."""

from pathlib import Path

import pytest
from dvc_render import ImageRenderer, render_html
from dvc_render.vega import VegaRenderer
from playwright.sync_api import Browser, Page

from tests.browser import check_accessibility, check_width, chromium, opened
from tests.evaluation.test_plot_templates import FOLDER, LIVE, PLOTS, points, renderer, tables

__all__ = ["chromium", "tables"]

pytestmark = pytest.mark.browser

REVISIONS = ["workspace", "HEAD~1"]
BLUE, ORANGE = "#0072b2", "#d55e00"  # of the first and the second revision, on white
LIVE_FILE = "plots/live/history.csv"


def plot(name: str, revisions: list[str], changes: dict[str, str]) -> VegaRenderer:
    """A plot with the same rows in each revision; `changes` are of the workspace."""
    rows = [
        {**row, "rev": revision, **(changes if revision == "workspace" else {})}
        for revision in revisions
        for row in points(name)
    ]
    return renderer(name, rows, LIVE_FILE if name == LIVE else name)


def write_page(path: Path, revisions: list[str], *, live: dict[str, str]) -> Path:
    """Write the page as DVC does, with a figure of each revision; `live` are changes of the live curves."""
    plots = [plot(name, ["workspace"] if name == LIVE else revisions, live if name == LIVE else {}) for name in PLOTS]
    picture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='4' height='3'/%3E"
    figure = ImageRenderer([{"rev": revision, "src": picture} for revision in revisions], "plots/pictures/patients.png")
    render_html([*plots, figure], path, FOLDER / "page.html")
    return path


def drawn(page: Page) -> list[str]:
    """Identifiers of the plots that have marks."""
    return page.evaluate("[...document.querySelectorAll('main > div:has(svg .mark-group path)')].map(div => div.id)")


def strokes(page: Page, plot_id: str) -> set[str]:
    """Colours of the lines of a plot."""
    colours = f"[...document.querySelectorAll('#{plot_id} .mark-line path')].map(line => line.getAttribute('stroke'))"
    return set(page.evaluate(colours))


def test_every_plot_is_drawn_and_a_finished_training_is_not_drawn_twice(tmp_path: Path, chromium: Browser) -> None:
    with opened(chromium, write_page(tmp_path / "show.html", ["workspace"], live={})) as page:
        assert drawn(page) == [name for name in PLOTS if name != LIVE]
        assert strokes(page, "loss") == {BLUE}
        assert not page.locator("#loss").get_by_text("workspace").count()  # one revision needs no legend
        check_accessibility(page)


@pytest.mark.parametrize("screen", [{}, {"dark": True}, {"phone": True}], ids=["light", "dark", "phone"])
def test_two_revisions_have_the_same_colours_in_all_plots(
    tmp_path: Path, chromium: Browser, screen: dict[str, bool]
) -> None:
    page_file = write_page(tmp_path / "diff.html", REVISIONS, live={"loss": "0.125"})
    with opened(chromium, page_file, **screen) as page:
        assert drawn(page) == ["plots_live_history_csv", *(name for name in PLOTS if name != LIVE)]
        if "dark" not in screen:
            assert strokes(page, "loss") == strokes(page, "precision_recall") == {BLUE, ORANGE}
            assert strokes(page, "plots_live_history_csv") == {BLUE}
        first, second = (page.locator("img").nth(place).bounding_box() for place in (0, 1))
        assert (first["y"] == second["y"]) is ("phone" not in screen)
        check_width(page)
        check_accessibility(page)
