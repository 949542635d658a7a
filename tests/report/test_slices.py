"""Slices as the viewer reads them: what viewer.js does with the labels is done here again."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.volume import FLAIR
from brainseg.report.slices import MAX_SLICES, TILE, encode_slices, to_bytes
from tests.report.pages import head


def decode(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def tile(sheet: np.ndarray, encoded: dict[str, Any], position: int) -> np.ndarray:
    width, height = encoded["size"]
    top, left = position // encoded["columns"] * height, position % encoded["columns"] * width
    return sheet[top : top + height, left : left + width]


def encode(patient: dict[str, np.ndarray], **changes: Any) -> dict[str, Any]:
    patient = {**patient, **changes}
    return encode_slices(slice_numbers=np.arange(1, len(patient["image"]) + 1), **patient)


def test_masks_are_exact_and_probability_is_near() -> None:
    patient = head()
    encoded = encode(patient)
    labels = decode(encoded["labels"])
    for position in range(6):
        values = tile(labels, encoded, position)
        np.testing.assert_array_equal(values & 128 > 0, patient["mask_true"][position])
        np.testing.assert_array_equal(values & 64 > 0, patient["mask_pred"][position])
        np.testing.assert_allclose((values >> 2 & 15) / 15, patient["probability"][position], atol=1 / 30 + 1e-6)
        assert not (values & 3).any()


def test_grey_levels_are_near_and_sequences_in_order() -> None:
    smooth = np.linspace(0, 255, 48 * 48).reshape(48, 48).astype(np.uint8)
    image = np.stack([smooth, smooth[::-1], smooth.T], axis=-1)[None].repeat(3, axis=0)
    encoded = encode(head(3), image=image)
    assert [one["name"] for one in encoded["sequences"]] == ["FLAIR", "T1", "T1ce"]
    for one, expected in zip(encoded["sequences"], (smooth[::-1], smooth, smooth.T), strict=True):
        shown = np.asarray(Image.fromarray(decode(one["picture"])).convert("L"))
        assert np.abs(tile(shown, encoded, 2).astype(int) - expected.astype(int)).mean() < 4


def test_a_sequence_that_repeats_flair_is_left_out() -> None:
    image = head()["image"]
    image[..., 0] = image[..., FLAIR]
    assert [one["name"] for one in encode(head(), image=image)["sequences"]] == ["FLAIR", "T1ce"]


def test_numbers_of_a_slice() -> None:
    rows = encode(head())["slices"]
    assert rows[2] == {"number": 3, "true": 180, "predicted": 162, "probability": 0.9, "dice": 0.947}
    assert rows[0] == {"number": 1, "true": 0, "predicted": 0, "probability": 0.0, "dice": None}


def test_what_is_not_known_is_null() -> None:
    encoded = encode(head(), mask_true=None, mask_pred=None, probability=None)
    assert encoded["has"] == {"true": False, "predicted": False, "probability": False}
    assert encoded["slices"][0] == {"number": 1, "true": None, "predicted": None, "probability": None, "dice": None}


def test_large_scans_are_shrunk_and_thinned_without_losing_a_small_lesion() -> None:
    slices = MAX_SLICES * 2 + 1
    mask = np.zeros((slices, 600, 300), np.bool_)
    mask[::2, 301, 7] = True
    image = np.zeros((slices, 600, 300, 3), np.uint8)
    encoded = encode({"image": image, "mask_pred": mask})
    assert encoded["size"] == [TILE // 2, TILE]
    assert len(encoded["slices"]) == MAX_SLICES
    assert encoded["of"] == slices
    assert encoded["slices"][-1]["number"] == slices
    labels = decode(encoded["labels"])
    for position, row in enumerate(encoded["slices"]):
        assert (tile(labels, encoded, position) & 64 > 0).any() == (row["predicted"] == 1)


def test_grey_levels_lose_quality_where_room_is_short() -> None:
    full = sum(len(one["picture"]) for one in encode(head())["sequences"])
    small = sum(len(one["picture"]) for one in encode(head(), most_bytes=full - 1)["sequences"])
    least = sum(len(one["picture"]) for one in encode(head(), most_bytes=1)["sequences"])
    assert least < small < full
    assert encode(head(), most_bytes=1)["labels"] == encode(head())["labels"]


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint16])
def test_other_grey_levels_are_scaled_between_their_quantiles(dtype: type) -> None:
    image = np.linspace(100, 1100, 10_000).reshape(4, 50, 50).astype(dtype)
    image[0, 0, 0] = 30_000  # one hot voxel
    scaled = to_bytes(image)
    assert scaled.dtype == np.uint8
    assert scaled.min() == 0
    assert np.count_nonzero(scaled == 255) < 100
    assert abs(int(np.median(scaled)) - 128) < 3
    assert not to_bytes(np.full((1, 2, 2), 7, dtype)).any()
