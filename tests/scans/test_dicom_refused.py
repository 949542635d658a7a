"""DICOM that is refused: one message with the numbers, for each way in which a series can be unusable."""

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from tests.scans.dicom_files import directions, drawn_volume, make_slices, save, write_series
from tests.scans.dicom_refusal import refusal

VOLUME = drawn_volume((8, 16, 18))


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
