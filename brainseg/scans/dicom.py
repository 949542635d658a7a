"""Reading a DICOM study as a scan: FLAIR, and T1 with and without contrast agent if they are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.reading import DamagedFileError
from brainseg.scans.case_source import CaseSource
from brainseg.scans.checks import check_grey_levels, check_grid, check_shape
from brainseg.scans.dicom_geometry import Stack, stack_frames
from brainseg.scans.dicom_header import Header, parse_header
from brainseg.scans.dicom_listing import DicomFile, Opener
from brainseg.scans.dicom_pixels import read_frames
from brainseg.scans.dicom_series import Series, choose_series, group_series
from brainseg.scans.grid import Grid
from brainseg.scans.notes import grid_notes, sequence_notes
from brainseg.scans.resampling import FULL_COVERAGE, resample_onto, same_grid
from brainseg.scans.scan import Scan, Source
from brainseg.terminal import printable


@dataclass(frozen=True, kw_only=True, eq=False)
class DicomDetail:
    """What writing a segmentation needs besides the scan.

    Attributes:
        files: of FLAIR, in the order of the slices; an enhanced file once.
        stack: how the slices of FLAIR lie.
    """

    files: tuple[DicomFile, ...]
    stack: Stack


def read_dicom_scan(case: CaseSource) -> Scan:
    """Read the sequences of a study, and bring them onto the grid of FLAIR.

    Args:
        case: as `brainseg.scans.dicom_studies.find_dicom_cases` returns it. If the user named series, no others are
            used, except that FLAIR is looked for.

    Returns:
        The scan. Its notes say which series were taken, by number and technical fields only.

    Raises:
        UserError: if the study is damaged, has no FLAIR or several, or slices that are not complete, parallel and
            evenly spaced. The message has no text of a header.
    """
    if case.fault is not None:
        raise UserError(case.fault)
    where = printable(str(case.place))
    with Opener() as opener:
        series, notes = _choose(where, _read_headers(where, case, opener), case.detail.chosen)
        flair = series[SEQUENCES[FLAIR]]
        stack, grid, image = _read_series(where, flair, opener)
        channels = {SEQUENCES[FLAIR]: image}
        for sequence, each in series.items():
            if sequence != SEQUENCES[FLAIR]:
                _check_frame_of_reference(where, [*flair.headers, *each.headers], "FLAIR and another sequence")
                _, other_grid, other = _read_series(where, each, opener)
                channels[sequence], note = _onto(f"{where}: {each}", other, other_grid, grid)
                notes += [f"{sequence} {note}"] if note else []
    missing = tuple(sequence for sequence in SEQUENCES if sequence not in channels)
    files = tuple(dict.fromkeys(frame.file for frame in stack.frames))
    others = (header.file for name in series if name != SEQUENCES[FLAIR] for header in series[name].headers)
    return Scan(
        case_id=case.case_id,
        image=_join(channels, grid),
        grid=grid,
        source=Source(
            kind="dicom",
            paths=tuple(dict.fromkeys(file.path for file in (*files, *others))),
            detail=DicomDetail(files=files, stack=stack),
        ),
        missing=missing,
        notes=(*case.notes, *notes, *grid_notes(grid), *sequence_notes(missing)),
    )


def _join(channels: Mapping[str, NDArray[Any]], grid: Grid) -> NDArray[Any]:
    """The channels in the order of `SEQUENCES`, in the network's orientation; FLAIR stands for missing ones."""
    flair = channels[SEQUENCES[FLAIR]]
    dtype = np.result_type(*channels.values())
    dtype = np.dtype(np.float32) if dtype.kind == "f" or dtype.itemsize == 8 else dtype
    return grid.to_network(
        np.stack([channels.get(sequence, flair).astype(dtype, copy=False) for sequence in SEQUENCES], axis=-1)
    )


def _read_headers(where: str, case: CaseSource, opener: Opener) -> list[Header]:
    headers, damaged = [], []
    for file in case.detail.files:
        try:
            headers.append(parse_header(file, opener))
        except DamagedFileError as error:
            damaged.append(f"{file}: {error}")
    if damaged:
        raise UserError(
            f"{where}: {len(damaged)} of {len(case.detail.files)} DICOM files cannot be read, the first: "
            f"{printable(damaged[0])}. Copy the study again."
        )
    if (count := len({header.patient for header in headers})) > 1:
        raise UserError(f"{where}: {count} different PatientIDs in one study. Expected: one. Separate the patients.")
    return headers


def _choose(where: str, headers: list[Header], chosen: Mapping[str, str]) -> tuple[dict[str, Series], list[str]]:
    series = group_series(headers)
    usable = [each for each in series if not each.problem]
    if not usable:
        listed = "\n".join(f"  {each}: {each.problem}" for each in series)
        raise UserError(f"{where}: no MR series that can be used. Found:\n{listed}")
    try:
        return choose_series(series, chosen)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _read_series(where: str, series: Series, opener: Opener) -> tuple[Stack, Grid, NDArray[Any]]:
    """Read the slices of a series; stored as (S, H, W), in ascending position along the normal."""
    where = f"{where}: {series}"
    sizes = {(header.rows, header.columns) for header in series.headers}
    if len(sizes) > 1:
        listed = ", ".join(f"{rows} x {columns}" for rows, columns in sorted(sizes)[:5])
        raise UserError(f"{where}: slices of {len(sizes)} sizes: {listed}. Expected: one size.")
    _check_frame_of_reference(where, series.headers, "the series")
    rows, columns = sizes.pop()
    shape = series.slice_count, rows, columns
    check_shape(where, shape)
    try:
        stack = stack_frames([frame for header in series.headers for frame in header.frames])
        grid = Grid(shape=shape, affine=stack.affine)
        check_grid(where, grid)
        image = read_frames(stack.frames, rows, columns, opener)
    except DamagedFileError as error:
        raise UserError(f"{where}: {printable(str(error))}.") from None
    check_grey_levels(where, image)
    return stack, grid, image


def _check_frame_of_reference(where: str, headers: Sequence[Header], what: str) -> None:
    if (count := len({header.frame_of_reference for header in headers})) > 1:
        raise UserError(
            f"{where}: {what} have {count} different FrameOfReferenceUIDs, so that their positions cannot be compared. "
            "Expected: one. Register the sequences first, or name FLAIR alone: --flair and its series number."
        )


def _onto(where: str, array: NDArray[Any], grid: Grid, target: Grid) -> tuple[NDArray[Any], str]:
    """Bring a sequence onto the grid of FLAIR; returns a message if it had to be resampled."""
    if same_grid(grid, target):
        return array, ""
    resampled, coverage = resample_onto(where, array, grid, target)
    note = "was resampled onto the grid of FLAIR"
    return resampled, f"{note}, of which it covers {coverage:.0%}." if coverage < FULL_COVERAGE else f"{note}."
