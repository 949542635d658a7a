"""Scans of several NIfTI files."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import InputOptions, find_cases
from brainseg.scans.scan import Scan
from tests.scans.scan_files import AXIAL, ORDERS, SHAPE, draw, rotation, store, write_axial, write_nifti

PRE, FLAIR, POST = SEQUENCES


def read(*paths: Path, with_masks: bool = False) -> Scan:
    """Read files of the sequences FLAIR, T1 and T1 with contrast."""
    named = dict(zip((FLAIR, PRE, POST), map(str, paths), strict=False))
    (case,) = find_cases([], InputOptions(sequences=named))
    return read_scan(case, with_masks=with_masks)


@pytest.mark.parametrize("order", ORDERS)
def test_sequences_in_different_orders_are_brought_together(
    tmp_path: Path, order: tuple[tuple[int, ...], tuple[bool, ...]]
) -> None:
    """T1 in another storage order than FLAIR: resampled to the same voxels."""
    flair = write_axial(tmp_path / "flair.nii")
    t1 = write_nifti(tmp_path / "t1.nii", *store(draw(seed=1), AXIAL, *order))
    scan = read(flair, t1)
    np.testing.assert_array_equal(scan.image[..., 1], draw())
    np.testing.assert_allclose(scan.image[..., 0], draw(seed=1), atol=1e-2)
    assert scan.missing == (POST,)
    same = order == ((2, 1, 0), (False,) * 3)
    assert any("resampled onto the grid of FLAIR" in note for note in scan.notes) != same
    assert scan.image.dtype == (np.uint8 if same else np.float32)


def test_a_1_mm_sequence_on_a_4_mm_grid(tmp_path: Path) -> None:
    """A ramp upwards, so that each slice of FLAIR must get the height of its own plane."""
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = (-10, -12, -8)
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32) - 8, (20, 24, 20)) + 100
    t1 = write_nifti(tmp_path / "t1.nii", np.ascontiguousarray(ramp), affine)
    scan = read(write_axial(tmp_path / "flair.nii"), t1)
    heights = np.arange(5) * 4 - 7 + 100
    np.testing.assert_allclose(scan.image[..., 0], np.broadcast_to(heights[:, None, None], SHAPE), atol=1e-3)


def test_little_coverage_is_noted_and_none_refused(tmp_path: Path) -> None:
    flair = write_axial(tmp_path / "flair.nii", draw((20, 14, 12)))
    t1 = write_axial(tmp_path / "t1.nii", draw((15, 14, 12)))
    assert any(note.endswith("It covers 75% of FLAIR.") for note in read(flair, t1).notes)
    moved = AXIAL.copy()
    moved[2, 3] += 500
    write_axial(tmp_path / "t1.nii", draw((20, 14, 12)), moved)
    with pytest.raises(UserError, match="covers 0% of FLAIR"):
        read(flair, t1)


@pytest.mark.parametrize(("flair", "other", "expected"), [("i2", "u2", "i4"), ("u1", "f4", "f4"), ("i4", "f4", "f4")])
def test_numeric_types_are_joined(tmp_path: Path, flair: str, other: str, expected: str) -> None:
    scan = read(
        write_axial(tmp_path / "flair.nii", draw().astype(flair)),
        write_axial(tmp_path / "t1.nii", draw(seed=1).astype(other)),
    )
    assert scan.image.dtype == np.dtype(expected)
    np.testing.assert_array_equal(scan.image[..., 0], draw(seed=1))


def test_masks_in_any_labels_are_whole_tumour(tmp_path: Path) -> None:
    labels = np.where(draw() > 200, draw(seed=2) % 4 + 1, 0).astype(np.uint8)
    write_axial(tmp_path / "a_flair.nii")
    write_axial(tmp_path / "a_seg.nii", labels)
    (case,) = find_cases([tmp_path])
    np.testing.assert_array_equal(read_scan(case, with_masks=True).mask_true, labels > 0)
    write_axial(tmp_path / "a_seg.nii", draw().astype(np.float32) / 7)
    with pytest.raises(UserError, match="Expected: a mask"):
        read_scan(case, with_masks=True)
    write_axial(tmp_path / "a_seg.nii", labels[:3])
    scan = read_scan(case, with_masks=True)
    assert scan.mask_true is None
    assert scan.notes[-1] == "The mask a_seg.nii was left out, because its grid is not that of FLAIR."


def test_notes_say_what_the_network_sees_otherwise(tmp_path: Path) -> None:
    """A sagittal scan of 5 mm, 1 mm in plane, tilted by 30 degrees."""
    affine = rotation(0, 30) @ np.array([[0, 0, 5.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    notes = " ".join(read(write_nifti(tmp_path / "flair.nii", draw((20, 20, 4)), affine)).notes)
    assert "Slices are 1 mm apart; the network compares each with those 5 slices away" in notes
    assert "resampled to 20 x 20 square pixels of 1 mm" in notes
    assert "tilted by 30 degrees" in notes
