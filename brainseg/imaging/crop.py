"""Cutting a square box out of every slice, scaling it to the network's input, and undoing both.

Both directions are linear maps along the rows and along the columns, with half-pixel centres. Each is a small matrix
per volume, so that a slice is resampled as `rows @ slice @ columns.T`. At most two weights in a row of a matrix are not
0, so here pixels are gathered rather than multiplied by the whole matrix.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import FloatArray


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle on a slice's grid, which may reach beyond the slice; pixel i covers i to i + 1.

    Attributes:
        top: first edge along the rows, pixels.
        left: first edge along the columns, pixels.
        height: pixels, above 0.
        width: pixels, above 0.
    """

    top: float
    left: float
    height: float
    width: float


def whole_slice(height: int, width: int) -> Box:
    """The box that holds exactly a slice of this size."""
    return Box(top=0, left=0, height=height, width=width)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Linear interpolation along one axis: each result is a weighted sum of two pixels.

    Attributes:
        index: shape (2, N), int64, the two pixels.
        weight: shape (2, N), float32; 0 for a pixel outside the axis.
        pixels: length of the axis that is sampled.
    """

    index: NDArray[np.int64]
    weight: FloatArray
    pixels: int

    def matrix(self) -> FloatArray:
        """The same as a matrix, shape (N, pixels), float32, for an exported model."""
        matrix = np.zeros((self.index.shape[1], self.pixels), np.float32)
        for index, weight in zip(self.index, self.weight, strict=True):
            np.add.at(matrix, (np.arange(len(index)), index), weight)
        return matrix


def sample_box(box: Box, shape: tuple[int, ...], size: int) -> tuple[Sampling, Sampling]:
    """Sample a box of a slice on a square grid.

    Args:
        box: on the slice's grid.
        shape: height and width of the slice, pixels.
        size: height and width of the result, pixels.

    Returns:
        Along the rows and along the columns, for `resample`. What lies outside the slice has no weight.
    """
    height, width = shape
    rows = _sampling(box.top + (np.arange(size) + 0.5) * box.height / size - 0.5, height)
    return rows, _sampling(box.left + (np.arange(size) + 0.5) * box.width / size - 0.5, width)


def sample_slice(box: Box, shape: tuple[int, ...], size: int) -> tuple[Sampling, Sampling]:
    """Undo `sample_box`: sample the square grid at the pixels of the slice.

    Args:
        box: on the slice's grid.
        shape: height and width of the slice, pixels.
        size: height and width of the square grid, pixels.

    Returns:
        Along the rows and along the columns, for `resample`. Pixels whose centre is outside the box become 0; within
        half a grid cell of the box's edge the outermost cell is repeated.
    """
    height, width = shape
    rows = _inverse_sampling(box.top, box.height, height, size)
    return rows, _inverse_sampling(box.left, box.width, width, size)


def resample(images: NDArray[Any], rows: Sampling, columns: Sampling, outside: FloatArray | float = 0) -> FloatArray:
    """Resample a stack of images.

    Args:
        images: shape (N, H, W) or (N, H, W, C), any real dtype.
        rows: along the rows, from H to H' pixels.
        columns: along the columns, from W to W' pixels.
        outside: what lies outside the images, a number or one per channel.

    Returns:
        Shape (N, H', W') or (N, H', W', C), float32.
    """
    channels = (1,) * (images.ndim - 3)
    low, high = (weight.reshape(-1, 1, *channels) for weight in rows.weight)
    sampled = images.take(rows.index[0], axis=1) * low
    sampled += images.take(rows.index[1], axis=1) * high
    low, high = (weight.reshape(-1, *channels) for weight in columns.weight)
    result = sampled.take(columns.index[0], axis=2) * low
    result += sampled.take(columns.index[1], axis=2) * high
    covered = rows.weight.sum(axis=0)[:, None] * columns.weight.sum(axis=0)
    result += (1 - covered).reshape(*covered.shape, *channels) * outside
    return np.asarray(result, np.float32)


def _inverse_sampling(start: float, length: float, pixels: int, size: int) -> Sampling:
    source = (np.arange(pixels) + 0.5 - start) * size / length - 0.5
    inside = (source >= -0.5) & (source <= size - 0.5)
    sampling = _sampling(np.clip(source, 0, size - 1), size)
    return replace(sampling, weight=sampling.weight * inside.astype(np.float32))


def _sampling(source: NDArray[np.float64], pixels: int) -> Sampling:
    """Sample at coordinates in pixels, counted from the centre of the first one; shape (N,)."""
    low = np.floor(source).astype(np.int64)
    index = np.stack([low, low + 1])
    weight = np.stack([low + 1 - source, source - low])
    outside = (index < 0) | (index >= pixels)
    return Sampling(
        index=index.clip(0, pixels - 1), weight=np.where(outside, 0, weight).astype(np.float32), pixels=pixels
    )
