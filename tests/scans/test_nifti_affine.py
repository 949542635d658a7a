"""Where the voxels of a NIfTI file lie: sform, qform, units and what is refused."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from brainseg.errors import UserError
from brainseg.scans.grid import Affine
from brainseg.scans.nifti import read_header, read_nifti
from tests.scans.nifti_fields import CODES, PIXDIM, UNITS, patch
from tests.scans.scan_files import AXIAL, draw, rotation, write_axial, write_nifti


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


def test_a_tilted_gantry_is_refused_with_the_angle(tmp_path: Path) -> None:
    sheared = AXIAL.copy()
    sheared[1, 2] = 0
    sheared[1, 0] = 4 * np.tan(np.radians(15))
    with pytest.raises(UserError, match=r"at 75\.0 degrees to each other, as after a gantry tilt"):
        read_nifti(write_nifti(tmp_path / "scan.nii", draw(), sheared, qform_code=0))
