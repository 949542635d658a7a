"""Makes DICOM files as scanners, archives and careless exports write them."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from tests.scans.dicom_encoders import SYNTAXES, encode_pixels

STUDY, FRAME_OF_REFERENCE = "1.2.826.1.1", "1.2.826.1.2"
TIMES = {  # echo, repetition and inversion time, ms
    "flair": (120, 9000, 2500),
    "t1": (10, 500, None),
    "t1ce": (10, 500, None),
    "t2": (90, 4000, None),
}


def drawn_volume(shape: tuple[int, int, int] = (6, 20, 24), *, seed: int = 0, top: int = 1000) -> NDArray[np.uint16]:
    """A volume without symmetry: no flip or turn of it goes unnoticed. Shape (S, H, W), uint16, below `top`."""
    rng = np.random.default_rng(seed)
    coordinates = np.meshgrid(*(np.linspace(0, 1, length) for length in shape), indexing="ij")
    smooth = sum(weight * each for weight, each in zip((0.2, 0.3, 0.4), coordinates, strict=True))
    return ((smooth + 0.1 * rng.random(shape)) * (top - 1)).astype(np.uint16)


def directions(*, oblique: float = 0.0, plane: str = "axial") -> tuple[list[float], NDArray[np.float64]]:
    """ImageOrientationPatient of a plane, turned by `oblique` degrees about all axes, and its normal."""
    row, column = {
        "axial": ([1, 0, 0], [0, 1, 0]),
        "coronal": ([1, 0, 0], [0, 0, -1]),
        "sagittal": ([0, 1, 0], [0, 0, -1]),
    }[plane]
    angle = np.radians(oblique)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn_x = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turn_z = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    vectors = [turn_x @ turn_z @ np.array(each, float) for each in (row, column)]
    return [*vectors[0], *vectors[1]], np.cross(*vectors)


def make_slices(
    volume: NDArray[Any],
    *,
    sequence: str = "flair",
    number: int = 1,
    spacing: tuple[float, float, float] = (5.0, 0.9, 0.9),
    oblique: float = 0.0,
    plane: str = "axial",
    header: Mapping[str, Any] | None = None,
) -> list[Dataset]:
    """Single-frame MR images, one for each slice of a volume of shape (S, H, W), in ascending order along the normal.

    Args:
        volume: the stored values.
        sequence: a key of `TIMES`.
        number: the series number, from which its UID follows.
        spacing: of slices, rows and columns, mm.
        oblique: see `directions`.
        plane: see `directions`.
        header: further fields for all slices; None deletes a field.
    """
    orientation, normal = directions(oblique=oblique, plane=plane)
    result = []
    for index, pixels in enumerate(volume):
        dataset = _base(pixels, sequence, number)
        dataset.SOPClassUID = uid.MRImageStorage
        dataset.SOPInstanceUID = f"{STUDY}.{number}.{index + 1}"
        dataset.InstanceNumber = index + 1
        dataset.ImageOrientationPatient = [_decimal(value) for value in orientation]
        dataset.ImagePositionPatient = [
            _decimal(value) for value in np.array([-40.0, -30.0, -20.0]) + normal * spacing[0] * index
        ]
        dataset.PixelSpacing = [_decimal(value) for value in spacing[1:]]
        dataset.SliceThickness = _decimal(spacing[0])
        echo, repetition, inversion = TIMES[sequence]
        dataset.EchoTime, dataset.RepetitionTime = str(echo), str(repetition)
        if inversion:
            dataset.InversionTime = str(inversion)
        if sequence == "t1ce":
            dataset.ContrastBolusAgent = "agent"
        _update(dataset, header or {})
        result.append(dataset)
    return result


def make_enhanced(slices: list[Dataset]) -> Dataset:
    """One enhanced multi-frame image from single-frame images."""
    first = slices[0]
    dataset = Dataset()
    for element in first:
        if element.tag.group not in (0x7FE0,) and element.keyword not in (
            "ImageOrientationPatient",
            "ImagePositionPatient",
            "PixelSpacing",
            "SliceThickness",
            "EchoTime",
            "RepetitionTime",
            "InversionTime",
            "RescaleSlope",
            "RescaleIntercept",
            "ContrastBolusAgent",
        ):
            dataset.add(element)
    dataset.SOPClassUID = uid.EnhancedMRImageStorage
    dataset.NumberOfFrames = len(slices)
    if "ContrastBolusAgent" in first:
        dataset.ContrastBolusAgentSequence = [Dataset()]
    dataset.SharedFunctionalGroupsSequence = [_shared(first)]
    dataset.PerFrameFunctionalGroupsSequence = [_per_frame(each) for each in slices]
    dataset.PixelData = b"".join(each.PixelData for each in slices)
    return dataset


def save(dataset: Dataset, path: Path, syntax: str = "explicit") -> Path:
    """Write a file in one of the `SYNTAXES`."""
    transfer = SYNTAXES.get(syntax, syntax)
    dataset = copy.deepcopy(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    encode_pixels(dataset, str(transfer))
    dataset.file_meta.TransferSyntaxUID = transfer
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    volume: NDArray[Any],
    *,
    syntax: str = "explicit",
    enhanced: bool = False,
    names: str = "",
    **options: Any,
) -> list[Path]:
    """Write the slices of a volume.

    Args:
        folder: created if necessary.
        volume: shape (S, H, W).
        syntax: a key of `SYNTAXES`.
        enhanced: whether to write one multi-frame file.
        names: "" (by number), "reversed" or "random".
        **options: as for `make_slices`.
    """
    slices = make_slices(volume, **options)
    number = options.get("number", 1)
    if enhanced:
        return [save(make_enhanced(slices), folder / f"enhanced{number}", syntax)]
    order = list(range(len(slices)))
    if names == "reversed":
        order.reverse()
    elif names == "random":
        order = list(np.random.default_rng(number).permutation(len(slices)))
    return [save(each, folder / f"{number}_{order[at]:04d}", syntax) for at, each in enumerate(slices)]


def _base(pixels: NDArray[Any], sequence: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.Modality = "MR"
    dataset.PatientID, dataset.PatientName = "id", "name"
    dataset.PatientBirthDate, dataset.PatientSex = "19500101", "O"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, f"{STUDY}.{number}"
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.StudyID, dataset.AccessionNumber = "1", ""
    dataset.StudyDate, dataset.StudyTime = "20200101", "120000"
    dataset.SeriesNumber = number
    dataset.SeriesDescription = {"flair": "ax flair", "t1": "ax t1", "t1ce": "ax t1", "t2": "ax t2"}[sequence]
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def _shared(first: Dataset) -> Dataset:
    shared = Dataset()
    for name in ("PixelMeasures", "PlaneOrientation", "PixelValueTransformation"):
        setattr(shared, f"{name}Sequence", [Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = first.PixelSpacing
    shared.PixelMeasuresSequence[0].SliceThickness = first.SliceThickness
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = first.ImageOrientationPatient
    shared.PixelValueTransformationSequence[0].RescaleSlope = first.get("RescaleSlope", 1)
    shared.PixelValueTransformationSequence[0].RescaleIntercept = first.get("RescaleIntercept", 0)
    timing, echo, modifier = Dataset(), Dataset(), Dataset()
    timing.RepetitionTime, echo.EffectiveEchoTime = float(first.RepetitionTime), float(first.EchoTime)
    shared.MRTimingAndRelatedParametersSequence, shared.MREchoSequence = [timing], [echo]
    if "InversionTime" in first:
        modifier.InversionTimes = float(first.InversionTime)
        shared.MRModifierSequence = [modifier]
    return shared


def _per_frame(each: Dataset) -> Dataset:
    group, position, content = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = each.ImagePositionPatient
    content.DimensionIndexValues = [1, int(each.InstanceNumber)]
    group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
    return group


def _update(dataset: Dataset, header: Mapping[str, Any]) -> None:
    for keyword, value in header.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)


def _decimal(value: float) -> str:
    return pydicom.valuerep.format_number_as_ds(float(value))
