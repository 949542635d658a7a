"""Shrink slices to the size of a panel, so that a figure of large slices takes little memory."""

from typing import TypeVar

import cv2
import numpy as np

from brainseg.figures.sheet import PANEL_PIXELS
from brainseg.imaging.volume import BoolArray, ByteArray, FloatArray

Image = TypeVar("Image", ByteArray, FloatArray)


def shrink_image(image: Image) -> Image:
    """Shrink an image that is larger than a panel, by averaging.

    Args:
        image: shape (H, W) or (H, W, C), uint8 or float32.

    Returns:
        The same image, at most PANEL_PIXELS high and wide; a copy, so that it does not keep a volume in memory.
    """
    rows, columns = _panel_shape(image.shape)
    if (rows, columns) == image.shape[:2]:
        return image.copy()
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)


def shrink_mask(mask: BoolArray) -> BoolArray:
    """Shrink a mask that is larger than a panel. A pixel is True if any that it covers is: no lesion vanishes.

    Args:
        mask: shape (H, W), bool.

    Returns:
        The shape that `shrink_image` gives an image of this size, bool; a copy.
    """
    shape = _panel_shape(mask.shape)
    if shape == mask.shape:
        return mask.copy()
    starts = [np.arange(size) * full // size for size, full in zip(shape, mask.shape, strict=True)]
    by_row = np.logical_or.reduceat(mask, starts[0], axis=0)
    return np.asarray(np.logical_or.reduceat(by_row, starts[1], axis=1))


def _panel_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an image of this shape if it is shrunk into a panel; unchanged if it fits."""
    scale = min(1, PANEL_PIXELS / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
