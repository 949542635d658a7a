"""Finding the head, its square box, its midline and the brain, in volumes of any numeric type.

Nothing here depends on the brightest voxel, on the grey level of air, or on the size of a pixel. All rules are array
operations on small grids of a fixed size, so that they can be part of an exported model.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.crop import Box, resample, sample_box
from brainseg.imaging.volume import FLAIR, BoolArray, FloatArray

GRID = 128  # cells along each side of the small grids on which head and brain are found
AIR_QUANTILE, BRIGHT_QUANTILE = 0.1, 0.99
HEAD_FRACTION_OF_RANGE = 0.15  # from air to bright tissue
PROFILE_FRACTION = 0.15  # of the largest row or column; ears, cables and noise are below
CLOSING = 5  # cells; a skull that is not wider is filled, so that scalp and brain are one
OPENING = 9  # cells; what is thinner after that, such as the table or an ear, is not part of the head
MARGIN = 0.1  # of the head's extent, both sides together
SMALLEST_BOX = 0.25  # of the slice's longer side
SCALP_FRACTION_OF_BOX = 0.09  # scalp, skull and the outermost cortex
STRIPPED_FRACTION_OF_BOX = 0.06  # scalp and skull


def overview(image: NDArray[Any]) -> FloatArray:
    """Average a volume, shape (S, H, W, 3), onto `GRID` x `GRID` cells: shape (S, GRID, GRID, 3), float32."""
    slices = (cv2.resize(plane, (GRID, GRID), interpolation=cv2.INTER_AREA) for plane in image.astype(np.float32))
    return np.stack(list(slices))


def head_threshold(small: FloatArray) -> tuple[FloatArray, np.float32]:
    """Find the grey levels that tell head from air, in the `overview` of a volume.

    Args:
        small: shape (S, GRID, GRID, 3), float32.

    Returns:
        The grey level of air in each channel, shape (3,), float32, and that of FLAIR from which on a pixel is head.
    """
    air, bright = np.quantile(small.reshape(-1, 3), (AIR_QUANTILE, BRIGHT_QUANTILE), axis=0).astype(np.float32)
    return air, np.float32(air[FLAIR] + HEAD_FRACTION_OF_RANGE * (bright[FLAIR] - air[FLAIR]))


def head_mask(image: NDArray[Any]) -> BoolArray:
    """Find the head: pixels whose FLAIR is at least 15 % of the way from air to bright tissue.

    FLAIR alone decides, because it is the sequence that every patient has.

    Args:
        image: the whole volume, shape (S, H, W, 3), any real dtype.

    Returns:
        Shape (S, H, W), bool, True = head; all True for a volume without contrast.
    """
    return np.asarray(image[..., FLAIR] >= head_threshold(overview(image))[1])


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where the head is in a volume.

    Attributes:
        box: square box around the head with a margin, on the grid of the slices.
        mirror_axis: twice the column of the midline, which is the first plus the last column of the head, pixels; the
            box is centred on it.
        air: grey level of the background in each channel, shape (3,), float32.
        threshold: a pixel is head if its FLAIR is at least this grey level.
    """

    box: Box
    mirror_axis: int
    air: FloatArray
    threshold: np.float32


def find_head(image: NDArray[Any]) -> Head:
    """Find the head in a volume from its extent along rows and columns.

    A row or column belongs to the head if its number of head pixels in all slices is at least `PROFILE_FRACTION` of
    that of the fullest one. Ears, a table, noise in the air and single bright voxels stay below that.

    Args:
        image: the whole volume, shape (S, H, W, 3), any real dtype.

    Returns:
        Its box, midline and grey levels. Without a head, the box is the smallest square that holds the slice.
    """
    _, height, width, _ = image.shape
    small = overview(image)
    air, threshold = head_threshold(small)
    head = _solid(small[..., FLAIR] >= threshold)
    if head.any():
        top, bottom = (edge * height / GRID for edge in _extent(head.sum(axis=(0, 2))))
        left, right = (edge * width / GRID for edge in _extent(head.sum(axis=(0, 1))))
        side = (1 + MARGIN) * max(bottom - top, right - left)
    else:
        top, bottom, left, right = 0, height, 0, width
        side = max(height, width)
    side = max(side, SMALLEST_BOX * max(height, width))
    axis = round(left + right) - 1
    return Head(
        box=Box(top=(top + bottom - side) / 2, left=(axis + 1 - side) / 2, height=side, width=side),
        mirror_axis=axis,
        air=air,
        threshold=threshold,
    )


def brain_values(image: NDArray[Any], head: Head) -> FloatArray:
    """Grey levels of the brain: head pixels well below the scalp, on the `GRID` x `GRID` grid of the head's box.

    The scalp's fat is bright in some scans and dark in others, and says nothing about the brain. A pixel is inside the
    head if there are head pixels above, below, left and right of it in its slice, so dark ventricles are inside. It is
    below the scalp if all pixels within `SCALP_FRACTION_OF_BOX` of it, in rows, columns and diagonals, are inside too.

    Args:
        image: the whole volume, shape (S, H, W, 3), any real dtype.
        head: from `find_head`.

    Returns:
        Shape (N, 3), float32; of the whole head if no pixel lies that deep. N may be 0.
    """
    boxed, bright = _boxed(image, head)
    brain = deep_inside(bright, round(SCALP_FRACTION_OF_BOX * GRID)) & bright
    return boxed[brain if brain.any() else bright]


def skull_stripped(image: NDArray[Any], head: Head, fraction: float = STRIPPED_FRACTION_OF_BOX) -> BoolArray:
    """A crude skull stripping: pixels inside the head, some way below its surface.

    Args:
        image: the whole volume, shape (S, H, W, 3), any real dtype.
        head: from `find_head`.
        fraction: depth of what is removed, relative to the box.

    Returns:
        Shape (S, H, W), bool, True = kept: the brain with its ventricles, and what lies deep in the face.
    """
    _, height, width, _ = image.shape
    _, bright = _boxed(image, head)
    kept = deep_inside(bright, round(fraction * GRID))
    rows, columns = _cells(head.box.top, head.box.height, height), _cells(head.box.left, head.box.width, width)
    inside = ((rows >= 0) & (rows < GRID))[:, None] & ((columns >= 0) & (columns < GRID))
    return np.asarray(kept[:, rows.clip(0, GRID - 1)][:, :, columns.clip(0, GRID - 1)] & inside)


def _boxed(image: NDArray[Any], head: Head) -> tuple[FloatArray, BoolArray]:
    """The head's box on the small grid, shape (S, GRID, GRID, 3), float32, and which of its pixels are head, bool."""
    boxed = resample(image, *sample_box(head.box, image.shape[1:3], GRID), outside=head.air)
    return boxed, boxed[..., FLAIR] >= head.threshold


def deep_inside(head: BoolArray, depth: int) -> BoolArray:
    """Pixels inside the head whose whole neighbourhood of `depth` pixels is inside too; shape (S, H, W), bool."""
    inside = np.ones_like(head)
    for axis in (1, 2):
        for direction in (slice(None), slice(None, None, -1)):
            ordered = (slice(None),) * axis + (direction,)
            inside &= np.logical_or.accumulate(head[ordered], axis=axis)[ordered]
    square = np.ones((2 * depth + 1, 2 * depth + 1), np.uint8)
    return np.stack([cv2.erode(plane, square, borderValue=0) for plane in inside.astype(np.uint8)]) > 0


def _solid(head: BoolArray) -> BoolArray:
    """Join scalp and brain by a morphological closing, then remove thin structures by an opening; shape (S, H, W)."""
    closing, opening = (np.ones((size, size), np.uint8) for size in (CLOSING, OPENING))
    planes = (cv2.morphologyEx(plane, cv2.MORPH_CLOSE, closing) for plane in head.astype(np.uint8))
    return np.stack([cv2.morphologyEx(plane, cv2.MORPH_OPEN, opening) for plane in planes]) > 0


def _cells(start: float, length: float, pixels: int) -> NDArray[np.int64]:
    """The cell of the box's grid in which each pixel of a row or column has its centre, shape (pixels,)."""
    cells: NDArray[np.int64] = np.floor((np.arange(pixels) + 0.5 - start) * GRID / length).astype(np.int64)
    return cells


def _extent(profile: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """First and last edge where a profile crosses `PROFILE_FRACTION` of its maximum, in cells, between cell centres."""
    level = PROFILE_FRACTION * profile.max()
    first = _first_crossing(profile, level)
    return first, len(profile) - _first_crossing(profile[::-1], level)


def _first_crossing(profile: NDArray[np.integer[Any]], level: float) -> float:
    index = int(np.argmax(profile >= level))
    before, value = (int(profile[index - 1]) if index else 0), int(profile[index])
    return max(0.0, index - 0.5 + (level - before) / (value - before))
