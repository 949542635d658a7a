"""Masks drawn as text, for the tests of the metrics."""

import numpy as np

from brainseg.imaging.volume import BoolArray


def draw_mask(text: str) -> BoolArray:
    """Draw a slice with # for tumour, one word per row; shape (H, W), bool."""
    return np.array([[pixel == "#" for pixel in row] for row in text.split()])


def draw_volume(*slices: str) -> BoolArray:
    """Draw a volume, one text per slice; shape (S, H, W), bool."""
    return np.array([draw_mask(text) for text in slices])
