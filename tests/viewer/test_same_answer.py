"""The page outlines as `brainseg predict` does, whatever form the scan has, and saves on the grid of the scan."""

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from brainseg.apply.segmenter import Segmenter, load_segmenter
from brainseg.imaging.volume import SEQUENCES, BoolArray, Volume
from brainseg.metrics.overlap import count
from brainseg.scans.cases import read_scan
from brainseg.scans.grid import Affine, Grid
from brainseg.scans.recognise import find_cases
from brainseg.scans.scan import Scan
from tests.browser import need
from tests.kaggle_set import write_image
from tests.scans.dicom_files import write_series
from tests.scans.scan_files import rotation, store, write_nifti
from tests.viewer.conftest import MODEL, SLICES, Opened, OpenPage

pytestmark = pytest.mark.browser

# From slice, row and column to mm: 5 mm slices upwards, rows to posterior and columns to the left by 1.7 mm.
AXIAL = np.array([[0, 0, -1.7, 108], [0, -1.7, 0, 108], [5, 0, 0, -10], [0, 0, 0, 1.0]])
OBLIQUE = rotation(0, 14) @ rotation(2, -9) @ AXIAL
ORDERS = {
    "RAS": ((2, 1, 0), (True, True, False), AXIAL),
    "LPS": ((2, 1, 0), (False, False, False), AXIAL),
    "mirrored": ((2, 1, 0), (False, True, False), AXIAL),
    "sagittal": ((1, 0, 2), (False, True, True), AXIAL),
    "coronal": ((2, 0, 1), (True, True, True), AXIAL),
    "slices first": ((0, 1, 2), (True, False, False), AXIAL),
    "oblique": ((2, 1, 0), (True, True, False), OBLIQUE),
}
DICE, VOLUME = 0.995, 0.01  # at least; relative difference, at most
NAMES = {"pre-contrast": "t1", "flair": "flair", "post-contrast": "t1ce"}


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    need(MODEL, "python -m studies.release")
    return load_segmenter()  # the same ONNX file that the page runs


@pytest.fixture(scope="module")
def page(open_page: OpenPage) -> Iterator[Opened]:
    """One page for all scans: a second scan must not remember the first."""
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def outline(segmenter: Segmenter) -> Callable[[Scan], BoolArray]:
    """What `brainseg predict` outlines; equal scans are outlined once."""
    known: dict[bytes, BoolArray] = {}

    def mask_of(scan: Scan) -> BoolArray:
        key = scan.image.astype(np.float32).tobytes()
        if key not in known:
            known[key], _ = segmenter.segment(scan.image, slice_step=scan.slice_step)
        return known[key]

    return mask_of


def read(*paths: Path) -> Scan:
    (case,) = find_cases(paths)
    return read_scan(case)


def check(mask_page: BoolArray, mask_python: BoolArray) -> None:
    """Both in the network's orientation."""
    assert mask_python.any()
    assert count(mask_true=mask_python, mask_pred=mask_page).dice >= DICE
    assert abs(int(mask_page.sum()) - int(mask_python.sum())) <= VOLUME * mask_python.sum()


def volume_shown(page: Opened) -> float:
    return float(page.page.inner_text("#volume strong").replace(",", ""))


@pytest.mark.parametrize("name", ORDERS)
def test_nifti(name: str, page: Opened, patient: Volume, outline: Callable[[Scan], BoolArray], tmp_path: Path) -> None:
    axes, flips, affine = ORDERS[name]
    for channel, sequence in enumerate(SEQUENCES):
        stored, stored_affine = store(patient.image[..., channel], affine, axes, flips)
        write_nifti(tmp_path / f"case_{NAMES[sequence]}.nii.gz", stored, stored_affine)
    page.give(*sorted(tmp_path.glob("*.nii.gz")))
    page.wait_for_outline()
    scan = read(tmp_path)
    mask = outline(scan)
    saved = nibabel.load(page.save("#save-mask", tmp_path / "saved"))
    given = nibabel.load(tmp_path / "case_flair.nii.gz")
    assert saved.shape == given.shape
    assert saved.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(saved.affine, given.affine)
    for form in ("qform", "sform"):
        for ours, theirs in zip(
            *(getattr(each.header, f"get_{form}")(coded=True) for each in (saved, given)), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    check(scan.grid.to_network(np.asarray(saved.dataobj) > 0), mask)
    assert volume_shown(page) == pytest.approx(mask.sum() * scan.grid.voxel_ml, rel=VOLUME, abs=0.06)


def test_sequences_on_other_grids_are_resampled(
    page: Opened, patient: Volume, outline: Callable[[Scan], BoolArray], tmp_path: Path
) -> None:
    write_nifti(tmp_path / "case_flair.nii.gz", *store(patient.image[..., 1], AXIAL, (2, 1, 0), (True, True, False)))
    coarse: Affine = AXIAL @ np.diag([1, 2, 2, 1])
    write_nifti(tmp_path / "case_t1.nii.gz", *store(patient.image[:, ::2, ::2, 0], coarse, (2, 0, 1), (False,) * 3))
    page.give(*sorted(tmp_path.glob("*.nii.gz")))
    page.wait_for_outline()
    scan = read(tmp_path)
    saved = nibabel.load(page.save("#save-mask", tmp_path / "saved"))
    check(scan.grid.to_network(np.asarray(saved.dataobj) > 0), outline(scan))
    assert "resampled onto the grid of FLAIR" in page.page.text_content("#notes")
    assert "Without T1 with contrast: filled with FLAIR" in page.page.text_content("#notes")


def test_dicom(page: Opened, patient: Volume, outline: Callable[[Scan], BoolArray], tmp_path: Path) -> None:
    """dcm2niix stores the slices in an order of its own; the mask is compared in the network's orientation."""
    folder = tmp_path / "study"
    for channel, sequence in enumerate(SEQUENCES):
        image = patient.image[..., channel].astype(np.uint16) * 4
        write_series(folder, image, sequence=NAMES[sequence], number=channel + 1, names="random", spacing=(5, 1.7, 1.7))
    page.give(folder)
    page.wait_for_outline()
    scan = read(folder)
    saved = nibabel.load(page.save("#save-mask", tmp_path))
    grid = Grid(shape=saved.shape, affine=saved.affine)
    np.testing.assert_allclose(grid.network_affine, scan.grid.network_affine, atol=1e-3)
    check(grid.to_network(np.asarray(saved.dataobj) > 0), outline(scan))
    chosen = {
        select.get_attribute("data-sequence"): select.evaluate("s => s.selectedOptions[0].text")
        for select in page.page.query_selector_all("#sequences select")
    }
    assert chosen == {
        "pre-contrast": "series 1 ax t1",
        "flair": "series 2 ax flair",
        "post-contrast": "series 3 ax t1",
    }


def test_tiff(page: Opened, patient: Volume, outline: Callable[[Scan], BoolArray], tmp_path: Path) -> None:
    folder = tmp_path / patient.patient_id
    for number, image in enumerate(patient.image, 1):
        write_image(folder / f"{patient.patient_id}_{number}.tif", image)
    page.give(folder)
    page.wait_for_outline()
    scan = read(folder)
    saved = page.save("#save-mask", tmp_path)
    assert saved.name == f"{patient.patient_id}_mask.zip"
    with zipfile.ZipFile(saved) as archive:
        names = [f"{patient.patient_id}_{number}_mask.tif" for number in range(1, SLICES + 1)]
        assert archive.namelist() == names
        planes = [np.asarray(Image.open(BytesIO(archive.read(name)))) for name in names]
    assert set(np.unique(planes)) == {0, 255}
    check(np.stack(planes) > 0, outline(scan))
    assert volume_shown(page) == (np.stack(planes) > 0).sum()  # voxels, because pictures do not say how large they are


def test_png(page: Opened, patient: Volume, outline: Callable[[Scan], BoolArray], tmp_path: Path) -> None:
    """Grey pictures: one sequence, taken as FLAIR. Probabilities are saved as float32."""
    folder = tmp_path / "grey"
    folder.mkdir()
    for number, image in enumerate(patient.image, 1):
        Image.fromarray(image[..., 1]).save(folder / f"s{number:02}.png")
    page.give(folder)
    page.wait_for_outline()
    mask = outline(read(folder))
    with zipfile.ZipFile(page.save("#save-probability", tmp_path)) as archive:
        planes = [
            np.asarray(Image.open(BytesIO(archive.read(f"s{number:02}_probability.tif"))))
            for number in range(1, SLICES + 1)
        ]
    assert planes[0].dtype == np.float32
    check(np.stack(planes) >= 0.5, mask)
