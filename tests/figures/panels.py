"""Helpers that make slices to draw, and find panels and colours in a figure."""

from pathlib import Path

import cv2
import matplotlib.colors
import numpy as np

from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import DPI, LINE_HEIGHT, MARGIN, PANEL_GAP, PANEL_SIZE
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray

PANEL_PIXELS = round(PANEL_SIZE * DPI)


def read_png(path: Path) -> ByteArray:
    """Read a figure, shape (H, W, 3), uint8, RGB."""
    return np.asarray(cv2.imread(str(path))[..., ::-1], dtype=np.uint8)


def panel_of(figure: ByteArray, column: int, *, top: float = MARGIN + LINE_HEIGHT + LINE_HEIGHT) -> ByteArray:
    """Cut out the panel in a column of the first row, shape (PANEL_PIXELS, PANEL_PIXELS, 3); `top` in inches."""
    left, first_row = round((MARGIN + column * (PANEL_SIZE + PANEL_GAP)) * DPI), round(top * DPI)
    return figure[first_row : first_row + PANEL_PIXELS, left : left + PANEL_PIXELS]


def of_colour(figure: ByteArray, colour: str) -> BoolArray:
    """Mark the pixels of a colour, with a tolerance for smoothed edges."""
    wanted = np.array(matplotlib.colors.to_rgb(colour)) * 255
    return np.asarray(np.abs(figure - wanted).max(axis=-1) < 40)


def square_mask(size: int = 128) -> BoolArray:
    """Make a mask with one rectangle of tumour."""
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[32:64, 48:96] = True
    return mask


def grey_image(size: int = 128) -> ByteArray:
    """Make grey noise that never comes near a colour of the outlines, shape (size, size, 3)."""
    return np.repeat(np.random.default_rng(2).integers(20, 90, (size, size, 1), dtype=np.uint8), 3, axis=-1)


def slice_prediction(**changes: object) -> SlicePrediction:
    """Make a slice whose predicted mask lies 8 pixels to the right of the true one."""
    fields: dict[str, object] = {
        "patient_id": "TCGA_CS_0001_20000101",
        "slice_number": 7,
        "flair": grey_image()[..., FLAIR],
        "mask_true": square_mask(),
        "probability": np.roll(square_mask(), 8, axis=1).astype(np.float32) * 0.75,
        "mask_pred": np.roll(square_mask(), 8, axis=1),
        "threshold": 0.5,
    }
    return SlicePrediction(**{**fields, **changes})  # type: ignore[arg-type]
