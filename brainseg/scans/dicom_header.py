"""What this project uses of a DICOM header: technical fields, and identifiers for comparison only."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from brainseg.reading import DamagedFileError
from brainseg.scans.dicom_listing import DicomFile, Opener
from brainseg.scans.dicom_reading import quiet, read_header

MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
MAX_FRAMES = 4096  # of one file
WORD_FIELDS = ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName", "AcquisitionContrast")
# Fields in which slices of one position differ, and how a message calls them.
VARIANT_FIELDS = {
    "EchoTime": "echo time",
    "EffectiveEchoTime": "echo time",
    "InversionTime": "inversion time",
    "DiffusionBValue": "b-value",
    "TemporalPositionIdentifier": "time point",
    "TemporalPositionIndex": "time point",
    "ImageType": "image type",
    "AcquisitionNumber": "acquisition number",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One slice of a file.

    Attributes:
        file: the file.
        index: of the frame in its file, from 0.
        position: of the centre of the first pixel, mm, in DICOM's coordinates (left, posterior, superior); None if the
            header has none.
        orientation: the direction of a row, then that of a column, unit vectors; None if the header has none.
        spacing: distance of rows, then of columns, mm; None if the header has none.
        slope: grey level = slope * stored value + intercept.
        intercept: see `slope`.
        variant: values of `VARIANT_FIELDS`, only for comparison.
    """

    file: DicomFile
    index: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    slope: float
    intercept: float
    variant: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The header of one file.

    Attributes:
        file: the file.
        sop_class, sop_instance, series, study, frame_of_reference: UIDs; empty if missing.
        patient: a digest of PatientID, for comparison only.
        series_number: None if missing.
        transfer_syntax: how pixels are stored.
        modality: such as MR.
        image_type: in capitals.
        rows, columns, samples: of each frame.
        photometric: such as MONOCHROME2.
        echo_time, repetition_time, inversion_time: ms; None if missing.
        contrast: whether a contrast agent is named.
        words: free text in lower case that may name the sequence; never printed.
        has_pixels: whether there are pixel data.
        frames: in the order of the file.
    """

    file: DicomFile
    sop_class: str
    sop_instance: str = field(repr=False)
    series: str = field(repr=False)
    study: str = field(repr=False)
    frame_of_reference: str = field(repr=False)
    patient: str = field(repr=False)
    series_number: int | None
    transfer_syntax: str
    modality: str
    image_type: tuple[str, ...]
    rows: int
    columns: int
    samples: int
    photometric: str
    echo_time: float | None
    repetition_time: float | None
    inversion_time: float | None
    contrast: bool
    words: str = field(repr=False)
    has_pixels: bool
    frames: tuple[Frame, ...]

    @property
    def is_mr(self) -> bool:
        """Whether the file says that it is an MR image."""
        return self.sop_class in MR_CLASSES and self.modality in ("MR", "")


def parse_header(file: DicomFile, opener: Opener) -> Header:
    """Read the header of a file.

    Raises:
        DamagedFileError: if the file is damaged, or a technical field has no sense.
        NotDicomError: if it is not a DICOM file.
    """
    dataset, has_pixels = read_header(file, opener)
    with quiet():
        groups = _shared_groups(dataset)
        return Header(
            file=file,
            sop_class=_text(dataset, "SOPClassUID"),
            sop_instance=_text(dataset, "SOPInstanceUID"),
            series=_text(dataset, "SeriesInstanceUID"),
            study=_text(dataset, "StudyInstanceUID"),
            frame_of_reference=_text(dataset, "FrameOfReferenceUID"),
            patient=hashlib.sha256(_text(dataset, "PatientID").encode()).hexdigest(),
            series_number=_integer(dataset, "SeriesNumber"),
            transfer_syntax=str(UID(dataset.file_meta.get("TransferSyntaxUID", ""))),
            modality=_text(dataset, "Modality"),
            image_type=_image_type(dataset, groups),
            rows=_integer(dataset, "Rows") or 0,
            columns=_integer(dataset, "Columns") or 0,
            samples=_integer(dataset, "SamplesPerPixel") or 1,
            photometric=_text(dataset, "PhotometricInterpretation"),
            echo_time=_first_number(groups, "EchoTime", "EffectiveEchoTime"),
            repetition_time=_first_number(groups, "RepetitionTime"),
            inversion_time=_first_number(groups, "InversionTime", "InversionTimes"),
            contrast=any(_has_contrast(group) for group in groups),
            words=" ".join(_text(group, name).lower() for group in groups for name in WORD_FIELDS),
            has_pixels=has_pixels,
            frames=_frames(file, dataset),
        )


def _shared_groups(dataset: Dataset) -> list[Dataset]:
    """The header itself, and what an enhanced file says of all its frames, or of the first one."""
    shared = _items(dataset, "SharedFunctionalGroupsSequence")[:1]
    first = _items(dataset, "PerFrameFunctionalGroupsSequence")[:1]
    return [dataset, *_macros(shared), *_macros(first)]


def _macros(groups: Sequence[Dataset]) -> list[Dataset]:
    """The first item of each sequence in functional groups."""
    return [item for group in groups for element in group if element.VR == "SQ" for item in element.value[:1]]


def _frames(file: DicomFile, dataset: Dataset) -> tuple[Frame, ...]:
    count = _integer(dataset, "NumberOfFrames") or 1
    per_frame = _items(dataset, "PerFrameFunctionalGroupsSequence")
    if not 1 <= count <= MAX_FRAMES:
        raise DamagedFileError(f"a header that declares {count} frames, where 1 to {MAX_FRAMES} are expected")
    if not per_frame:
        return tuple(_frame(file, index, [dataset]) for index in range(count))
    if len(per_frame) != count:
        raise DamagedFileError(f"a header that declares {count} frames and describes {len(per_frame)}")
    shared = [dataset, *_macros(_items(dataset, "SharedFunctionalGroupsSequence")[:1])]
    return tuple(_frame(file, index, [*_macros([group]), *shared]) for index, group in enumerate(per_frame))


def _frame(file: DicomFile, index: int, groups: list[Dataset]) -> Frame:
    """One frame; the groups that come first hold."""
    slope, intercept = _first_numbers(groups, "RescaleSlope", 1), _first_numbers(groups, "RescaleIntercept", 1)
    if slope == (0,):
        raise DamagedFileError("a rescale slope of 0")
    return Frame(
        file=file,
        index=index,
        position=_first_numbers(groups, "ImagePositionPatient", 3),
        orientation=_first_numbers(groups, "ImageOrientationPatient", 6),
        spacing=_first_numbers(groups, "PixelSpacing", 2),
        slope=slope[0] if slope else 1.0,
        intercept=intercept[0] if intercept else 0.0,
        variant=tuple(
            (name, text)
            for keyword, name in VARIANT_FIELDS.items()
            if (text := next((_text(group, keyword) for group in groups if keyword in group), ""))
        ),
    )


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    return list(dataset.get(keyword) or ())


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    values = value if isinstance(value, list | tuple) or hasattr(value, "insert") else [value]
    return "\\".join(str(item).strip() for item in values if item is not None)


def _image_type(dataset: Dataset, groups: list[Dataset]) -> tuple[str, ...]:
    return tuple(_text(dataset, "ImageType").upper().split("\\")) + tuple(
        word for group in groups[1:] for word in _text(group, "FrameType").upper().split("\\") if word
    )


def _integer(dataset: Dataset, keyword: str) -> int | None:
    value = dataset.get(keyword)
    return None if value is None or value == "" else int(value)


def _first_number(groups: Sequence[Dataset], *keywords: str) -> float | None:
    """The first value of the first group that has one of the fields; None if there is none or it is not a number."""
    for keyword in keywords:
        for group in groups:
            value = _text(group, keyword).split("\\")[0]
            try:
                number = float(value)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
    return None


def _first_numbers(groups: Sequence[Dataset], keyword: str, count: int) -> tuple[float, ...] | None:
    """The values of the first group that has the field.

    Raises:
        DamagedFileError: if they are not `count` finite numbers.
    """
    for group in groups:
        if text := _text(group, keyword):
            try:
                numbers = tuple(float(part) for part in text.split("\\"))
            except ValueError:
                numbers = ()
            if len(numbers) != count or not all(map(math.isfinite, numbers)):
                raise DamagedFileError(f"{keyword} is not {count} number(s)")
            return numbers
    return None


def _has_contrast(group: Dataset) -> bool:
    text = _text(group, "ContrastBolusAgent").lower()
    return bool(_items(group, "ContrastBolusAgentSequence")) or text not in ("", "no", "none", "n", "0")
