"""The quality-control page in a browser: verdicts by keys, kept in the browser, exported and read back."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from brainseg.report.predictions import Predictions, read_predictions
from brainseg.report.quality_control import write_quality_control
from brainseg.report.verdicts import Verdicts, read_verdicts
from brainseg.scans.recognise import find_cases
from tests.browser import check_accessibility, check_width, opened
from tests.report.pages import write_predictions

pytestmark = pytest.mark.browser
NAMES = ["TCGA_CS_0001_20000101", "TCGA_DU_0002_20000202", "TCGA_HT_0003_20000303"]


@pytest.fixture
def predictions(tiny_set: Path, tmp_path: Path) -> Predictions:
    return read_predictions(write_predictions(tiny_set, tmp_path / "out"))


@pytest.fixture
def checked(predictions: Predictions, tiny_set: Path, tmp_path: Path) -> Path:
    """The page, with all slices."""
    return make(predictions, tmp_path / "page.html", tiny_set)


def make(predictions: Predictions, path: Path, scans: Path | None, verdicts: Verdicts | None = None) -> Path:
    sources = find_cases([scans]) if scans else []
    write_quality_control(path, predictions, sources, verdicts or Verdicts(cases={}), made="today")
    return path


def ready(page: Page) -> None:
    page.wait_for_selector("#viewer[data-ready=yes]")


def verdict_cells(page: Page) -> list[str]:
    return page.locator("td[data-part=verdict]").all_inner_texts()


def leave(page: Page) -> list[str]:
    """Close the page as a user does; returns the kinds of the questions that the browser asks."""
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    return asked


@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)], ids=["light desktop", "dark phone"])
def test_page_is_complete_and_accessible(chromium: Browser, checked: Path, dark: bool, phone: bool) -> None:
    with opened(chromium, checked, dark=dark, phone=phone) as page:
        ready(page)
        check_width(page)
        assert page.locator("header .warning", has_text="Not for diagnosis").is_visible()
        assert page.locator("[data-part=name]").is_visible()
        assert page.locator("td[data-part=verdict]").count() == 3
        page.keyboard.press("a")
        check_accessibility(page)


def test_keys_give_verdicts_and_move_between_cases(chromium: Browser, checked: Path) -> None:
    with opened(chromium, checked) as page:
        ready(page)
        first = page.locator("[data-part=name]").inner_text()
        page.keyboard.press("a")
        assert verdict_cells(page) == ["accepted", "–", "–"]
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#check[data-case='1']")
        page.keyboard.press("r")
        page.keyboard.press("n")
        page.keyboard.type("a leak, see slice 3; r u a <b>")
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#check[data-case='2']")
        page.keyboard.press("u")
        assert verdict_cells(page) == ["accepted", "rejected", "unsure"]
        assert page.locator("td[data-part=note]").nth(1).inner_text() == "a leak, see slice 3; r u a <b>"
        page.keyboard.press("u")  # takes it back
        assert verdict_cells(page) == ["accepted", "rejected", "–"]
        page.keyboard.press("ArrowRight")  # there is no further case
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#check[data-case='0']")
        assert page.locator("[data-part=name]").inner_text() == first
        assert page.locator("[data-part=counts]").inner_text() == "1 accepted, 1 rejected, 0 unsure, 1 to do."


def test_verdicts_stay_in_the_browser_and_the_page_asks_before_it_closes(chromium: Browser, checked: Path) -> None:
    context = chromium.new_context(offline=True, accept_downloads=True)
    page = context.new_page()
    page.goto(checked.as_uri())
    ready(page)
    page.keyboard.press("r")
    assert page.locator("[data-part=unsaved]").inner_text() == "1 not exported."
    assert leave(page) == ["beforeunload"]

    page = context.new_page()
    page.goto(checked.as_uri())
    ready(page)
    assert verdict_cells(page) == ["rejected", "–", "–"]
    assert "earlier in this browser" in page.locator("[data-part=unsaved]").inner_text()
    with page.expect_download():
        page.locator("[data-export=json]").click()
    assert page.locator("[data-part=unsaved]").inner_text() == ""
    page.reload()
    ready(page)
    assert verdict_cells(page) == ["rejected", "–", "–"]
    page.mouse.click(5, 5)  # browsers ask only where the user has done something
    assert leave(page) == []
    context.close()


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_export_is_read_back_into_the_page(
    chromium: Browser, checked: Path, predictions: Predictions, tmp_path: Path, form: str
) -> None:
    with opened(chromium, checked) as page:
        ready(page)
        first = page.locator("[data-part=name]").inner_text()
        page.keyboard.press("a")
        page.locator("[data-part=note] >> nth=0").fill('quotes ", commas\nand = lines')
        with page.expect_download() as download:
            page.locator(f"[data-export={form}]").click()
        assert download.value.suggested_filename == f"verdicts-{predictions.run[:8]}.{form}"
        download.value.save_as(tmp_path / f"verdicts.{form}")
    verdicts = read_verdicts(tmp_path / f"verdicts.{form}", run=predictions.run, cases=NAMES)
    assert verdicts.cases == {first: ("accept", 'quotes ", commas\nand = lines')}
    with opened(chromium, make(predictions, tmp_path / "again.html", None, verdicts)) as page:
        assert verdict_cells(page) == ["accepted", "–", "–"]
        assert page.locator("[data-part=unsaved]").inner_text() == ""


def test_verdicts_that_were_never_exported_stay_above_those_of_a_file(
    chromium: Browser, predictions: Predictions, tmp_path: Path
) -> None:
    """Exported ones give way to the file: it is newer."""
    context = chromium.new_context(offline=True, accept_downloads=True)
    page = context.new_page()
    page.goto(make(predictions, tmp_path / "page.html", None).as_uri())
    order = page.locator("tr[data-case] a").all_inner_texts()
    page.keyboard.press("a")
    with page.expect_download():
        page.locator("[data-export=csv]").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    page.close()
    file = Verdicts(cases={order[0]: ("unsure", ""), order[1]: ("accept", "")}, digest="cd")
    page = context.new_page()
    page.goto(make(predictions, tmp_path / "page.html", None, file).as_uri())
    assert verdict_cells(page) == ["unsure", "rejected", "–"]
    context.close()


def test_two_tabs_with_the_page_do_not_overwrite_each_other(chromium: Browser, checked: Path) -> None:
    context = chromium.new_context(offline=True)
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto(checked.as_uri())
        ready(page)
    first.keyboard.press("a")
    second.wait_for_selector("tr[data-case='0'] td.accept")
    second.keyboard.press("ArrowRight")
    second.wait_for_selector("#check[data-case='1']")
    second.keyboard.press("r")
    first.wait_for_selector("tr[data-case='1'] td.reject")
    assert verdict_cells(first) == verdict_cells(second) == ["accepted", "rejected", "–"]
    context.close()


def test_a_browser_that_keeps_nothing_is_said_so(chromium: Browser, checked: Path) -> None:
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
    page.goto(checked.as_uri())
    ready(page)
    page.keyboard.press("a")
    assert verdict_cells(page) == ["accepted", "–", "–"]
    assert "keeps nothing" in page.locator("[data-part=unsaved]").inner_text()
    context.close()


def test_cases_without_slices_show_the_overlay_that_predict_wrote(
    chromium: Browser, tiny_set: Path, tmp_path: Path
) -> None:
    predictions = read_predictions(write_predictions(tiny_set, tmp_path / "with", overlay=True))
    with opened(chromium, make(predictions, tmp_path / "page.html", None)) as page:
        picture = page.locator("[data-part=overlay] img")
        assert picture.is_visible()
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 1024
        assert not page.locator("canvas").is_visible()
        assert not page.locator("[data-part=without]").is_visible()
        assert "3 from the overlays" in page.locator("body").inner_text()


def test_cases_without_a_picture_say_what_to_do(chromium: Browser, predictions: Predictions, tmp_path: Path) -> None:
    with opened(chromium, make(predictions, tmp_path / "page.html", None)) as page:
        assert page.locator("[data-part=without]").is_visible()
        assert not page.locator("canvas").is_visible()
        page.keyboard.press("ArrowUp")  # moves nothing
        page.keyboard.press("r")
        assert verdict_cells(page)[0] == "rejected"
        check_accessibility(page)


def test_names_and_reasons_with_markup_stay_text(chromium: Browser, predictions: Predictions, tmp_path: Path) -> None:
    """Names are made safe by predict; a page must not depend on it."""
    report = json.loads((predictions.folder / "report.json").read_text())
    evil = "</script><img src=x onerror=document.title='broken'>"
    report["cases"][0] |= {"case": evil, "notes": [evil]}
    (predictions.folder / "report.json").write_text(json.dumps(report))
    table = predictions.folder / "predictions.csv"
    table.write_text(table.read_text().replace(NAMES[0], evil))
    with opened(chromium, make(read_predictions(predictions.folder), tmp_path / "page.html", None)) as page:
        page.get_by_role("link", name=evil).click()
        assert page.locator("[data-part=name]").inner_text() == evil
        assert page.locator("[data-part=notes] li").inner_text() == evil
        assert "broken" not in page.title()
