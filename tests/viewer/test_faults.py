"""What is not a scan gets one clear message, and the page goes on."""

import gzip
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.volume import Volume
from tests.kaggle_set import write_image
from tests.scans.dicom_files import drawn_volume, write_series
from tests.viewer.conftest import SECONDS, Opened, OpenPage

pytestmark = pytest.mark.browser

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 1000, shape, np.int16)


def nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def text_file(folder: Path) -> list[Path]:
    (folder / "notes.txt").write_text("not a scan")
    return [folder / "notes.txt"]


def text_named_nifti(folder: Path) -> list[Path]:
    (folder / "scan.nii").write_text("not a scan" * 100)
    return [folder / "scan.nii"]


def broken_gzip(folder: Path) -> list[Path]:
    path = nifti(folder / "scan.nii.gz", noise(20, 20, 20))
    path.write_bytes(path.read_bytes()[:2000])
    return [path]


def cut_off(folder: Path) -> list[Path]:
    path = nifti(folder / "scan.nii", noise(20, 20, 20))
    path.write_bytes(path.read_bytes()[:2000])
    return [path]


def inflating(folder: Path) -> list[Path]:
    """A header of 20 x 20 x 20 voxels, and a thousand times as many behind them."""
    path = nifti(folder / "scan.nii", noise(20, 20, 20))
    (folder / "scan.nii.gz").write_bytes(gzip.compress(path.read_bytes() + bytes(2**23)))
    return [folder / "scan.nii.gz"]


def time_series(folder: Path) -> list[Path]:
    return [nifti(folder / "bold.nii.gz", noise(20, 20, 8, 12))]


def one_sagittal_slice(folder: Path) -> list[Path]:
    return [nifti(folder / "one.nii.gz", noise(1, 40, 40))]


def two_files_of_one_sequence(folder: Path) -> list[Path]:
    return [nifti(folder / f"anna_{name}.nii.gz", noise(20, 20, 8)) for name in ("flair", "t2f")]


def two_forms(folder: Path) -> list[Path]:
    return [nifti(folder / "anna_flair.nii.gz", noise(20, 20, 8)), *write_series(folder / "a", drawn_volume())]


def archive_without_a_scan(folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "notes.zip", "w") as archive:
        archive.writestr("notes/1.txt", "not a scan")
    return [folder / "notes.zip"]


def thousand_slices(folder: Path) -> list[Path]:
    """Declared by the header only, so that the test is quick."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((512, 512, 1000))
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (folder / "long.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(10_000)))
    return [folder / "long.nii.gz"]


def no_flair(folder: Path) -> list[Path]:
    return [nifti(folder / f"case_{name}.nii.gz", noise(20, 20, 8)) for name in ("t1", "t1ce")]


def unknown_names(folder: Path) -> list[Path]:
    return [nifti(folder / f"image{number}.nii.gz", noise(20, 20, 8)) for number in (1, 2)]


def computed_tomography(folder: Path) -> list[Path]:
    array = noise(20, 20, 8)
    array[:10] = -1000
    return [nifti(folder / "head.nii.gz", array)]


def a_mask(folder: Path) -> list[Path]:
    return [nifti(folder / "head.nii.gz", (noise(20, 20, 8) > 500).astype(np.uint8))]


def not_finite(folder: Path) -> list[Path]:
    array = noise(20, 20, 8).astype(np.float32)
    array[3, 4, 5] = np.nan
    return [nifti(folder / "head.nii.gz", array)]


def skewed(folder: Path) -> list[Path]:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    image = nibabel.Nifti1Image(noise(20, 20, 8), affine)
    image.set_qform(None, 0)
    nibabel.save(image, folder / "tilted.nii.gz")
    return [folder / "tilted.nii.gz"]


def one_picture(folder: Path) -> list[Path]:
    write_image(folder / "x_1.tif", RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return [folder / "x_1.tif"]


def missing_slice(folder: Path) -> list[Path]:
    paths = [folder / f"x_{number}.tif" for number in (1, 2, 4)]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return paths


def two_sizes(folder: Path) -> list[Path]:
    paths = [folder / f"x_{number}.tif" for number in (1, 2)]
    for path, size in zip(paths, (32, 40), strict=True):
        write_image(path, RNG.integers(0, 255, (size, size, 3), np.uint8))
    return paths


def dicom_without_flair(folder: Path) -> list[Path]:
    return write_series(folder, drawn_volume(), sequence="t1", number=1)


def dicom_without_a_slice(folder: Path) -> list[Path]:
    paths = write_series(folder, drawn_volume())
    paths.pop(2).unlink()
    return paths


def dicom_without_orientation(folder: Path) -> list[Path]:
    """dcm2niix would guess it, and left might become right."""
    return write_series(folder, drawn_volume(), header={"ImageOrientationPatient": None})


def sixteen_bits(folder: Path) -> list[Path]:
    """A browser would keep the upper eight, of which scans use few."""
    paths = [folder / f"x_{number}.png" for number in (1, 2)]
    for path in paths:
        Image.fromarray(noise(32, 32).astype(np.uint16)).save(path)
    return paths


def a_picture_beside_slices(folder: Path) -> list[Path]:
    paths = [folder / name for name in ("x_1.tif", "x_2.tif", "preview.tif")]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return paths


def empty_slice(folder: Path) -> list[Path]:
    """It is not passed over, and the slice not called missing."""
    paths = [folder / f"x_{number}.tif" for number in (1, 2, 3)]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    paths[1].write_bytes(b"")
    return paths


def damaged_dicom(folder: Path) -> list[Path]:
    paths = write_series(folder, drawn_volume())
    for path in paths:
        path.write_bytes(path.read_bytes()[:400])
    return paths


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
