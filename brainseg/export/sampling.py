"""Linear interpolation as two matrices per volume, from the left and from the right, in a graph.

The weight of a pixel falls linearly with its distance from the place that is sampled, and is 0 one pixel away. Pixels
outside the slice need no rule of their own, because they are not in the matrix. `brainseg.imaging.crop` does the same
by index.
"""

from typing import Any


def box_positions(ops: Any, start: Any, length: Any, size: int) -> Any:
    """Where a box is sampled along an axis, in pixels from the centre of the first one; shape (size,), float32."""
    return (ops.arange(size, dtype="float32") + 0.5) * length / size + (start - 0.5)


def interpolate(ops: Any, positions: Any, pixels: Any) -> Any:
    """The matrix that samples an axis of `pixels` pixels at positions, shape (N, pixels), float32."""
    distance = ops.expand_dims(positions, 1) - ops.expand_dims(count_up(ops, pixels), 0)
    return ops.maximum(1.0 - ops.abs(distance), 0.0)


def interpolate_back(ops: Any, start: Any, length: Any, pixels: Any, size: int) -> Any:
    """The matrix that samples a box's grid at the pixels of the slice, see `brainseg.imaging.crop.sample_slice`.

    Returns:
        Shape (pixels, size), float32; rows of pixels outside the box are 0.
    """
    positions = (count_up(ops, pixels) + 0.5 - start) * size / length - 0.5
    inside = ops.cast(ops.abs(positions - (size - 1) / 2) <= size / 2, "float32")
    return interpolate(ops, ops.clip(positions, 0.0, size - 1.0), size) * ops.expand_dims(inside, 1)


def resample(ops: Any, planes: Any, rows: Any, columns: Any) -> Any:
    """Resample planes, shape (..., H, W) -> (..., N, M), float32; what lies outside counts as 0."""
    return ops.matmul(ops.matmul(rows, planes), ops.transpose(columns, (1, 0)))


def weight_outside(ops: Any, rows: Any, columns: Any) -> Any:
    """The weight of what lies outside the slice, shape (N, M), float32."""
    return 1.0 - ops.expand_dims(ops.sum(rows, axis=1), 1) * ops.expand_dims(ops.sum(columns, axis=1), 0)


def count_up(ops: Any, stop: Any) -> Any:
    """Numbers from 0, shape (stop,), float32."""
    return ops.cast(ops.arange(stop, dtype="int32"), "float32")
