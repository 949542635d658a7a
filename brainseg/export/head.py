"""Finding head and brain in a graph, by the rules of `brainseg.imaging.head`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainseg.export.quantiles import NOWHERE, quantiles
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


def plane_of(ops: Any, image: Any, position: Any, channel: Any) -> Any:
    """One sequence of one slice of a volume, shape (H, W), float32."""
    return ops.cast(ops.take(ops.take(image, position, axis=0), channel, axis=-1), "float32")


def find_head(ops: Any, image: Any) -> Head:
    """Find the head in a volume, shape (S, H, W, 3), see `brainseg.imaging.head.find_head`."""
    slices, height, width = (ops.shape(image)[axis] for axis in range(3))
    shrinks = ops.minimum(height, width) >= GRID
    rows, columns = _averages(ops, height, shrinks), _averages(ops, width, shrinks)
    positions, cells = ops.arange(slices, dtype="int32"), slices * GRID**2

    def overview(channel: Any) -> Any:
        """A sequence on the small grid, shape (S, GRID, GRID)."""
        return ops.map(
            lambda position: resample(ops, plane_of(ops, image, position, channel), rows, columns), positions
        )

    def find_air(channel: Any) -> Any:
        return quantiles(ops, ops.reshape(overview(channel), (-1,)), (AIR_QUANTILE,), cells)[0]

    air = ops.map(find_air, ops.arange(len(SEQUENCES), dtype="int32"))
    flair, air_of_flair = overview(FLAIR), ops.take(air, FLAIR, axis=0)
    # Negated, because what is above the quantile need not be sorted.
    bright = -quantiles(ops, ops.reshape(-flair, (-1,)), (1 - BRIGHT_QUANTILE,), cells)[0]
    threshold = air_of_flair + HEAD_FRACTION_OF_RANGE * (bright - air_of_flair)

    def count_head(position: Any) -> Any:
        """How many cells of each row, and of each column, are head in a slice, shape (2, GRID)."""
        head = _solid(ops, ops.cast(ops.expand_dims(ops.take(flair, position, axis=0), 0) >= threshold, "float32"))
        return ops.concatenate([ops.sum(head, axis=2), ops.sum(head, axis=1)], axis=0)

    profiles = ops.sum(ops.map(count_head, positions), axis=0)
    height, width = ops.cast(height, "float32"), ops.cast(width, "float32")
    found = ops.max(profiles) > 0.0
    first, last = _extent(ops, ops.take(profiles, 0, axis=0))
    top, bottom = ops.where(found, first * height / GRID, 0.0), ops.where(found, last * height / GRID, height)
    first, last = _extent(ops, ops.take(profiles, 1, axis=0))
    left, right = ops.where(found, first * width / GRID, 0.0), ops.where(found, last * width / GRID, width)
    longer = ops.maximum(height, width)
    side = ops.where(found, (1 + MARGIN) * ops.maximum(bottom - top, right - left), longer)
    side = ops.maximum(side, SMALLEST_BOX * longer)
    axis = ops.round(left + right) - 1.0
    return Head(
        box=Box(top=(top + bottom - side) / 2, left=(axis + 1.0 - side) / 2, height=side, width=side),
        mirror_axis=axis,
        air=air,
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


def brain_levels(ops: Any, image: Any, head: Head) -> Callable[[Any], Any]:
    """Find the brain on the grid of the head's box, see `brainseg.imaging.head.brain_values`.

    Returns:
        A function from the number of a sequence to its grey levels, shape (S, GRID, GRID), float32, which are `NOWHERE`
        outside the brain.
    """
    slices, height, width = (ops.shape(image)[axis] for axis in range(3))
    positions = ops.arange(slices, dtype="int32")
    rows = interpolate(ops, box_positions(ops, head.box.top, head.box.height, GRID), height)
    columns = interpolate(ops, box_positions(ops, head.box.left, head.box.width, GRID), width)
    outside = weight_outside(ops, rows, columns)

    def levels_of(position: Any, channel: Any) -> Any:
        """A sequence of a slice, shape (GRID, GRID)."""
        levels = resample(ops, plane_of(ops, image, position, channel), rows, columns)
        return levels + outside * ops.take(head.air, channel, axis=0)

    def classify(position: Any) -> Any:
        """2 in the brain, 1 elsewhere in the head, 0 outside, shape (GRID, GRID), uint8."""
        bright = ops.cast(ops.expand_dims(levels_of(position, FLAIR), 0) >= head.threshold, "float32")
        return ops.cast(ops.take(bright + bright * _deep_inside(ops, bright), 0, axis=0), "uint8")

    kinds = ops.map(classify, positions)

    def kind_of(position: Any) -> Any:
        return ops.cast(ops.take(kinds, position, axis=0), "float32")

    brain = ops.maximum(ops.max(ops.map(lambda position: ops.max(kind_of(position)), positions)), 1.0)

    def brain_of(position: Any, channel: Any) -> Any:
        return ops.where(kind_of(position) >= brain, levels_of(position, channel), NOWHERE)

    return lambda channel: ops.map(lambda position: brain_of(position, channel), positions)


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
