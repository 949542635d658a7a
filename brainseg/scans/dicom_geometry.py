"""Where DICOM slices lie: their order along the normal, and one affine for all of them.

DICOM counts millimetres towards left, posterior and superior (LPS), this project towards right, anterior and superior.
Source: DICOM PS3.3 C.7.6.2.1.1.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.reading import DamagedFileError
from brainseg.scans.dicom_header import Frame
from brainseg.scans.grid import Affine

MAX_TILT_DEGREES = 0.5  # between two slices, between the edges of a slice and 90 degrees, and of the stack
SPACING_TOLERANCE = 0.02  # of the distance of neighbouring slices
ROUNDING_MM = 0.02  # positions are written with two decimals by some scanners
SAME_POSITION_MM = 0.01
MAX_LISTED = 5  # positions in a message
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Slices in order, and how they lie.

    Attributes:
        frames: in ascending order of their position along the normal.
        position: of the first frame, mm in LPS, shape (3,).
        row: unit vector along a row of pixels, shape (3,).
        column: unit vector along a column of pixels, shape (3,).
        spacing: distance of slices, rows and columns, mm.
    """

    frames: tuple[Frame, ...]
    position: NDArray[np.float64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    spacing: tuple[float, float, float]

    @property
    def affine_lps(self) -> Affine:
        """From slice, row and column to mm in LPS, shape (4, 4)."""
        affine = np.eye(4)
        directions = np.stack([np.cross(self.row, self.column), self.column, self.row], axis=1)
        affine[:3, :3] = directions * self.spacing
        affine[:3, 3] = self.position
        return affine

    @property
    def affine(self) -> Affine:
        """From slice, row and column to mm in RAS, shape (4, 4)."""
        result: Affine = LPS_TO_RAS @ self.affine_lps
        return result


def stack_frames(frames: Sequence[Frame]) -> Stack:
    """Sort slices by their position, and check that they are parallel, complete and evenly spaced.

    Args:
        frames: at least two, in any order.

    Raises:
        DamagedFileError: if they are not; the message has the numbers.
    """
    _check_complete(frames)
    spacing = np.array([frame.spacing for frame in frames])
    if np.ptp(spacing, axis=0).max() > 1e-3 * spacing.min() or spacing.min() <= 0:
        raise DamagedFileError(
            f"pixels of different sizes: {spacing.min():.4g} to {spacing.max():.4g} mm. Expected: one size"
        )
    row, column = _directions(frames)
    normal = np.cross(row, column)
    positions = np.array([frame.position for frame in frames])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    ordered = [frames[index] for index in order]
    positions, along = positions[order], along[order]
    _check_duplicates(ordered, along)
    distance = _check_distances(along)
    _check_tilt(positions, along, normal)
    return Stack(
        frames=tuple(ordered),
        position=positions[0],
        row=row,
        column=column,
        spacing=(distance, float(spacing[0, 0]), float(spacing[0, 1])),
    )


def _check_complete(frames: Sequence[Frame]) -> None:
    for keyword in ("position", "orientation", "spacing"):
        if missing := sum(getattr(frame, keyword) is None for frame in frames):
            field = {"spacing": "PixelSpacing"}.get(keyword, f"Image{keyword.title()}Patient")
            raise DamagedFileError(
                f"{missing} of {len(frames)} slices have no {field}. Expected: a position, an orientation and a pixel "
                "spacing for each, as scanners write them"
            )
    if len(frames) < 2:
        raise DamagedFileError("one slice only. Expected: at least two, to know how far apart they are")


def _directions(frames: Sequence[Frame]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The directions of rows and columns, made exactly perpendicular.

    Raises:
        DamagedFileError: if slices are not parallel, or a header has no two perpendicular unit vectors.
    """
    vectors = np.array([frame.orientation for frame in frames]).reshape(-1, 2, 3)
    lengths = np.linalg.norm(vectors, axis=2)
    if np.abs(lengths - 1).max() > 0.01:
        raise DamagedFileError("ImageOrientationPatient is not two unit vectors")
    vectors = vectors / lengths[:, :, None]
    skew = float(np.degrees(np.arcsin(min(1.0, np.abs(np.sum(vectors[:, 0] * vectors[:, 1], axis=1)).max()))))
    if skew > MAX_TILT_DEGREES:
        raise DamagedFileError(f"rows and columns are {skew:.1f} degrees from perpendicular. Expected: perpendicular")
    normals = np.cross(vectors[:, 0], vectors[:, 1])
    chords = [np.linalg.norm(each - each[0], axis=1).max() for each in (vectors[:, 0], vectors[:, 1], normals)]
    tilt = float(np.degrees(2 * np.arcsin(min(1.0, max(chords) / 2))))
    if tilt > MAX_TILT_DEGREES:
        planes = len({tuple(np.round(normal, 2) + 0.0) for normal in normals})
        raise DamagedFileError(
            f"slices are tilted against each other by up to {tilt:.1f} degrees, in {planes} orientation(s). "
            "Expected: parallel slices; a localiser has several orientations"
        )
    row: NDArray[np.float64] = vectors[0, 0]
    column = vectors[0, 1] - row * (vectors[0, 1] @ row)
    return row, column / np.linalg.norm(column)


def _check_duplicates(frames: Sequence[Frame], along: NDArray[np.float64]) -> None:
    same = np.diff(along) < SAME_POSITION_MM
    if not same.any():
        return
    differing = _differing_fields(frames)
    reason = f" They differ in: {', '.join(differing)}." if differing else ""
    raise DamagedFileError(
        f"duplicate slices: {len(along)} slices at {len(along) - int(same.sum())} positions, twice at "
        f"{_list_positions(along[1:][same])} mm.{reason} Expected: one slice at each position"
    )


def _differing_fields(frames: Sequence[Frame]) -> list[str]:
    """The fields that have several values, none of which is quoted."""
    values: dict[str, set[str]] = {}
    for frame in frames:
        for name, text in frame.variant:
            values.setdefault(name, set()).add(text)
    return [f"{name} ({len(texts)} values)" for name, texts in values.items() if len(texts) > 1]


def _check_distances(along: NDArray[np.float64]) -> float:
    """Check that neighbouring slices are equally far apart; returns their distance, mm."""
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    tolerance = max(SPACING_TOLERANCE * usual, ROUNDING_MM)
    steps = np.round(gaps / usual)
    if np.all(np.abs(gaps - steps * usual) <= tolerance * np.maximum(steps, 1)) and (steps >= 1).all():
        if missing := int((steps - 1).sum()):
            behind = _list_positions(along[:-1][steps > 1])
            raise DamagedFileError(
                f"{missing} missing slice(s): {len(along)} slices that are {usual:.4g} mm apart, with gaps behind "
                f"{behind} mm. Expected: {len(along) + missing} slices. Copy the series again as a whole"
            )
        return float((along[-1] - along[0]) / (len(along) - 1))
    common = Counter(np.round(gaps, 2)).most_common(MAX_LISTED)
    listed = ", ".join(f"{gap:.2f} mm ({count} times)" for gap, count in common)
    raise DamagedFileError(
        f"varying distances of neighbouring slices: {gaps.min():.2f} to {gaps.max():.2f} mm: {listed}. "
        "Expected: equal distances"
    )


def _check_tilt(positions: NDArray[np.float64], along: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    """Refuse slices that are shifted against each other, as after a gantry tilt."""
    aside = positions - positions[0] - np.outer(along - along[0], normal)
    shift = float(np.linalg.norm(aside, axis=1).max())
    extent = float(along[-1] - along[0])
    tilt = float(np.degrees(np.arctan2(shift, extent)))
    if tilt > MAX_TILT_DEGREES and shift > 2 * ROUNDING_MM:
        raise DamagedFileError(
            f"tilted stack: slices are shifted sideways by up to {shift:.2f} mm over {extent:.1f} mm "
            f"({tilt:.1f} degrees). Expected: slices above each other. Resample the series to a straight stack"
        )


def _list_positions(values: NDArray[np.float64]) -> str:
    listed = ", ".join(f"{value:.1f}" for value in values[:MAX_LISTED])
    return listed + (f" and {len(values) - MAX_LISTED} more" if len(values) > MAX_LISTED else "")
