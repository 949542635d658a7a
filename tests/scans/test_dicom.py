"""DICOM in: the same voxels and geometry in whatever way a series is stored, and the rules for grey levels."""

import shutil
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.fileset import FileSet

from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_studies import find_dicom_cases
from brainseg.scans.grid import Grid
from brainseg.scans.scan import Scan
from tests.scans.dicom_encoders import LOSSLESS
from tests.scans.dicom_files import drawn_volume, make_slices, save, write_series

VOLUME = drawn_volume()


def read(folder: Path, **chosen: str) -> Scan:
    (case,) = find_dicom_cases([folder], chosen)
    return read_scan(case)


def stored(scan: Scan, channel: int = FLAIR) -> np.ndarray:
    """The channel as it was stored: slices in ascending order along the normal."""
    return scan.grid.from_network(scan.image)[..., channel]


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_voxels_are_the_same_in_every_lossless_transfer_syntax(tmp_path, syntax, enhanced):
    write_series(tmp_path, VOLUME, syntax=syntax, enhanced=enhanced, names="random")
    scan = read(tmp_path)
    np.testing.assert_array_equal(stored(scan), VOLUME)
    assert scan.image.dtype == np.uint16


@pytest.mark.parametrize(("syntax", "largest"), [("jpeg", 10), ("jpeg-ls near", 2), ("jpeg 2000 lossy", 2)])
def test_lossy_syntaxes_are_close(tmp_path, syntax, largest):
    volume = (VOLUME // 4).astype(np.uint8) if syntax == "jpeg" else VOLUME
    write_series(tmp_path, volume, syntax=syntax)
    assert np.abs(stored(read(tmp_path)).astype(int) - volume).max() <= largest


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("oblique", [0.0, 12.0])
@pytest.mark.parametrize("names", ["", "reversed", "random"])
def test_scan_is_that_of_the_same_nifti(tmp_path, plane, oblique, names):
    """The affine is built from the headers of the first two slices here, and the voxels are turned by nibabel."""
    options = {"plane": plane, "oblique": oblique, "spacing": (4.0, 0.8, 0.8)}
    write_series(tmp_path, VOLUME, names=names, **options)
    first, second = make_slices(VOLUME[:2], **options)
    orientation = np.array(first.ImageOrientationPatient, float)
    affine = np.eye(4)
    affine[:3, 0] = orientation[:3] * 0.8
    affine[:3, 1] = orientation[3:] * 0.8
    affine[:3, 3] = np.array(first.ImagePositionPatient, float)
    affine[:3, 2] = np.array(second.ImagePositionPatient, float) - affine[:3, 3]
    affine = np.diag([-1, -1, 1, 1]) @ affine
    nifti = nibabel.as_closest_canonical(nibabel.Nifti1Image(VOLUME.transpose(2, 1, 0), affine))
    grid = Grid(shape=nifti.shape, affine=nifti.affine)
    scan = read(tmp_path)
    np.testing.assert_array_equal(scan.image[..., FLAIR], grid.to_network(np.asarray(nifti.dataobj)))
    np.testing.assert_allclose(scan.grid.network_affine, grid.network_affine, atol=1e-5)


def test_first_voxel_of_an_axial_scan(tmp_path):
    """Golden: slice 0 is the lowest, row 0 anterior, column 0 the patient's right, as DICOM stores axial slices."""
    write_series(tmp_path, VOLUME)
    scan = read(tmp_path)
    np.testing.assert_array_equal(scan.image[..., FLAIR], VOLUME)
    assert scan.grid.spacing_mm == pytest.approx((5.0, 0.9, 0.9))
    np.testing.assert_allclose(scan.grid.network_affine @ [0, 0, 0, 1], [40, 30, -20, 1])


def test_three_sequences(tmp_path):
    t1, t1ce = drawn_volume(seed=1), drawn_volume(seed=2)
    write_series(tmp_path / "a", VOLUME, number=3)
    write_series(tmp_path / "b", t1, number=5, sequence="t1")
    write_series(tmp_path / "c", t1ce, number=9, sequence="t1ce")
    write_series(tmp_path / "d", t1ce, number=10, sequence="t2")
    scan = read(tmp_path)
    for channel, volume in ((FLAIR, VOLUME), (PRE_CONTRAST, t1), (POST_CONTRAST, t1ce)):
        np.testing.assert_array_equal(stored(scan, channel), volume)
    assert scan.missing == ()
    assert scan.notes[:4] == (
        "pre-contrast is series 5 (TE 10 ms, TR 500 ms, 6 slices of 20 x 24).",
        "flair is series 3 (TE 120 ms, TR 9000 ms, TI 2500 ms, 6 slices of 20 x 24).",
        "post-contrast is series 9 (TE 10 ms, TR 500 ms, 6 slices of 20 x 24, contrast agent).",
        "1 other series of the study are left out.",
    )


def test_a_sequence_on_another_grid_is_resampled_onto_flair(tmp_path):
    """T1 with slices of half the distance: every second one lies where FLAIR has one."""
    fine = drawn_volume((11, 20, 24), seed=1)
    write_series(tmp_path / "a", VOLUME)
    write_series(tmp_path / "b", fine, number=2, sequence="t1", spacing=(2.5, 0.9, 0.9))
    scan = read(tmp_path)
    np.testing.assert_allclose(stored(scan, PRE_CONTRAST), fine[::2], atol=1e-2)
    assert any("pre-contrast was resampled" in note for note in scan.notes)
    assert scan.missing == ("post-contrast",)


@pytest.mark.parametrize("enhanced", [False, True])
def test_rescaling(tmp_path, enhanced):
    header = {"RescaleSlope": "0.5", "RescaleIntercept": "-10"}
    write_series(tmp_path, VOLUME, header=header, enhanced=enhanced)
    np.testing.assert_allclose(stored(read(tmp_path)), VOLUME * 0.5 - 10, rtol=1e-6)


def test_signed_pixels(tmp_path):
    signed = VOLUME.astype(np.int16) - 500
    write_series(tmp_path, signed)
    np.testing.assert_array_equal(stored(read(tmp_path)), signed)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_that_are_not_stored_are_dropped(tmp_path, signed):
    """12 bits in 16, with overlays in the upper four; the 12 bits may be signed."""
    values = (VOLUME.astype(np.int16) - 500) if signed else VOLUME.astype(np.int16)
    overlaid = ((values & 0x0FFF) | 0x5000).astype(np.int16 if signed else np.uint16)
    write_series(tmp_path, overlaid, header={"BitsStored": 12, "HighBit": 11})
    np.testing.assert_array_equal(stored(read(tmp_path)), values)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_signed_12_bits_in_every_lossless_transfer_syntax(tmp_path, syntax):
    values = VOLUME.astype(np.int16) - 500
    write_series(tmp_path, values, syntax=syntax, header={"BitsStored": 12, "HighBit": 11})
    np.testing.assert_array_equal(stored(read(tmp_path)), values)


def test_monochrome1_is_inverted(tmp_path):
    header = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    write_series(tmp_path, 4095 - VOLUME, header=header)
    np.testing.assert_array_equal(stored(read(tmp_path)), VOLUME)


def test_padding_becomes_the_lowest_grey_level(tmp_path):
    padded = VOLUME.copy()
    padded[:, :3] = 4000
    write_series(tmp_path, padded, header={"PixelPaddingValue": 4000})
    image = stored(read(tmp_path))
    assert (image[:, :3] == VOLUME[:, 3:].min()).all()
    np.testing.assert_array_equal(image[:, 3:], VOLUME[:, 3:])


def test_padding_may_be_a_range_in_either_order(tmp_path):
    padded = VOLUME.copy()
    padded[:, :3] = 4000
    padded[:, 3] = 4002
    write_series(tmp_path, padded, header={"PixelPaddingValue": 4003, "PixelPaddingRangeLimit": 3999})
    assert (stored(read(tmp_path))[:, :4] == VOLUME[:, 4:].min()).all()


def test_a_folder_with_several_series_is_searched_for_the_sequence(tmp_path):
    write_series(tmp_path / "a", VOLUME, number=1)
    write_series(tmp_path / "a", drawn_volume(seed=1), number=2, sequence="t2")
    write_series(tmp_path / "b", drawn_volume(seed=2), number=3)
    np.testing.assert_array_equal(stored(read(tmp_path, flair=str(tmp_path / "a"))), VOLUME)


def test_zip_archive_nested_folders_and_other_files(tmp_path):
    write_series(tmp_path / "export" / "p" / "s", VOLUME)
    (tmp_path / "export" / "p" / "readme.txt").write_text("no DICOM")
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "export")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../../outside", "x")
        file.writestr("__MACOSX/._1", "x")
    scan = read(Path(archive))
    np.testing.assert_array_equal(stored(scan), VOLUME)
    assert not (tmp_path.parent / "outside").exists()
    assert scan.source.paths == (Path(archive),)


def test_a_root_of_studies(tmp_path):
    for patient in ("a", "b"):
        for study in ("1", "2"):
            header = {"StudyInstanceUID": f"1.2.{ord(patient)}.{study}", "SeriesInstanceUID": "1.2.3"}
            write_series(tmp_path / patient / study, VOLUME, header={**header, "PatientID": patient})
    cases = find_dicom_cases([tmp_path])
    assert [case.case_id for case in cases] == ["a_1", "a_2", "b_1", "b_2"]
    for case in cases:
        np.testing.assert_array_equal(stored(read_scan(case)), VOLUME)


def test_export_of_an_archive_with_several_studies(tmp_path):
    """Patients, studies and series in folders of their own, listed by a DICOMDIR, as pydicom writes it."""
    export = FileSet()
    for study in range(3):
        header = {
            "PatientID": f"id{study // 2}",
            "StudyInstanceUID": f"1.2.{study}",
            "SeriesInstanceUID": f"1.2.{study}.1",
        }
        for number, each in enumerate(make_slices(VOLUME, header=header)):
            each.SOPInstanceUID = f"1.2.{study}.1.{number}"
            export.add(save(each, tmp_path / each.SOPInstanceUID))
    export.write(tmp_path / "export")
    export._stage["t"].cleanup()  # pydicom leaves that to the end of the process, with a warning
    cases = find_dicom_cases([tmp_path / "export"])
    assert len({case.case_id for case in cases}) == 3
    for case in cases:
        np.testing.assert_array_equal(stored(read_scan(case)), VOLUME)
    for file in sorted((tmp_path / "export").rglob("IM*"))[:2]:
        file.unlink()
    faults = [case.fault for case in find_dicom_cases([tmp_path / "export"])]
    assert sum(fault is None for fault in faults) == 2  # the other studies can be outlined
    assert "2 image(s) that DICOMDIR names are missing" in next(filter(None, faults))


def test_a_damaged_study_does_not_stop_the_others(tmp_path):
    write_series(tmp_path / "good", VOLUME)
    paths = write_series(tmp_path / "bad", VOLUME, header={"StudyInstanceUID": "1.2.9"})
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    bad, good = find_dicom_cases([tmp_path])
    assert bad.fault is not None
    np.testing.assert_array_equal(stored(read_scan(good)), VOLUME)


def test_series_named_by_uid_number_and_folder(tmp_path):
    other = drawn_volume(seed=3)
    write_series(tmp_path / "a", VOLUME, number=1)
    write_series(tmp_path / "b", other, number=2)
    first = make_slices(other, number=2)[0]
    for name in (first.SeriesInstanceUID, "2", str(tmp_path / "b")):
        np.testing.assert_array_equal(stored(read(tmp_path, flair=name)), other)


def test_slice_positions_may_be_rounded(tmp_path):
    """Positions with two decimals, as some scanners write them, are no varying distances."""
    for index, each in enumerate(make_slices(VOLUME, spacing=(1.2345, 0.9, 0.9), oblique=7)):
        each.ImagePositionPatient = [f"{value:.2f}" for value in each.ImagePositionPatient]
        save(each, tmp_path / str(index))
    assert read(tmp_path).grid.spacing_mm[0] == pytest.approx(1.2345, abs=0.005)


def test_small_shapes_are_not_special(tmp_path):
    write_series(tmp_path, np.arange(2 * 5 * 7, dtype=np.uint16).reshape(2, 5, 7))
    assert read(tmp_path).image.shape == (2, 5, 7, 3)
