"""DICOM series: grouping files, what each series is, and which are FLAIR, T1 and T1 with contrast agent.

A series is described by its number and technical fields only, never by free text of its header.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.config import IGNORE
from pydicom.uid import UID

from brainseg.errors import UserError
from brainseg.imaging.fault_kinds import MAX_SIDE
from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.scans.dicom_header import MR_CLASSES, Header
from brainseg.scans.dicom_pixels import can_decode
from brainseg.scans.dicom_sequences import is_localiser, recognise_sequence
from brainseg.scans.names import SHORT_NAMES

DERIVED_TYPES = {"PROJECTION IMAGE", "MIP", "MPR", "SUBTRACTION", "ADC", "TRACEW", "FA", "PHASE", "P", "MOSAIC", "CBF"}
PARALLEL_DEGREES = 5.0  # slices of T1 and FLAIR; those nearest to FLAIR's are preferred
UID_PATTERN = re.compile(r"[0-9.]{1,64}")
OPTIONS = {sequence: f"--{short}" for short, sequence in SHORT_NAMES.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """The files of one series.

    Attributes:
        headers: in the order of the files' names, at least one.
        sequence: one of `SEQUENCES`, `other`, or None if its headers do not say.
        problem: why it cannot be used; empty if it can.
    """

    headers: tuple[Header, ...]
    sequence: str | None
    problem: str

    @property
    def first(self) -> Header:
        """The header that stands for all where they agree."""
        return self.headers[0]

    @property
    def slice_count(self) -> int:
        """Number of frames of all files."""
        return sum(len(header.frames) for header in self.headers)

    def __str__(self) -> str:
        """Number, times and size; no text of the header."""
        first = self.first
        number = "without a number" if first.series_number is None else str(first.series_number)
        times = [("TE", first.echo_time), ("TR", first.repetition_time), ("TI", first.inversion_time)]
        fields = [f"{name} {value:.4g} ms" for name, value in times if value]
        fields += [f"{self.slice_count} slices of {first.rows} x {first.columns}"]
        fields += ["contrast agent"] if first.contrast else []
        return f"series {number} ({', '.join(fields)})"


def group_series(headers: Iterable[Header]) -> list[Series]:
    """Group files by SeriesInstanceUID, in ascending order of series number."""
    groups: dict[str, list[Header]] = {}
    for header in headers:
        groups.setdefault(header.series, []).append(header)
    series = [
        Series(headers=tuple(group), sequence=_sequence_of(group), problem=_find_problem(group))
        for group in groups.values()
    ]
    return sorted(series, key=lambda each: (each.first.series_number or 0, each.first.file))


def choose_series(series: Sequence[Series], chosen: Mapping[str, str]) -> tuple[dict[str, Series], list[str]]:
    """Choose one series for each sequence.

    Args:
        series: of one study.
        chosen: what the user named, by the name of the sequence: a SeriesInstanceUID, a series number, or a folder.

    Returns:
        The series by name of the sequence, with FLAIR in any case, and messages for the user.

    Raises:
        UserError: if FLAIR is missing or ambiguous, T1 is ambiguous, or what the user named does not exist.
    """
    result = {sequence: _find_named(series, name, sequence) for sequence, name in chosen.items()}
    usable = [each for each in series if not each.problem and each not in result.values()]
    notes = []
    if SEQUENCES[FLAIR] not in result:
        flairs = [each for each in usable if each.sequence == SEQUENCES[FLAIR]]
        if not flairs and not result and len(usable) == 1 and usable[0].sequence is None:
            flairs = usable
            notes.append("The headers do not say which sequence this is; it is taken as FLAIR.")
        result[SEQUENCES[FLAIR]] = _take_one(flairs, series, SEQUENCES[FLAIR])
    if not chosen:  # with options, what is not named is not wanted
        for sequence in SEQUENCES:
            if sequence not in result and (found := [each for each in usable if each.sequence == sequence]):
                parallel = [each for each in found if _is_parallel(each, result[SEQUENCES[FLAIR]])]
                result[sequence] = _take_one(parallel if len(found) > 1 and parallel else found, series, sequence)
    notes += [f"{sequence} is {result[sequence]}." for sequence in SEQUENCES if sequence in result]
    if left := len(series) - len(result):
        notes.append(f"{left} other series of the study are left out.")
    return {sequence: result[sequence] for sequence in SEQUENCES if sequence in result}, notes


def _take_one(found: Sequence[Series], series: Sequence[Series], sequence: str) -> Series:
    if len(found) == 1:
        return found[0]
    listed = "\n".join(f"  {each}: {each.problem or each.sequence or 'unknown'}" for each in series)
    option = OPTIONS[sequence]
    what = f"{len(found)} series are {sequence}" if found else f"no series is {sequence}"
    raise UserError(
        f"{what}. Expected: one. Name it: {option} and its number, SeriesInstanceUID or folder. Found:\n{listed}"
    )


def _find_named(series: Sequence[Series], name: str, sequence: str) -> Series:
    """The series that the user named."""
    folder = Path(name).absolute()
    found = [
        each
        for each in series
        if name in (each.first.series, str(each.first.series_number))
        or any(folder in (header.file.folder.absolute() / "x").parents for header in each.headers)
    ]
    usable = [each for each in found if not each.problem]
    if len(found) == 1 and found[0].problem:
        raise UserError(f"{OPTIONS[sequence]}: {found[0]} cannot be used: {found[0].problem}.")
    if len(usable) > 1 and (same := [each for each in usable if each.sequence == sequence]):
        usable = same
    return _take_one(usable, series, sequence)


def _is_parallel(series: Series, flair: Series) -> bool:
    """Whether two series have the same orientation, within `PARALLEL_DEGREES`."""
    one, other = (_normal(each) for each in (series, flair))
    if one is None or other is None:
        return False
    return bool(abs(one @ other) >= np.cos(np.radians(PARALLEL_DEGREES)))


def _normal(series: Series) -> np.ndarray | None:
    orientation = series.first.frames[0].orientation
    return None if orientation is None else np.cross(orientation[:3], orientation[3:])


def _sequence_of(headers: Sequence[Header]) -> str | None:
    """What most files of the series say."""
    return Counter(recognise_sequence(header) for header in headers).most_common(1)[0][0]


def _find_problem(headers: Sequence[Header]) -> str:
    """Why a series cannot be used; empty if it can. Geometry is checked when it is read."""
    first = headers[0]
    colours = sorted({header.photometric for header in headers} - {"MONOCHROME1", "MONOCHROME2"})
    problems = {
        _kind(first): not all(header.is_mr for header in headers),
        "a localiser": any(is_localiser(header) for header in headers),
        "a Siemens mosaic, in which one image holds many slices": any("MOSAIC" in h.image_type for h in headers),
        "a projection, difference or map computed from other images": any(_is_derived(header) for header in headers),
        "without pixel data": not all(header.has_pixels for header in headers),
        "a colour image": bool(colours) or any(header.samples != 1 for header in headers),
        f"without a size of 1 to {MAX_SIDE} pixels": not all(
            min(h.rows, h.columns) >= 1 and max(h.rows, h.columns) <= MAX_SIDE for h in headers
        ),
    }
    if not any(problems.values()) and (
        unread := {h.transfer_syntax for h in headers if not can_decode(h.transfer_syntax)}
    ):
        return f"stored in a way that is not read (transfer syntax {_show_uid(unread.pop())})"
    return next((name for name, holds in problems.items() if holds), "")


def _kind(header: Header) -> str:
    """What a file that is not MR is, by its SOP class."""
    name = UID(header.sop_class, IGNORE).name if UID_PATTERN.fullmatch(header.sop_class) else "unknown"
    known = "unknown" if not header.sop_class or name == header.sop_class else name
    return f"not MR ({known})" if header.sop_class not in MR_CLASSES else "not MR (by its modality)"


def _is_derived(header: Header) -> bool:
    return bool(DERIVED_TYPES & set(header.image_type))


def _show_uid(uid: str) -> str:
    return uid if UID_PATTERN.fullmatch(uid) else "unknown"
