"""What is not a scan gets one clear message, and the page goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from brainseg.imaging.volume import Volume
from tests.scans.dicom_files import drawn_volume, write_series
from tests.viewer.conftest import SECONDS, Opened, OpenPage
from tests.viewer.faulty_scans import (
    a_mask,
    a_picture_beside_slices,
    archive_without_a_scan,
    broken_gzip,
    computed_tomography,
    cut_off,
    damaged_dicom,
    dicom_without_a_slice,
    dicom_without_flair,
    dicom_without_orientation,
    empty_slice,
    inflating,
    missing_slice,
    nifti,
    no_flair,
    not_finite,
    one_picture,
    one_sagittal_slice,
    sixteen_bits,
    skewed,
    text_file,
    text_named_nifti,
    thousand_slices,
    time_series,
    two_files_of_one_sequence,
    two_forms,
    two_sizes,
    unknown_names,
)

pytestmark = pytest.mark.browser


FAULTS: dict[Callable[[Path], list[Path]], str] = {
    text_file: "notes.txt: not a scan. Expected: NIfTI",
    text_named_nifti: "scan.nii: not a NIfTI file with header and voxels in one",
    broken_gzip: "scan.nii.gz: damaged or cut off",
    cut_off: "scan.nii: cut off, 2,000 bytes where its header declares 16,352",
    inflating: "scan.nii.gz: more content than its header declares",
    time_series: "bold.nii.gz: 4-D, 12 volumes",
    one_sagittal_slice: "one.nii.gz: 40 x 40 x 1 voxels as slices, rows and columns. Expected: a whole scan",
    two_files_of_one_sequence: "2 files of one sequence: anna_flair.nii.gz, anna_t2f.nii.gz",
    two_forms: "DICOM and NIfTI at once",
    archive_without_a_scan: "notes.zip: not a scan",
    thousand_slices: "long.nii.gz: 512 x 512 x 1000 voxels are too many for a browser",
    no_flair: "No FLAIR among case_t1.nii.gz, case_t1ce.nii.gz. Choose the file that is FLAIR in the panel",
    unknown_names: "No FLAIR among image1.nii.gz, image2.nii.gz",
    computed_tomography: "as air in CT",
    a_mask: "head.nii.gz: only 2 different values, as in a mask",
    not_finite: "head.nii.gz: 1 of 3,200 voxels are NaN",
    skewed: "two axes of the voxels are at 78.7 degrees",
    one_picture: "x_1.tif: one slice",
    missing_slice: "Slices are missing: 3 is not there",
    two_sizes: "40 x 40 pixels, where x_1.tif has 32 x 32",
    dicom_without_flair: "No FLAIR among series 1",
    dicom_without_a_slice: "Left out: series 1, whose slices are missing",
    dicom_without_orientation: "Left out: series 1, whose slices do not say how they lie in the patient",
    sixteen_bits: "x_1.png: 16 bits. Expected: 8 bits",
    a_picture_beside_slices: "Pictures with 2 kinds of names: x_#, preview.tif",
    empty_slice: "x_2.tif: damaged or not a picture",
    damaged_dicom: "No MR series with images among the DICOM files",
}


@pytest.fixture(scope="module")
def page(open_page: OpenPage) -> Iterator[Opened]:
    """One page for all faults: each is followed by the next."""
    with open_page() as opened:
        yield opened


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_one_message(make: Callable[[Path], list[Path]], page: Opened, tmp_path: Path) -> None:
    page.give(*make(tmp_path))
    text = page.message()
    assert FAULTS[make] in text
    assert "\n" not in text
    assert not page.page.is_visible("#run")
    assert not page.page.is_visible("#result")
    page.page.click("#error-close")
    assert not page.page.is_visible("#error")


def test_a_damaged_series_is_no_fault_of_the_others(page: Opened, tmp_path: Path) -> None:
    write_series(tmp_path / "study", drawn_volume())
    write_series(tmp_path / "study", drawn_volume(), sequence="t1", number=2)[3].unlink()
    page.give(tmp_path / "study")
    page.page.wait_for_selector("#scan-size:text-matches('6 slices')", timeout=SECONDS)
    assert "Left out: series 2, whose slices are missing" in page.page.text_content("#notes")
    page.page.click("#cancel", timeout=SECONDS)


def test_what_is_not_clear_is_chosen_by_hand(page: Opened, patient: Volume, tmp_path: Path) -> None:
    """Two files without known names: after FLAIR was chosen, the outline appears."""
    for number, channel in enumerate((0, 1)):
        array = np.ascontiguousarray(patient.image[..., channel].transpose(2, 1, 0)[::-1, ::-1])
        nifti(tmp_path / f"image{number}.nii.gz", array, np.diag([1.7, 1.7, 5, 1]))
    page.give(tmp_path / "image0.nii.gz", tmp_path / "image1.nii.gz")
    assert "No FLAIR" in page.message()
    page.page.select_option("select[data-sequence=flair]", label="image1.nii.gz")
    page.wait_for_outline()
    assert float(page.page.inner_text("#volume strong")) > 1
    assert "Without T1 and T1 with contrast" in page.page.text_content("#notes")
