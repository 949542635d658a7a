"""What a DICOM segmentation takes over from the images it belongs to, and identifiers that repeat.

Of the source only that is taken over which an archive needs to file the segmentation with its study: identifiers, name,
birth date and sex of the patient, and identifiers and date of the study. Descriptions, comments, institution and
physicians are not.
"""

import re
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM, DSfloat

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError
from brainseg.scans.dicom import DicomDetail
from brainseg.scans.dicom_header import Frame, parse_header
from brainseg.scans.dicom_listing import Opener
from brainseg.scans.dicom_reading import NotDicomError, quiet, read_header
from brainseg.scans.digests import keyed_name, keyed_uid
from brainseg.scans.scan import Scan
from brainseg.terminal import printable

PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
STUDY = ("AccessionNumber", "StudyID", "StudyDate", "StudyTime")
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")
TECHNICAL = ("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", *GEOMETRY)
UID_PATTERN = re.compile(r"[0-9.]{1,64}")
SEXES = ("M", "F", "O")
NO_DATE = "19700101"  # where the source has none, or is anonymised
NO_TIME = "000000"
DATES = (("SeriesDate", "SeriesTime"), ("StudyDate", "StudyTime"))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What makes a segmentation's identifiers: the same input, model and result give the same ones.

    Attributes:
        digest: of input, model and result.
        key: for keyed hashes of all identifiers of the source; None: they are kept.
    """

    digest: bytes
    key: bytes | None = None

    def new_uid(self, purpose: str) -> str:
        """A UID for a new object; it differs with the purpose."""
        return keyed_uid(self.key or b"", self.digest + purpose.encode())


def dicom_detail(scan: Scan) -> DicomDetail:
    """What writing a segmentation needs besides the scan.

    Raises:
        ValueError: if the scan is not DICOM.
    """
    detail = scan.source.detail
    if not isinstance(detail, DicomDetail):
        raise ValueError("scan: expected one that was read from DICOM")
    return detail


def read_sources(detail: DicomDetail, key: bytes | None) -> list[Dataset]:
    """Read the headers of the images again, and keep what a segmentation needs.

    Args:
        detail: the images; the distance of their slices stands for a missing thickness.
        key: replaces identifiers by keyed hashes and leaves out the rest; None: they are kept.

    Returns:
        A small header for each file.

    Raises:
        UserError: if a file has changed since the scan was read, is no longer there, or has no proper identifiers.
    """
    result = []
    with Opener() as opener:
        for file in detail.files:
            try:
                header, _ = read_header(file, opener)
                frames = parse_header(file, opener).frames
                with quiet():
                    result.append(_reduce(header, frames, detail.stack.spacing[0], key))
            except (DamagedFileError, NotDicomError) as error:
                raise UserError(
                    f"{printable(str(file))}: {error or 'not a DICOM file'}. No DICOM segmentation can be written. "
                    "Copy the study again, or write NIfTI."
                ) from None
    return result


def content_date(header: Dataset, identity: Identity) -> tuple[str, str]:
    """Date and time of a segmentation: those of the series or study, so that the same call gives the same bytes."""
    for date, time in DATES:
        value = str(header.get(date) or "")
        if identity.key is None and len(value) == 8 and value.isascii() and value.isdigit():
            clock = str(header.get(time) or "").partition(".")[0]
            return value, clock if len(clock) == 6 and clock.isdigit() else NO_TIME
    return NO_DATE, NO_TIME


def _reduce(header: Dataset, frames: tuple[Frame, ...], slice_mm: float, key: bytes | None) -> Dataset:
    reduced = Dataset()
    for keyword in TECHNICAL:
        if keyword in header:
            reduced[keyword] = header[keyword]
    if "PerFrameFunctionalGroupsSequence" in header:
        _set_functional_groups(reduced, frames, slice_mm)
    elif not reduced.get("SliceThickness"):
        reduced.SliceThickness = DSfloat(slice_mm, auto_format=True)
    for keyword in UIDS:
        value = str(header.get(keyword) or header.SeriesInstanceUID)
        if not UID_PATTERN.fullmatch(value):
            raise DamagedFileError(f"{keyword} is not digits and dots, at most 64, so that nothing can refer to it")
        setattr(reduced, keyword, value if key is None else keyed_uid(key, value.encode()))
    for keyword in PATIENT + STUDY:
        setattr(reduced, keyword, "" if key is not None else _valid(keyword, header.get(keyword)))
    if key is not None:
        reduced.PatientID = reduced.PatientName = keyed_name(key, str(header.get("PatientID") or ""))
    elif "SpecificCharacterSet" in header:
        reduced.SpecificCharacterSet = header.SpecificCharacterSet
    for keyword in DATES[0]:
        setattr(reduced, keyword, _valid(keyword, header.get(keyword)))
    return reduced


def _valid(keyword: str, value: Any) -> Any:
    """A value of a header, or nothing if DICOM does not allow it: it could not be written."""
    try:
        if keyword == "PatientSex":
            return value if value in SEXES else ""
        if keyword.endswith("Date"):
            DA(value)
        if keyword.endswith("Time"):
            TM(value)
        setattr(Dataset(), keyword, value)
    except Exception:  # of several classes
        return ""
    return "" if value is None else value


def _set_functional_groups(reduced: Dataset, frames: tuple[Frame, ...], slice_mm: float) -> None:
    """Positions, orientation and pixel sizes of an enhanced file, where highdicom looks for them.

    Scanners write orientation and pixel sizes once for all frames or for each frame.
    """
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _decimals(frames[0].spacing)
    measures.SliceThickness = DSfloat(slice_mm, auto_format=True)
    orientation.ImageOrientationPatient = _decimals(frames[0].orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    reduced.SharedFunctionalGroupsSequence = [shared]
    reduced.PerFrameFunctionalGroupsSequence = []
    for frame in frames:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = _decimals(frame.position)
        group.PlanePositionSequence = [position]
        reduced.PerFrameFunctionalGroupsSequence.append(group)


def _decimals(values: tuple[float, ...] | None) -> list[DSfloat]:
    return [DSfloat(value, auto_format=True) for value in values or ()]
