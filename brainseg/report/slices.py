"""The slices of a patient as the viewer of a page shows them: pictures small enough to be part of the page."""

import base64
import io
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, ByteArray, FloatArray
from brainseg.metrics.overlap import count

TILE = 256  # most pixels of a slice's height and width
MAX_SLICES = 64  # of a patient; of more, evenly spaced ones are shown
QUALITIES, EFFORT = (70, 45, 25), 2  # of WebP: of 100, tried in order; and 0 (fast) to 6 (small)
GREY_QUANTILES = (0.005, 0.995)  # black and white of sequences that are not 8-bit
NAMES = {"flair": "FLAIR", "pre-contrast": "T1", "post-contrast": "T1ce"}  # in the order of the viewer
# Value of a pixel of the labels. The lowest two bits are 0, because some browsers change them, against tracking.
TRUE, PREDICTED, LEVELS, SHIFT = 128, 64, 15, 2


def encode_slices(
    image: NDArray[Any],
    mask_pred: BoolArray | None,
    *,
    slice_numbers: NDArray[np.integer[Any]],
    mask_true: BoolArray | None = None,
    probability: FloatArray | None = None,
    most_bytes: float = math.inf,
) -> dict[str, Any]:
    """Encode the slices of a patient.

    Args:
        image: shape (S, H, W, 3), real, finite, channels in the order of `SEQUENCES`. A channel that equals FLAIR is
            left out: it is a missing sequence.
        mask_pred: shape (S, H, W), bool; None: not known.
        slice_numbers: shape (S,), shown beside the slice.
        mask_true: as `mask_pred`.
        probability: shape (S, H, W), float32 in [0, 1]; None: not known.
        most_bytes: of the grey levels; if they need more, their quality is reduced, as far as `QUALITIES` says.

    Returns:
        What viewer.js reads: the grey levels of each sequence as one WebP and the labels as one PNG, each with the
        slices side by side in rows, as data: addresses; and the numbers of each slice.
    """
    chosen = np.unique(np.linspace(0, len(image) - 1, min(len(image), MAX_SLICES)).round().astype(np.int64))
    height, width = _tile_size(image.shape[1:3])
    maps = {
        "true": None if mask_true is None else mask_true[chosen],
        "predicted": None if mask_pred is None else mask_pred[chosen],
        "probability": None if probability is None else probability[chosen],
    }
    sheets = {}
    for name, shown in NAMES.items():
        channel = SEQUENCES.index(name)
        if channel == FLAIR or not np.array_equal(image[..., channel], image[..., FLAIR]):
            grey = to_bytes(image[..., channel])[chosen]
            sheets[shown] = _sheet([cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in grey])
    for quality in QUALITIES:
        pictures = {name: _data_address(sheet, quality=quality) for name, sheet in sheets.items()}
        if sum(map(len, pictures.values())) <= most_bytes:
            break
    return {
        "size": [width, height],
        "columns": _columns(len(chosen)),
        "of": len(image),
        "sequences": [{"name": name, "picture": picture} for name, picture in pictures.items()],
        "labels": _data_address(_sheet(_labels(maps, height, width, len(chosen)))),
        "has": {name: array is not None for name, array in maps.items()},
        "slices": _slice_numbers(slice_numbers[chosen], maps),
    }


def to_bytes(image: NDArray[Any]) -> ByteArray:
    """Scale a sequence to 8 bits, shape (S, H, W); uint8 stays as it is."""
    if image.dtype == np.uint8:
        return image
    black, white = np.quantile(image, GREY_QUANTILES)
    scaled = np.clip((image.astype(np.float32) - black) / max(white - black, 1e-6), 0, 1)
    return np.asarray(np.rint(255 * scaled), np.uint8)


def picture_address(content: bytes) -> str:
    """A picture file as a data: address, encoded again as WebP."""
    with Image.open(io.BytesIO(content)) as picture:
        return _data_address(np.asarray(picture.convert("RGB")), quality=QUALITIES[0])


def _tile_size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = min(1, TILE / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _labels(maps: dict[str, NDArray[Any] | None], height: int, width: int, slices: int) -> list[ByteArray]:
    """Masks and probability of each slice in a byte per pixel; a pixel is in a mask if any that it covers is."""
    labels = np.zeros((slices, height, width), np.uint8)
    for name, value in (("true", TRUE), ("predicted", PREDICTED)):
        if (mask := maps[name]) is not None:
            for label, plane in zip(labels, mask, strict=True):
                share = cv2.resize(plane.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
                label[share > 0] += np.uint8(value)
    if (probability := maps["probability"]) is not None:
        for label, plane in zip(labels, probability, strict=True):
            small = cv2.resize(plane.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
            label += (np.rint(LEVELS * small.clip(0, 1)).astype(np.uint8) << SHIFT).astype(np.uint8)
    return list(labels)


def _slice_numbers(numbers: NDArray[Any], maps: dict[str, NDArray[Any] | None]) -> list[dict[str, Any]]:
    """For each slice: its number, voxels of both masks, largest probability, and Dice; null where undefined."""
    rows = []
    for position, number in enumerate(numbers.tolist()):
        true, pred, probability = (None if array is None else array[position] for array in maps.values())
        dice = math.nan if true is None or pred is None else count(mask_true=true, mask_pred=pred).dice
        rows.append(
            {
                "number": number,
                "true": None if true is None else int(true.sum()),
                "predicted": None if pred is None else int(pred.sum()),
                "probability": None if probability is None else round(float(probability.max()), 3),
                "dice": None if math.isnan(dice) else round(dice, 3),
            }
        )
    return rows


def _columns(slices: int) -> int:
    return math.ceil(math.sqrt(slices))


def _sheet(tiles: list[ByteArray]) -> ByteArray:
    """Put slices side by side, in rows."""
    columns, (height, width) = _columns(len(tiles)), tiles[0].shape
    sheet = np.zeros((-(-len(tiles) // columns) * height, columns * width), np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _data_address(sheet: ByteArray, *, quality: int | None = None) -> str:
    """A picture as a data: address: WebP of a quality, or PNG, which is exact."""
    content = io.BytesIO()
    if quality is None:
        Image.fromarray(sheet).save(content, "PNG", compress_level=9)
    else:
        Image.fromarray(sheet).save(content, "WEBP", quality=quality, method=EFFORT)
    form = "png" if quality is None else "webp"
    return f"data:image/{form};base64,{base64.b64encode(content.getvalue()).decode()}"
