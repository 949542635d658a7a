"""Finding head and brain in a graph, by the rules of `brainseg.imaging.head`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from brainseg.export.quantiles import quantiles
from brainseg.export.sampling import box_positions, count_up, interpolate, resample, weight_outside
from brainseg.imaging.crop import Box
from brainseg.imaging.head import (
    AIR_QUANTILE,
    BRIGHT_QUANTILE,
    CLOSING,
    GRID,
    HEAD_FRACTION_OF_RANGE,
    MARGIN,
    OPENING,
    PROFILE_FRACTION,
    SCALP_FRACTION_OF_BOX,
    SMALLEST_BOX,
)
from brainseg.imaging.volume import FLAIR, SEQUENCES


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where the head is, with the attributes of `brainseg.imaging.head.Head`, which are values of the graph here."""

    box: Any
    mirror_axis: Any
    air: Any
    threshold: Any


def planes_of(ops: Any, image: Any, position: Any) -> Any:
    """The sequences of one slice of a volume, shape (3, H, W), float32."""
    return ops.cast(ops.transpose(ops.take(image, position, axis=0), (2, 0, 1)), "float32")


def find_head(ops: Any, image: Any) -> Head:
    """Find the head in a volume, shape (S, H, W, 3), see `brainseg.imaging.head.find_head`."""
    slices, height, width = (ops.shape(image)[axis] for axis in range(3))
    shrinks = ops.minimum(height, width) >= GRID
    rows, columns = _averages(ops, height, shrinks), _averages(ops, width, shrinks)
    overview = ops.map(
        lambda position: resample(ops, planes_of(ops, image, position), rows, columns),
        ops.arange(slices, dtype="int32"),
    )
    # One sequence at a time, and negated for the upper quantile, so that little is sorted at once.
    levels = [ops.reshape(ops.take(overview, channel, axis=1), (-1,)) for channel in range(len(SEQUENCES))]
    count = ops.shape(levels[FLAIR])[0]
    air = [quantiles(ops, channel, (AIR_QUANTILE,), count)[0] for channel in levels]
    bright = -quantiles(ops, -levels[FLAIR], (1 - BRIGHT_QUANTILE,), count)[0]
    threshold = air[FLAIR] + HEAD_FRACTION_OF_RANGE * (bright - air[FLAIR])
    head = _solid(ops, ops.cast(ops.take(overview, FLAIR, axis=1) >= threshold, "float32"))
    height, width = ops.cast(height, "float32"), ops.cast(width, "float32")
    found = ops.max(head) > 0.0
    first, last = _extent(ops, ops.sum(head, axis=(0, 2)))
    top, bottom = ops.where(found, first * height / GRID, 0.0), ops.where(found, last * height / GRID, height)
    first, last = _extent(ops, ops.sum(head, axis=(0, 1)))
    left, right = ops.where(found, first * width / GRID, 0.0), ops.where(found, last * width / GRID, width)
    longer = ops.maximum(height, width)
    side = ops.where(found, (1 + MARGIN) * ops.maximum(bottom - top, right - left), longer)
    side = ops.maximum(side, SMALLEST_BOX * longer)
    axis = ops.round(left + right) - 1.0
    return Head(
        box=Box(top=(top + bottom - side) / 2, left=(axis + 1.0 - side) / 2, height=side, width=side),
        mirror_axis=axis,
        air=ops.stack(air),
        threshold=threshold,
    )


def _averages(ops: Any, pixels: Any, shrinks: Any) -> Any:
    """The matrix of OpenCV's INTER_AREA along an axis, shape (GRID, pixels), float32.

    OpenCV averages if both axes get shorter. Otherwise it interpolates between two pixels, along both.
    """
    pixel = ops.expand_dims(count_up(ops, pixels), 0)
    pixels = ops.cast(pixels, "float32")
    length = pixels / GRID
    cell = count_up(ops, GRID)
    start, end = ops.expand_dims(cell * length, 1), ops.expand_dims((cell + 1.0) * length, 1)
    covered = ops.maximum(ops.minimum(pixel + 1.0, end) - ops.maximum(pixel, start), 0.0)
    first = ops.minimum(ops.floor(cell * length), pixels - 1.0)
    share = ops.maximum(cell + 1.0 - (first + 1.0) / length, 0.0)
    position = ops.minimum(first + share - ops.floor(share), pixels - 1.0)
    between = ops.maximum(1.0 - ops.abs(ops.expand_dims(position, 1) - pixel), 0.0)
    return ops.where(shrinks, covered / length, between)


def brain_levels(ops: Any, image: Any, head: Head) -> tuple[list[Any], Any]:
    """Grey levels on the grid of the head's box, and which are brain, see `brainseg.imaging.head.brain_values`.

    Returns:
        For each sequence, shape (S, GRID, GRID), float32; and the brain, same shape, float32, 0 or 1.
    """
    slices, height, width = (ops.shape(image)[axis] for axis in range(3))
    rows = interpolate(ops, box_positions(ops, head.box.top, head.box.height, GRID), height)
    columns = interpolate(ops, box_positions(ops, head.box.left, head.box.width, GRID), width)
    outside = weight_outside(ops, rows, columns) * ops.expand_dims(head.air, (1, 2))

    def classify(position: Any) -> Any:
        """The grey levels of a slice, and as a fourth channel 2 in the brain, 1 elsewhere in the head, 0 outside."""
        levels = resample(ops, planes_of(ops, image, position), rows, columns) + outside
        bright = ops.cast(ops.take(levels, [FLAIR], axis=0) >= head.threshold, "float32")
        return ops.concatenate([levels, bright + bright * _deep_inside(ops, bright)], axis=0)

    cells = ops.map(classify, ops.arange(slices, dtype="int32"))
    *levels, kind = (ops.take(cells, channel, axis=1) for channel in range(len(SEQUENCES) + 1))
    return levels, ops.cast(kind >= ops.maximum(ops.max(kind), 1.0), "float32")


def _deep_inside(ops: Any, head: Any) -> Any:
    """Cells inside the head and well below the scalp, shape (S, GRID, GRID), 0 or 1."""
    depth = round(SCALP_FRACTION_OF_BOX * GRID)
    before = np.triu(np.ones((GRID, GRID), np.float32))  # a product with it counts the head's cells up to each cell
    counts = ops.matmul(head, before), ops.matmul(head, before.T), ops.matmul(before, head), ops.matmul(before.T, head)
    fewest = ops.minimum(ops.minimum(counts[0], counts[1]), ops.minimum(counts[2], counts[3]))
    outside = 1.0 - ops.minimum(fewest, 1.0)
    outside = ops.pad(outside, ((0, 0), (depth, depth), (depth, depth)), constant_values=1.0)
    return 1.0 - _largest(ops, outside, 2 * depth + 1, "valid")


def _solid(ops: Any, head: Any) -> Any:
    """A closing, then an opening, shape (S, GRID, GRID), 0 or 1. Cells beyond the edge do not count."""
    closed = 1.0 - _largest(ops, 1.0 - _largest(ops, head, CLOSING), CLOSING)
    return _largest(ops, 1.0 - _largest(ops, 1.0 - closed, OPENING), OPENING)


def _largest(ops: Any, planes: Any, size: int, padding: str = "same") -> Any:
    """The largest value in a square around each cell, row by row and then column by column; shape (S, H, W)."""
    rows = ops.max_pool(ops.expand_dims(planes, -1), (size, 1), strides=1, padding=padding)
    return ops.take(ops.max_pool(rows, (1, size), strides=1, padding=padding), 0, axis=-1)


def _extent(ops: Any, profile: Any) -> tuple[Any, Any]:
    """First and last edge of a profile, shape (GRID,), in cells."""
    level = PROFILE_FRACTION * ops.max(profile)
    return _first_crossing(ops, profile, level), GRID - _first_crossing(ops, ops.flip(profile, 0), level)


def _first_crossing(ops: Any, profile: Any, level: Any) -> Any:
    index = ops.argmax(ops.cast(profile >= level, "int32"))
    value, before = ops.take(profile, index, axis=0), ops.take(ops.pad(profile, ((1, 0),)), index, axis=0)
    fraction = (level - before) / ops.maximum(value - before, 1.0)
    return ops.maximum(ops.cast(index, "float32") - 0.5 + fraction, 0.0)
