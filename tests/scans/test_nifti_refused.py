"""NIfTI that is refused with one message, before memory is taken."""

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.scans.nifti import read_nifti, read_sequence
from tests.scans.nifti_fields import DATATYPE, DIM, SROW_X, VOX_OFFSET, patch
from tests.scans.scan_files import AXIAL, draw, write_axial, write_nifti


def test_a_time_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"4-D, 40 volumes, as in a time series\. Expected: one 3-D volume"):
        read_nifti(write_nifti(tmp_path / "scan.nii.gz", draw((3, 4, 5, 40)), AXIAL))


@pytest.mark.parametrize(
    ("offset", "kind", "values", "message"),
    [
        (DIM, "<i2", (3, 32767, 32767, 32767), "are too many"),
        (DIM, "<i2", (3, 4096, 4096, 2), "cut off, .* bytes where its header declares"),
        (DIM, "<i2", (3, 0, 4, 5), "damaged header"),
        (DIM, "<i2", (3, 5, 14, 0), "damaged header"),
        (DIM, "<i2", (9, 3, 4, 5), "damaged header|not a NIfTI"),
        (DIM, "<i2", (3, -3, 4, 5), "damaged header"),
        (DATATYPE, "<i2", (32,), "voxels of type complex"),
        (DATATYPE, "<i2", (128,), "voxels of type RGB"),
        (DATATYPE, "<i2", (77,), "voxels of type number 77"),
        (VOX_OFFSET, "<f4", (1e9,), "vox_offset is 1e"),
        (VOX_OFFSET, "<f4", (np.nan,), "vox_offset is nan"),
        (SROW_X, "<f4", (np.nan, 0, 0, 0), "affine has NaN"),
        (SROW_X, "<f4", (0, 0, 1e-9, 0), "voxels of"),
        (SROW_X, "<f4", (-1.5, 0.9, 0, 0), "at .* degrees to each other"),
        (0, "<i4", (347,), "not a NIfTI file with header and voxels in one"),
        (344, "S4", (b"ni1",), "not a NIfTI file with header and voxels in one"),
    ],
)
def test_headers_that_are_refused(
    tmp_path: Path, offset: int, kind: str, values: tuple[float, ...], message: str
) -> None:
    path = patch(write_axial(tmp_path / "scan.nii"), offset, kind, *values)
    with pytest.raises(UserError, match=message):
        read_nifti(path)


@pytest.mark.parametrize("keep", [0, 1, 100, 360, 500, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    for suffix in (".nii", ".nii.gz"):
        path = write_axial(tmp_path / f"scan{suffix}")
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(UserError, match=r"cut off|damaged|not a NIfTI"):
            read_nifti(path)


def test_a_wrong_checksum_of_gzip_is_noticed(tmp_path: Path) -> None:
    path = write_axial(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged or cut off"):
        read_nifti(path)


def test_not_more_is_decompressed_than_the_header_says(tmp_path: Path) -> None:
    """A small file with four million zeros behind its voxels."""
    path = write_axial(tmp_path / "scan.nii")
    bomb = gzip.compress(path.read_bytes() + bytes(2**22), 9)
    (tmp_path / "scan.nii.gz").write_bytes(bomb)
    with pytest.raises(UserError, match="bytes follow the voxels"):
        read_nifti(tmp_path / "scan.nii.gz")


def test_a_header_that_declares_more_than_can_be_in_the_file(tmp_path: Path) -> None:
    """Deflate shrinks to a thousandth at most: 300 bytes cannot hold 100 MB."""
    path = patch(write_axial(tmp_path / "scan.nii"), DIM, "<i2", 3, 1000, 1000, 100)
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(UserError, match=r"cut off, .* bytes where its header declares 100,000,352"):
        read_nifti(tmp_path / "scan.nii.gz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_voxels_that_are_not_finite_are_refused_with_their_number(tmp_path: Path, value: float) -> None:
    image = draw((3, 4, 5)).astype(np.float32)
    image[1, 2, 3] = value
    with pytest.raises(UserError, match=r"1 of 60 voxels are NaN, infinite or beyond 1e\+30, the first at \(1, 2, 3\)"):
        read_sequence(write_nifti(tmp_path / "scan.nii", image, AXIAL))


def test_float64_beyond_float32_is_refused(tmp_path: Path) -> None:
    image = draw((3, 4, 5)).astype(np.float64)
    image[0, 0, 0] = 1e300
    with pytest.raises(UserError, match="1 of 60 voxels"):
        read_sequence(write_nifti(tmp_path / "scan.nii", image, AXIAL))


def test_ct_and_masks_and_empty_images_are_refused(tmp_path: Path) -> None:
    image = draw((8, 8, 8)).astype(np.int16) - 50
    image[:2] = -1000
    with pytest.raises(UserError, match=r"25% of the voxels are between -1100 and -900, as air in CT"):
        read_sequence(write_nifti(tmp_path / "ct.nii", image, AXIAL))
    with pytest.raises(UserError, match="only 2 different values, as in a mask"):
        read_sequence(write_nifti(tmp_path / "mask.nii", (draw() > 99).astype(np.uint8), AXIAL))
    with pytest.raises(UserError, match="all voxels are 7"):
        read_sequence(write_nifti(tmp_path / "empty.nii", np.full((3, 4, 5), 7, np.int16), AXIAL))


def test_messages_have_no_text_of_the_header(tmp_path: Path) -> None:
    """`descrip` and the extension may name the patient."""
    image = nibabel.Nifti1Image(draw((3, 4, 5, 9)), AXIAL)
    image.header["descrip"] = b"Jane Doe"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Jane Doe"))
    nibabel.save(image, tmp_path / "scan.nii")
    assert b"Jane Doe" in (tmp_path / "scan.nii").read_bytes()
    with pytest.raises(UserError) as caught:
        read_nifti(tmp_path / "scan.nii")
    assert "Jane" not in str(caught.value)


def test_pipes_and_missing_files_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nii")
    with pytest.raises(UserError, match="not a regular file"):
        read_nifti(tmp_path / "pipe.nii")
    with pytest.raises(UserError, match="not found"):
        read_nifti(tmp_path / "none.nii")
