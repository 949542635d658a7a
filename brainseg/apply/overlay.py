"""A picture of an outline: slices of FLAIR with the outline drawn on them."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray, FloatArray
from brainseg.scans.scan import Scan

COLUMNS, ROWS = 4, 3
TILE = 256  # height and width of a slice in the picture, pixels
OUTLINE = (255, 176, 0)  # amber, red green blue
GREY_QUANTILES = (0.01, 0.995)  # black and white


def draw_overlay(scan: Scan, mask: BoolArray) -> bytes:
    """Draw up to 12 slices as PNG.

    They are the slices with tumour and their neighbours, those with most tumour if there are more; without tumour,
    evenly spaced ones.

    Args:
        scan: the scan; its name is not in the picture.
        mask: shape (S, H, W), bool, in the network's orientation.

    Returns:
        The content of a PNG file.
    """
    numbers = _choose_slices(mask.sum(axis=(1, 2)))
    flair = scan.image[..., FLAIR].astype(np.float32)
    black, white = np.quantile(flair, GREY_QUANTILES)
    sheet = np.zeros((-(-len(numbers) // COLUMNS) * TILE, COLUMNS * TILE, 3), np.uint8)
    for place, number in enumerate(numbers.tolist()):
        top, left = place // COLUMNS * TILE, place % COLUMNS * TILE
        grey = np.clip((flair[number] - black) / max(white - black, 1e-6), 0, 1)
        sheet[top : top + TILE, left : left + TILE] = _tile(grey, mask[number], number + 1)
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, "PNG")
    return content.getvalue()


def _choose_slices(areas: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Ascending positions of the slices to draw, given the tumour in each slice, pixels."""
    wanted = min(COLUMNS * ROWS, len(areas))
    if not areas.any():
        return np.unique(np.linspace(0, len(areas) - 1, wanted).round().astype(np.int64))
    near = np.convolve(areas > 0, np.ones(3), "same") > 0
    order = np.argsort(-(areas + near), kind="stable")
    return np.sort(order[: min(wanted, int(near.sum()))])


def _tile(grey: FloatArray, mask: BoolArray, number: int) -> ByteArray:
    height, width = grey.shape
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    picture = np.rint(255 * cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)).astype(np.uint8)
    tile[top : top + size[1], left : left + size[0]] = picture[..., None]
    large = np.zeros((TILE, TILE), np.uint8)
    large[top : top + size[1], left : left + size[0]] = cv2.resize(
        mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST
    )
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(tile, contours, -1, OUTLINE, 2)
    cv2.putText(tile, str(number), (6, TILE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
