"""DICOM that is refused: one message with the numbers, for each way in which a series can be unusable."""

import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError
from brainseg.scans import dicom_listing
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_codestream import check_codestream
from brainseg.scans.dicom_studies import find_dicom_cases
from tests.scans.dicom_files import SYNTAXES, directions, drawn_volume, make_enhanced, make_slices, save, write_series

VOLUME = drawn_volume((8, 16, 18))


def refusal(folder: Path, **chosen: str) -> str:
    (case,) = find_dicom_cases([folder], chosen)
    with pytest.raises(UserError) as error:
        read_scan(case)
    return str(error.value)


def write(folder: Path, slices: list[Dataset], syntax: str = "explicit") -> None:
    for index, each in enumerate(slices):
        save(each, folder / f"{index:03d}", syntax)


def shift(each: Dataset, millimetres: float, axis: int) -> None:
    position = list(each.ImagePositionPatient)
    position[axis] = float(position[axis]) + millimetres
    each.ImagePositionPatient = position


def drop_two(slices: list[Dataset]) -> None:
    del slices[2:4]


def repeat_one(slices: list[Dataset]) -> None:
    slices.append(make_slices(VOLUME[3:4], header={"SOPInstanceUID": "1.2.3"})[0])
    slices[-1].ImagePositionPatient = slices[3].ImagePositionPatient
    slices[-1].EchoTime = "20"


def move_one(slices: list[Dataset]) -> None:
    shift(slices[3], 1.0, 2)


def tilt_stack(slices: list[Dataset]) -> None:
    for index, each in enumerate(slices):
        shift(each, index * 1.0, 1)


def tilt_one(slices: list[Dataset]) -> None:
    slices[3].ImageOrientationPatient = [f"{value:.6f}" for value in directions(oblique=5)[0]]


def skew(slices: list[Dataset]) -> None:
    for each in slices:
        each.ImageOrientationPatient = [1, 0, 0, 0.1, 0.995, 0]


def set_fields(**fields: object) -> Callable[[list[Dataset]], None]:
    def change(slices: list[Dataset]) -> None:
        for each in slices:
            for keyword, value in fields.items():
                setattr(each, keyword, value) if value is not None else delattr(each, keyword)

    return change


def set_first(**fields: object) -> Callable[[list[Dataset]], None]:
    return lambda slices: set_fields(**fields)(slices[:1])


def make_coloured(slices: list[Dataset]) -> None:
    for each in slices:
        each.SamplesPerPixel, each.PhotometricInterpretation, each.PlanarConfiguration = 3, "RGB", 0
        each.BitsAllocated = each.BitsStored = 8
        each.HighBit = 7
        each.PixelData = bytes(3 * each.Rows * each.Columns)


REFUSED = {
    "missing slices": (drop_two, "2 missing slice(s): 6 slices that are 5 mm apart, with gaps behind -15.0 mm"),
    "duplicate slices": (repeat_one, "9 slices at 8 positions, twice at -5.0 mm. They differ in: echo time (2 values)"),
    "varying distances": (move_one, "4.00 to 6.00 mm"),
    "tilted stack": (tilt_stack, "shifted sideways by up to 7.00 mm over 35.0 mm (11.3 degrees)"),
    "tilted slice": (tilt_one, "tilted against each other by up to 7.1 degrees, in 2 orientation(s)"),
    "rows and columns not perpendicular": (skew, "5.7 degrees from perpendicular"),
    "two patients": (set_first(PatientID="other"), "2 different PatientIDs"),
    "two studies": (set_first(StudyInstanceUID="1.2.9"), "2 studies (StudyInstanceUID) in one folder, with 7 and 1"),
    "two frames of reference": (set_first(FrameOfReferenceUID="1.2.9"), "2 different FrameOfReferenceUIDs"),
    "localiser": (set_fields(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "a localiser"),
    "mosaic": (set_fields(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "Siemens mosaic"),
    "secondary capture": (set_fields(SOPClassUID=uid.SecondaryCaptureImageStorage), "Secondary Capture Image Storage"),
    "CT": (set_fields(SOPClassUID=uid.CTImageStorage, Modality="CT"), "not MR (CT Image Storage)"),
    "PET": (set_fields(SOPClassUID=uid.PositronEmissionTomographyImageStorage, Modality="PT"), "not MR (Positron"),
    "unknown class": (set_fields(SOPClassUID="1.2.3"), "not MR (unknown)"),
    "colour": (make_coloured, "a colour image"),
    "no pixel data": (set_fields(PixelData=None), "without pixel data"),
    "no position": (set_first(ImagePositionPatient=None), "1 of 8 slices have no ImagePositionPatient"),
    "no spacing": (set_fields(PixelSpacing=None), "8 of 8 slices have no PixelSpacing"),
    "spacing of 0": (set_fields(PixelSpacing=[0, 0]), "pixels of different sizes: 0 to 0 mm"),
    "two spacings": (set_first(PixelSpacing=[1, 1]), "pixels of different sizes: 0.9 to 1 mm"),
    "two numbers where three are needed": (set_first(ImagePositionPatient=[1, 2]), "ImagePositionPatient is not 3"),
    "slope of 0": (set_first(RescaleSlope="0"), "a rescale slope of 0"),
    "one slice": (lambda slices: slices.__delitem__(slice(1, None)), "one slice only"),
    "no columns": (set_fields(Columns=0), "without a size of 1 to"),
    "a row too long": (set_fields(Columns=5000), "without a size of 1 to"),
    "declares more pixels": (set_fields(Rows=64), "truncated: 576 bytes of pixels where 2,304 are expected"),
    "17 bits in 16": (set_fields(BitsStored=17), "17 bits stored in 16"),
    "not FLAIR by name": (set_fields(SeriesDescription="t2"), "no series is flair. Expected: one. Name it: --flair"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_numbers(tmp_path, case):
    change, expected = REFUSED[case]
    slices = make_slices(VOLUME)
    change(slices)
    write(tmp_path, slices)
    message = refusal(tmp_path)
    assert expected in message
    assert str(tmp_path) in message


def test_slices_of_two_sizes(tmp_path):
    write(tmp_path, [*make_slices(VOLUME[:4]), *make_slices(VOLUME[:, :8, :8])[4:]])
    assert "slices of 2 sizes: 8 x 8, 16 x 18" in refusal(tmp_path)


def test_two_flairs_are_listed_by_number(tmp_path):
    write_series(tmp_path / "a", VOLUME, number=1)
    write_series(tmp_path / "b", VOLUME, number=2, plane="coronal")
    message = refusal(tmp_path)
    assert "2 series are flair" in message
    assert "  series 2 (TE 120 ms, TR 9000 ms, TI 2500 ms, 8 slices of 16 x 18): flair" in message


def test_the_series_that_is_named_must_be_there_and_usable(tmp_path):
    write_series(tmp_path, VOLUME, number=1)
    write_series(tmp_path, VOLUME, number=2, header={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    assert "no series is flair" in refusal(tmp_path, flair="7")
    assert "cannot be used: a localiser" in refusal(tmp_path, flair="2")


@pytest.mark.parametrize("syntax", ["1.2.840.113619.5.2", "1.2.840.10008.1.2.4.100"])
def test_private_and_unknown_transfer_syntax(tmp_path, syntax):
    """GE's private one, and MPEG-2."""
    for path in write_series(tmp_path, VOLUME, syntax="rle" if "10008" in syntax else "implicit"):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
        dataset.save_as(path, implicit_vr="10008" not in syntax, little_endian=True)
    assert f"transfer syntax {syntax}" in refusal(tmp_path)


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg lossless", "jpeg-ls", "jpeg 2000", "deflated"])
def test_truncated_file(tmp_path, syntax):
    paths = write_series(tmp_path, VOLUME, syntax=syntax)
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[:-150])
    assert paths[0].name in refusal(tmp_path)


def test_header_cut_off(tmp_path):
    paths = write_series(tmp_path, VOLUME)
    paths[2].write_bytes(paths[2].read_bytes()[:400])
    message = refusal(tmp_path)
    assert "1 damaged file(s) beside 7 others, the first:" in message
    assert "1_0002: no StudyInstanceUID" in message


def test_only_files_that_are_no_dicom(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    assert find_dicom_cases([tmp_path]) == []


def write_directory(folder: Path, names: list[str]) -> None:
    """A DICOMDIR with one study."""
    directory = Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = uid.MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    study = Dataset()
    study.DirectoryRecordType, study.StudyInstanceUID = "STUDY", make_slices(VOLUME[:2])[0].StudyInstanceUID
    records = [study]
    for name in names:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["DATA", name]
        records.append(record)
    directory.DirectoryRecordSequence = records
    directory.save_as(folder / "DICOMDIR", enforce_file_format=True)


def test_directory_that_names_missing_files(tmp_path):
    paths = write_series(tmp_path / "data", VOLUME)  # in small letters, as CDs are shown on Linux
    write_directory(tmp_path, [path.name for path in paths])
    (case,) = find_dicom_cases([tmp_path])
    assert case.fault is None
    write_directory(tmp_path, [*(path.name for path in paths), "A1", "A2"])
    assert "2 image(s) that DICOMDIR names are missing" in refusal(tmp_path)


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_FILE_BYTES"])
def test_archive_beyond_the_limits(tmp_path, monkeypatch, limit):
    write_series(tmp_path / "a", VOLUME)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "a").iterdir()):
            archive.write(path, path.name)
    monkeypatch.setattr(dicom_listing, limit, 3)
    with pytest.raises(UserError, match=r"members|bytes"):
        [read_scan(case) for case in find_dicom_cases([tmp_path / "a.zip"])]


def test_archive_that_lies_about_sizes_and_is_cut_off(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18))
    assert find_dicom_cases([tmp_path / "a.zip"]) == []
    with pytest.raises(UserError, match="no such file"):
        find_dicom_cases([tmp_path / "none"])


def test_compressed_frame_of_another_size_than_declared(tmp_path):
    """A codestream of 65,535 x 65,535 is refused before a decoder takes memory for it."""
    for syntax, marker, offset in (("jpeg lossless", b"\xff\xc3", 5), ("jpeg-ls", b"\xff\xf7", 5)):
        folder = tmp_path / syntax
        path = write_series(folder, VOLUME, syntax=syntax)[0]
        content = bytearray(path.read_bytes())
        at = content.index(marker) + offset
        content[at : at + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        assert "compressed pixels of 65535 x 65535" in refusal(folder)
    header = struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 70000, 70000, 0, 0, 70000, 70000, 0, 0, 1)
    with pytest.raises(DamagedFileError, match="70000 x 70000"):
        check_codestream(header, 16, 18)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xc3\x00",
        b"\xff\xd8\x00\x00\x00\x00",
        b"\xff\x4f\xff\x51" + bytes(20),
        struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 18, 16, 0, 0, 0, 16, 0, 0, 1),  # tiles without a size
        struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 5000, 5000, 0, 0, 1, 1, 0, 0, 1),  # 25 million tiles
    ],
)
def test_codestream_without_a_header_that_can_be_read(content):
    with pytest.raises(DamagedFileError, match="without a header that can be read"):
        check_codestream(content, 16, 18)


def test_position_that_is_not_a_number(tmp_path):
    paths = write_series(tmp_path, VOLUME)
    content = paths[0].read_bytes()
    assert b"-40.0\\" in content
    paths[0].write_bytes(content.replace(b"-40.0\\", b"  nan\\"))
    assert "ImagePositionPatient is not 3 number(s)" in refusal(tmp_path)


def test_deflated_bomb(tmp_path, monkeypatch):
    write_series(tmp_path, VOLUME, syntax="deflated")
    monkeypatch.setattr("brainseg.scans.dicom_reading.MAX_FILE_BYTES", 500)
    assert all("when inflated" in (case.fault or "") for case in find_dicom_cases([tmp_path]))


def test_named_pipes_are_not_opened(tmp_path):
    write_series(tmp_path, VOLUME)
    os.mkfifo(tmp_path / "pipe")
    (case,) = find_dicom_cases([tmp_path])
    assert read_scan(case).image.shape[0] == len(VOLUME)


def outcome(folder: Path) -> str:
    """What became of the files: read, or refused; anything else fails the test. No warning is let through."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            for case in find_dicom_cases([folder]):
                read_scan(case)
        except UserError:
            return "refused"
    return "read"


@settings(max_examples=60)
@given(
    st.sampled_from([name for name in SYNTAXES if name != "jpeg"]),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.none() | st.floats(0.1, 1),
)
def test_mutated_files_are_read_or_refused(tmp_path_factory, syntax, enhanced, changes, cut):
    folder = tmp_path_factory.mktemp("mutated")
    slices = make_slices(VOLUME[:3])
    paths = (
        [save(make_enhanced(slices), folder / "0", syntax)]
        if enhanced
        else [save(each, folder / str(index), syntax) for index, each in enumerate(slices)]
    )
    content = bytearray(paths[0].read_bytes())
    for place, value in changes:
        content[min(len(content) - 1, int(place**2 * len(content)))] = value
    paths[0].write_bytes(content[: int(cut * len(content))] if cut is not None else content)
    assert outcome(folder) in ("read", "refused")


def test_small_shapes_are_not_special(tmp_path):
    write_series(tmp_path, np.arange(2 * 5 * 7, dtype=np.uint16).reshape(2, 5, 7))
    (case,) = find_dicom_cases([tmp_path])
    assert read_scan(case).image.shape == (2, 5, 7, 3)
