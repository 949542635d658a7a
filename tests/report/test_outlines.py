"""Masks and probabilities are read back as predict wrote them, on any grid and in any form."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainseg.report.outlines import read_mask, read_probability
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_objects import Algorithm
from brainseg.scans.recognise import find_cases
from brainseg.scans.results import write_mask, write_probability
from brainseg.scans.scan import Scan
from brainseg.scans.write_nifti import write_bids
from brainseg.scans.write_seg import write_seg
from tests.scans.dicom_files import drawn_volume, write_series


def one(folder: Path) -> Scan:
    (case,) = find_cases([folder])
    return read_scan(case)


def draw(scan: Scan) -> np.ndarray:
    """A mask without symmetry."""
    mask = np.zeros(scan.grid.network_shape, np.bool_)
    mask[tuple(slice(length // 5, length // 2) for length in mask.shape)] = True
    mask[mask.shape[0] // 3, :3, -2:] = True
    return mask


@pytest.fixture
def nifti(tmp_path: Path) -> Scan:
    """A scan that is stored in another order than the network's."""
    affine = np.array([[0, 0, 1.0, 0], [0, -1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(drawn_volume().astype(np.int16), affine), tmp_path / "in/scan.nii.gz")
    return one(tmp_path / "in")


@pytest.mark.parametrize("bids", [False, True], ids=["plain", "BIDS"])
def test_nifti(nifti: Scan, tmp_path: Path, bids: bool) -> None:
    mask, out = draw(nifti), tmp_path / "out"
    probability = np.random.default_rng(1).random(mask.shape, np.float32)
    if bids:
        written = write_bids(nifti, mask, out, generated_by="x", version="1", probability=probability)
    else:
        written = [*write_mask(nifti, mask, out), *write_probability(nifti, probability, out)]
    names = [path.relative_to(out).as_posix() for path in written]
    np.testing.assert_array_equal(read_mask(out, names, nifti.grid), mask)
    np.testing.assert_array_equal(read_probability(out, names, nifti.grid), probability)


def test_pictures(tiny_set: Path, tmp_path: Path) -> None:
    scan = read_scan(find_cases([tiny_set])[0])
    mask, out = draw(scan), tmp_path / "out"
    probability = np.random.default_rng(1).random(mask.shape, np.float32)
    written = [*write_mask(scan, mask, out), *write_probability(scan, probability, out)]
    names = [path.relative_to(out).as_posix() for path in written]
    np.testing.assert_array_equal(read_mask(out, names, scan.grid), mask)
    np.testing.assert_array_equal(read_probability(out, names, scan.grid), probability)


@pytest.mark.parametrize("plane", ["axial", "sagittal"])
def test_dicom_segmentation(tmp_path: Path, plane: str) -> None:
    write_series(tmp_path / "in", drawn_volume(), plane=plane, oblique=12.3, names="random")
    scan = one(tmp_path / "in")
    mask = scan.grid.to_network(scan.grid.from_network(draw(scan)))  # as the file can hold it
    write_seg(scan, mask, tmp_path / "c_seg.dcm", algorithm=Algorithm(version="1", model_digest="ab" * 32))
    expected = scan.grid.to_network(scan.grid.from_network(mask))
    np.testing.assert_array_equal(read_mask(tmp_path, ["c_seg.dcm", "c_sr.dcm"], scan.grid), expected)
    assert read_probability(tmp_path, ["c_seg.dcm", "c_sr.dcm"], scan.grid) is None


def test_files_that_are_gone_damaged_or_of_another_scan_are_none(nifti: Scan, tmp_path: Path) -> None:
    assert read_mask(tmp_path, ["gone_mask.nii.gz"], nifti.grid) is None
    for name in ("bad_mask.nii.gz", "bad_mask.png", "bad_seg.dcm"):
        (tmp_path / name).write_bytes(b"not what the name says")
        assert read_mask(tmp_path, [name], nifti.grid) is None
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), tmp_path / "small_mask.nii.gz")
    assert read_mask(tmp_path, ["small_mask.nii.gz"], nifti.grid) is None
