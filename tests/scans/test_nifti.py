"""The voxels of NIfTI files are read exactly, whatever their type, scale and number of axes."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.scans.nifti import is_nifti, read_nifti
from tests.scans.nifti_fields import SLOPE, patch
from tests.scans.scan_files import AXIAL, draw, write_axial, write_nifti


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
