"""NIfTI files: what is read exactly, and what is refused before memory is taken."""

import gzip
import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

from brainseg.errors import UserError
from brainseg.scans.grid import Affine
from brainseg.scans.nifti import is_nifti, read_header, read_nifti, read_sequence
from tests.scans.scan_files import AXIAL, draw, rotation, write_axial, write_nifti

DIM, DATATYPE, PIXDIM, VOX_OFFSET, SLOPE, UNITS, CODES, SROW_X = 40, 70, 76, 108, 112, 123, 252, 280


def patch(path: Path, offset: int, kind: str, *values: Any) -> Path:
    """Overwrite a field of an uncompressed header."""
    content = bytearray(path.read_bytes())
    field = np.array(values, kind).tobytes()
    content[offset : offset + len(field)] = field
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", ">i2", ">f4"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_voxels_are_read_as_they_are(tmp_path: Path, dtype: str, suffix: str) -> None:
    array = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(dtype)
    header = nibabel.Nifti1Header(endianness=">" if dtype.startswith(">") else "<")
    header.set_data_dtype(array.dtype)
    path = tmp_path / f"scan{suffix}"
    nibabel.save(nibabel.Nifti1Image(array, AXIAL, header), path)
    read, found = read_nifti(path)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, array)
    np.testing.assert_allclose(found.affine, AXIAL)
    assert is_nifti(path)


@pytest.mark.parametrize("dtype", ["f8", "i8", "u8"])
def test_64_bits_become_float32(tmp_path: Path, dtype: str) -> None:
    array = draw((3, 4, 5)).astype(dtype)
    image = nibabel.Nifti1Image(array, AXIAL, dtype=array.dtype)
    nibabel.save(image, tmp_path / "scan.nii")
    read, _ = read_nifti(tmp_path / "scan.nii")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, array)


def test_the_scale_of_the_header_is_applied_as_nibabel_does(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(draw((3, 4, 5)).astype(np.float32) / 7, AXIAL)
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "scan.nii.gz")
    read, header = read_nifti(tmp_path / "scan.nii.gz")
    assert header.slope != 1
    np.testing.assert_allclose(read, nibabel.load(tmp_path / "scan.nii.gz").get_fdata(), rtol=1e-5)


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_a_scale_of_0_or_none_is_left_out(tmp_path: Path, slope: float) -> None:
    path = patch(write_axial(tmp_path / "scan.nii"), SLOPE, "<f4", slope, 5)
    assert read_nifti(path)[0].dtype == np.uint8


def test_nifti_2(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(draw((3, 4, 5)), AXIAL), tmp_path / "scan.nii")
    read, header = read_nifti(tmp_path / "scan.nii")
    assert header.space.version == 2
    np.testing.assert_array_equal(read, draw((3, 4, 5)))


def test_the_sform_is_used_and_without_it_the_qform(tmp_path: Path) -> None:
    """Both as SimpleITK reads them."""
    for sform_code, qform_code in ((1, 1), (4, 1), (0, 1), (1, 0), (2, 0)):
        path = write_nifti(
            tmp_path / "scan.nii", draw(), rotation(0, 20) @ AXIAL, sform_code=sform_code, qform_code=qform_code
        )
        header = read_header(path)
        assert not header.notes
        image = SimpleITK.ReadImage(path)
        corners = [(0, 0, 0), (4, 0, 0), (0, 13, 0), (0, 0, 11)]
        itk = np.array([image.TransformIndexToPhysicalPoint(corner) for corner in corners]) * [-1, -1, 1]
        ours = [(header.affine @ [*corner, 1])[:3] for corner in corners]
        np.testing.assert_allclose(ours, itk, atol=1e-3)


def test_a_handedness_of_0_counts_as_1(tmp_path: Path) -> None:
    """As the standard says; some programs leave pixdim[0] at 0."""
    path = write_nifti(tmp_path / "scan.nii", draw(), np.diag([2.0, 3, 4, 1]), sform_code=0)
    np.testing.assert_allclose(read_header(patch(path, PIXDIM, "<f4", 0)).affine, np.diag([2.0, 3, 4, 1]))


def test_a_damaged_qform_is_refused_unless_there_is_an_sform(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "scan.nii", draw(), AXIAL, sform_code=0)
    with pytest.raises(UserError, match=r"damaged header \(qform: "):
        read_header(patch(path, PIXDIM + 4, "<f4", -2))
    path = write_nifti(tmp_path / "scan.nii", draw(), AXIAL)
    np.testing.assert_allclose(read_header(patch(path, PIXDIM + 4, "<f4", -2)).affine, AXIAL)


def test_without_sform_and_qform_the_orientation_is_noted(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "scan.nii", draw(), np.diag([2.0, 3, 4, 1]))
    header = read_header(patch(path, CODES, "<i2", 0, 0))
    np.testing.assert_allclose(header.affine, np.diag([2.0, 3, 4, 1]))
    assert "does not say how the voxels lie" in header.notes[0]


def two_affines(path: Path, sform: Affine, qform: Affine) -> Path:
    image = nibabel.Nifti1Image(draw(), sform)
    image.set_sform(sform, 2)
    image.set_qform(qform, 1)
    nibabel.save(image, path)
    return path


def test_sform_and_qform_that_differ_a_little_are_the_same(tmp_path: Path) -> None:
    moved = AXIAL.copy()
    moved[0, 3] += 0.7  # half of the shortest side of a voxel is 0.75 mm
    assert read_header(two_affines(tmp_path / "scan.nii", AXIAL, moved)).notes == ()


def test_the_sform_wins_with_a_note_if_the_qform_is_elsewhere(tmp_path: Path) -> None:
    moved = rotation(2, 8) @ AXIAL
    moved[0, 3] += 20
    header = read_header(two_affines(tmp_path / "scan.nii", AXIAL, moved))
    np.testing.assert_allclose(header.affine, AXIAL, atol=1e-5)
    assert "mm apart; the sform was used" in header.notes[0]


def test_sform_and_qform_that_turn_the_head_differently_are_refused(tmp_path: Path) -> None:
    mirrored = AXIAL.copy()
    mirrored[0] *= -1
    with pytest.raises(UserError, match=r"sform and qform contradict each other.* up to \d+\.\d mm apart"):
        read_header(two_affines(tmp_path / "scan.nii", AXIAL, mirrored))


@pytest.mark.parametrize(("code", "factor"), [(0, 1.0), (1, 1000.0), (2, 1.0), (3, 0.001), (10, 1.0)])
def test_metres_and_micrometres_become_millimetres(tmp_path: Path, code: int, factor: float) -> None:
    """The unit of time is in the same field: 10 is millimetres and seconds."""
    affine = np.diag([1 / factor] * 3 + [1]) @ AXIAL
    path = patch(write_axial(tmp_path / "scan.nii", affine=affine), UNITS, "u1", code)
    np.testing.assert_allclose(read_header(path).affine, AXIAL[:, [2, 1, 0, 3]], rtol=1e-6)


def test_a_2d_file_is_one_slice(tmp_path: Path) -> None:
    assert read_nifti(write_nifti(tmp_path / "scan.nii", draw((9, 8)), AXIAL))[0].shape == (9, 8, 1)


def test_a_4d_file_of_one_volume_is_3d(tmp_path: Path) -> None:
    assert read_nifti(write_nifti(tmp_path / "scan.nii", draw((3, 4, 5, 1)), AXIAL))[0].shape == (3, 4, 5)


def test_one_volume_of_a_4d_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainseg.scans.nifti.CHUNK", 64)  # bytes; a volume has 120
    image = draw((3, 4, 5, 3)).astype(np.int16)
    path = write_nifti(tmp_path / "scan.nii.gz", image, AXIAL)
    for volume in range(3):
        np.testing.assert_array_equal(read_nifti(path, volume=volume)[0], image[..., volume])
    with pytest.raises(UserError, match=r"4-D, 3 volumes\. .*--channels flair,t1,t1ce"):
        read_nifti(path)


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


def test_a_tilted_gantry_is_refused_with_the_angle(tmp_path: Path) -> None:
    sheared = AXIAL.copy()
    sheared[1, 2] = 0
    sheared[1, 0] = 4 * np.tan(np.radians(15))
    with pytest.raises(UserError, match=r"at 75\.0 degrees to each other, as after a gantry tilt"):
        read_nifti(write_nifti(tmp_path / "scan.nii", draw(), sheared, qform_code=0))


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
    """A small file with a gigabyte of zeros behind its voxels."""
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
