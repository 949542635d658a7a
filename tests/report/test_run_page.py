"""plots/report.html in a browser: every plot is drawn, and the slices are moved by keys, wheel and slider."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from brainseg.report.run_report import choose_shown
from tests.browser import check_accessibility, check_width, opened
from tests.report.pages import MARKUP, run_tables, write_run

pytestmark = pytest.mark.browser
DICE = {"TCGA_CS_1": 0.9, "TCGA_DU_2": 0.5, "TCGA_DU_3": 0.7}
COLOURS = {"true": [76, 201, 255], "predicted": [255, 157, 46]}  # of the style sheet
COUNT_PIXELS = """
([red, green, blue]) => {
  const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < data.length; at += 4)
    count += Math.hypot(data[at] - red, data[at + 1] - green, data[at + 2] - blue) < 40;
  return count;
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "report.html", DICE)


def ready(page: Page) -> None:
    page.wait_for_selector("#viewer[data-ready=yes]")


def shown(page: Page) -> tuple[str, int, int]:
    """Patient, slice and sequence that the viewer shows."""
    state = page.evaluate("({...document.getElementById('viewer').dataset})")
    return state["patient"], int(state["slice"]), int(state["sequence"])


@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)], ids=["light desktop", "dark phone"])
def test_everything_is_drawn_and_accessible(chromium: Browser, report: Path, dark: bool, phone: bool) -> None:
    with opened(chromium, report, dark=dark, phone=phone) as page:
        ready(page)
        check_width(page)
        assert page.locator("header .warning", has_text="Not for diagnosis").is_visible()
        assert page.locator(".strips .strip").count() == 4  # the model, FLAIR alone, FLAIR above a threshold, nothing
        assert page.locator(".strips .strip").first.locator(".patient").count() == 3
        assert page.locator(".bars li").count() == 3
        assert page.locator(".chart").count() == 6
        for chart in page.locator(".chart").all():
            box = chart.locator(".plot svg").first.bounding_box()
            assert box
            assert box["width"] > 200
            assert box["height"] > 150
            marks = chart.locator("polyline, circle").all()
            assert marks
            colours = {mark.evaluate("mark => getComputedStyle(mark).color") for mark in marks}
            assert len(colours) > 1  # not the colour of the text alone
        assert page.evaluate(COUNT_PIXELS, COLOURS["true"]) > 50
        assert page.evaluate(COUNT_PIXELS, COLOURS["predicted"]) > 50
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
        check_accessibility(page)


def test_keys_and_slider_move_the_slices(chromium: Browser, report: Path) -> None:
    with opened(chromium, report) as page:
        ready(page)
        assert shown(page) == ("1", 2, 0)  # the best patient, the first slice with most tumour
        page.locator("canvas").click()
        page.keyboard.press("ArrowUp")
        assert shown(page) == ("1", 3, 0)
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#viewer[data-patient='2'][data-ready=yes]")
        ready(page)
        page.keyboard.press("3")
        assert shown(page) == ("2", 2, 2)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#viewer[data-patient='1'][data-ready=yes]")
        ready(page)
        slider = page.locator("[data-part=slice]")
        slider.focus()
        page.keyboard.press("Home")
        assert shown(page) == ("1", 0, 2)
        slider.evaluate("slider => { slider.value = 5; slider.dispatchEvent(new Event('input')); }")
        assert shown(page) == ("1", 5, 2)
        assert page.locator("[data-part=corner]").inner_text() == "T1ce, slice 6"


def test_wheel_moves_the_slices_unless_the_page_was_just_scrolled(chromium: Browser, report: Path) -> None:
    with opened(chromium, report) as page:
        page.clock.install()
        page.reload()
        ready(page)
        page.locator("canvas").scroll_into_view_if_needed()
        page.locator("canvas").hover()
        top = page.evaluate("scrollY")
        page.clock.fast_forward(1000)
        page.mouse.wheel(0, -100)
        page.wait_for_selector("#viewer[data-slice='1']")
        page.mouse.wheel(0, 100)
        page.wait_for_selector("#viewer[data-slice='2']")
        assert page.evaluate("scrollY") == top
        turn = "canvas => canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: 100, cancelable: true }))"
        page.evaluate("dispatchEvent(new Event('scroll'))")
        assert page.locator("canvas").evaluate(turn)  # the browser goes on scrolling the page
        assert shown(page)[1] == 2
        page.clock.fast_forward(1000)
        assert not page.locator("canvas").evaluate(turn)
        assert shown(page)[1] == 3


def test_layers_and_opacity_change_what_is_drawn(chromium: Browser, report: Path) -> None:
    with opened(chromium, report) as page:
        ready(page)
        page.locator("canvas").focus()
        outlined = page.evaluate(COUNT_PIXELS, COLOURS["true"])
        page.keyboard.press("o")
        assert page.evaluate(COUNT_PIXELS, COLOURS["true"]) < outlined / 10
        assert page.evaluate(COUNT_PIXELS, COLOURS["predicted"]) < outlined / 10
        plain = page.evaluate("document.querySelector('canvas').toDataURL()")
        page.keyboard.press("p")
        heat = page.evaluate("document.querySelector('canvas').toDataURL()")
        assert heat != plain
        page.locator("[data-part=opacity]").evaluate(
            "slider => { slider.value = 0; slider.dispatchEvent(new Event('input')); }"
        )
        assert page.evaluate("document.querySelector('canvas').toDataURL()") == plain
        numbers = page.locator("[data-part=numbers]").inner_text().split("\n")
        assert numbers[:6] == ["Dice of this slice", "0.947", "reference, pixels", "180", "prediction, pixels", "162"]


def test_each_patient_of_a_plot_leads_to_the_slices(chromium: Browser, report: Path) -> None:
    with opened(chromium, report) as page:
        ready(page)
        page.locator(".bars a").nth(2).click()
        page.wait_for_selector("#viewer[data-patient='3'][data-ready=yes]")
        assert page.locator("#patient option:checked").inner_text() == "3. TCGA_DU_2, Dice 0.500"
        page.locator(".plot a").nth(1).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#viewer[data-patient='2'][data-ready=yes]")
    with opened(chromium, report, at="#patient-2") as page:
        page.wait_for_selector("#viewer[data-patient='2'][data-ready=yes]")
        assert page.locator("details[open] table").count() == 0
        assert page.evaluate("document.activeElement.tagName") == "CANVAS"


def test_a_patient_beyond_the_number_shown_leads_to_its_row(chromium: Browser, tmp_path: Path) -> None:
    dice = {f"TCGA_CS_{number}": number / 10 for number in range(6)}
    path = write_run(tmp_path / "report.html", dice, count=3)
    with opened(chromium, path) as page:
        ready(page)
        assert page.locator("#patient option").count() == 3
        page.locator(".bars a").nth(1).click()
        page.wait_for_selector("#slices details[open]")
        assert page.locator("#patient-2").is_visible()
        assert "evenly spaced" in page.locator("#slices > p").first.inner_text()


def test_a_name_with_markup_stays_text(chromium: Browser, tmp_path: Path) -> None:
    path = write_run(tmp_path / "report.html", {MARKUP: 0.8})
    assert "<img" not in path.read_text()
    with opened(chromium, path) as page:
        ready(page)
        assert "broken" not in page.title()
        assert page.locator("img").count() == 0
        assert page.locator(".bars .name").inner_text() == MARKUP
        assert MARKUP in page.locator("#patient option").inner_text()
        check_accessibility(page)


def test_one_patient_without_validation_or_tumour(chromium: Browser, tmp_path: Path) -> None:
    """No interval, no validation loss, no threshold curve, no Dice."""
    history = run_tables({"TCGA_CS_1": 1.0}).history.assign(val_loss=np.nan, val_dice=np.nan)
    empty = pd.DataFrame({"threshold": [], "dice_mean": [], "dice_median": [], "chosen": []}, dtype="float64")
    path = write_run(tmp_path / "report.html", {"TCGA_CS_1": float("nan")}, history=history, thresholds=empty)
    with opened(chromium, path, phone=True) as page:
        ready(page)
        text = page.locator("body").inner_text()
        assert "Dice is undefined" in text
        assert "No validation loss" in text
        assert "No validation patients" in text
        assert "nan" not in text.lower()
        check_width(page)
        check_accessibility(page)


@pytest.mark.parametrize(("source", "published"), [("published", 1), ("synthetic", 0), ("other", 0)])
def test_published_scores_are_shown_for_the_published_set_only(tmp_path: Path, source: str, published: int) -> None:
    text = write_run(tmp_path / "report.html", DICE, source=source).read_text()
    assert ("0.836" in text) == ("Buda" in text) == bool(published)


@pytest.mark.parametrize(("missing_both", "said"), [(0.0, True), (0.1, False)])
def test_flair_alone_is_explained_where_training_withheld_nothing(
    tmp_path: Path, missing_both: float, said: bool
) -> None:
    page = write_run(tmp_path / "report.html", {"TCGA_CS_1": 0.9}, missing_both=missing_both).read_text()
    assert ("Training withheld no sequences" in page) is said


def test_same_run_same_bytes_without_date_or_place(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a.html", DICE).read_bytes()
    assert write_run(tmp_path / "b.html", DICE).read_bytes() == first
    assert not re.search(rb"20[2-9]\d-\d\d|/tmp|/home|data/phantom", first)


def test_leak_check_counts_patients_in_two_subsets(tmp_path: Path) -> None:
    tables = run_tables(DICE)
    assert "passed: no patient is in two subsets" in write_run(tmp_path / "a.html", DICE).read_text()
    leaky = tables.split.assign(subset=["train", "test"] * 5)
    assert "failed: 5 patients" in write_run(tmp_path / "b.html", DICE, split=leaky).read_text()


def test_shown_patients_are_the_best_the_worst_and_those_between() -> None:
    patients = run_tables({f"P_A_{number}": number / 10 for number in range(9)}).patients
    assert choose_shown(patients, 3) == ["P_A_8", "P_A_4", "P_A_0"]
    assert choose_shown(patients, 1) == ["P_A_8"]
    assert len(choose_shown(patients, 30)) == 9
    assert choose_shown(patients.head(0), 3) == []


def test_data_of_the_slices_is_json_that_cannot_end_its_script(tmp_path: Path) -> None:
    text = write_run(tmp_path / "report.html", DICE).read_text()
    blocks = re.findall(r'<script type="application/json" id="slices-\d+">(.*?)</script>', text, re.DOTALL)
    assert len(blocks) == 3
    assert {"sequences", "labels", "slices"} <= json.loads(blocks[0]).keys()
