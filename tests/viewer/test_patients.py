"""Several patients at once, in folders and archives: one is opened, the others are in a list."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brainseg.imaging.volume import FLAIR, Volume
from brainseg.view.session import Session, named_files
from tests.kaggle_set import write_image
from tests.scans.dicom_files import write_series
from tests.viewer.conftest import SECONDS, Opened, OpenPage

pytestmark = pytest.mark.browser
TEXTS = "all => all.map(option => option.text)"
WATCH_RUNS = """() => {
    window.runs = "";
    new MutationObserver(() => (runs += document.getElementById("run-text").textContent))
        .observe(document.getElementById("run-text"), { childList: true });
}"""


@pytest.fixture(scope="module")
def shared(open_page: OpenPage) -> Iterator[Opened]:
    with open_page() as opened:
        yield opened


def slices(folder: Path, patient: Volume, *names: str) -> Path:
    """A folder with a folder of TIFF slices for each patient; the slices of the second one are the other way up."""
    for turn, name in enumerate(names):
        for number, image in enumerate(patient.image, 1):
            write_image(folder / name / f"{name}_{number}.tif", np.ascontiguousarray(image[:: 1 - 2 * turn]))
    return folder


def listed(opened: Opened) -> list[str]:
    opened.page.wait_for_selector("#scan:not([hidden]), #error:not([hidden])", timeout=SECONDS)
    return opened.page.eval_on_selector_all("#patient option", TEXTS)


def test_one_patient_follows_the_other(shared: Opened, patient: Volume, tmp_path: Path) -> None:
    """One who is opened again is shown as it was left: corrections, threshold, and whether they are saved."""
    opened, page = shared, shared.page
    opened.give(slices(tmp_path / "set", patient, "anna", "bert"))
    assert listed(opened) == ["anna", "bert"]
    opened.wait_for_outline()
    assert page.inner_text("#scan-name") == "anna"
    assert page.is_disabled("#patient-previous")
    page.locator("#canvas").focus()
    for key in ("e", " "):  # the cross is in the outline
        page.keyboard.press(key)
    page.evaluate("threshold.value = 0.4; threshold.dispatchEvent(new Event('input'))")
    corrected = page.inner_text("#measures")
    page.keyboard.press("n")
    page.wait_for_selector("#scan-name:text-is('bert')", timeout=SECONDS)
    assert page.inner_text("#patient-count") == "2 of 2"
    opened.wait_for_outline()
    assert page.inner_text("#threshold-text") == "0.50"
    assert page.eval_on_selector_all("#patient option", TEXTS) == ["anna (not saved)", "bert"]
    page.evaluate(WATCH_RUNS)
    page.select_option("#patient", label="anna (not saved)")
    page.wait_for_selector("#scan-name:text-is('anna')", timeout=SECONDS)
    opened.wait_for_outline()
    assert page.inner_text("#measures") == corrected
    assert page.inner_text("#threshold-text") == "0.40"
    assert "Outlining" not in page.evaluate("runs")
    opened.save("#save-mask", tmp_path)
    assert page.eval_on_selector_all("#patient option", TEXTS) == ["anna", "bert"]


def test_dicom_of_two_patients_in_an_archive(shared: Opened, patient: Volume, tmp_path: Path) -> None:
    """As hospitals export it: all files in one place, and one of no patient."""
    volume = patient.image[..., FLAIR].astype(np.uint16) * 4
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.TXT", "not a scan")
        for name in ("a", "b"):
            for number, path in enumerate(write_series(tmp_path / name, volume, header={"PatientID": name})):
                archive.write(path, f"DICOM/{name}{number}")
    shared.give(tmp_path / "export.zip")
    assert listed(shared) == ["DICOM", "DICOM_2"]
    shared.page.wait_for_selector("#run-text:text-matches('Outlining|Preparing')", timeout=SECONDS)
    shared.page.click("#cancel", timeout=SECONDS)
    assert shared.page.is_visible("#again")


def test_patients_named_in_the_call(open_page: OpenPage, patient: Volume, tmp_path: Path) -> None:
    files = named_files([slices(tmp_path / "set", patient, "anna", "bert")])
    with open_page(Session(files=files)) as opened:
        assert listed(opened) == ["anna", "bert"]
