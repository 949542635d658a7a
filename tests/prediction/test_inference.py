"""Prediction gives the network the same input as validation, and probabilities on the grid of the volume."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from brainseg.imaging.head import find_head
from brainseg.imaging.volume import Volume
from brainseg.model.saving import ModelCard
from brainseg.model.unet import build_unet
from brainseg.prediction.inference import predict_volume
from brainseg.training.batches import SliceBatches
from brainseg.training.slice_store import SliceStore
from tests.imaging.drawn_head import draw_head
from tests.model_card import make_card


def card_with(input_size: int, context_slices: int, contralateral_flair: bool) -> ModelCard:
    return make_card(input_size=input_size, context_slices=context_slices, contralateral_flair=contralateral_flair)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """For six channels."""
    return build_unet(input_size=32, filters=2, dropout=0.0, channels=6)


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
    image[:, :, :4] = 0  # the head is not in the middle
    return Volume(patient_id="P", image=image, mask_true=rng.random((5, 24, 32)) < 0.2, slice_numbers=np.arange(1, 6))


def flipped(volume: Volume) -> Volume:
    """The same patient flipped left to right."""
    image, mask_true = (np.ascontiguousarray(array[:, :, ::-1]) for array in (volume.image, volume.mask_true))
    return dataclasses.replace(volume, image=image, mask_true=mask_true)


@pytest.mark.parametrize(("context_slices", "contralateral_flair"), [(0, False), (1, False), (0, True), (2, True)])
def test_the_network_gets_the_same_input_as_in_validation(
    volume: Volume, tmp_path: Path, context_slices: int, contralateral_flair: bool
) -> None:
    store = SliceStore(
        tmp_path, context_slices=context_slices, normalisation="brain_zscore", contralateral_flair=contralateral_flair
    )
    slices = store.add(volume, {2, 3, 5})
    validated, _ = SliceBatches(store, slices, input_size=16, batch_size=3)[0]
    seen = []

    def model(images: Any, training: bool) -> Any:
        assert not training
        seen.append(images)
        return images[..., :1]

    predict_volume(model, card_with(16, context_slices, contralateral_flair), volume, [2, 3, 5], batch_size=2)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.concatenate(seen), validated)


@pytest.mark.parametrize("contralateral_flair", [False, True])
def test_with_test_time_flip_a_flipped_patient_gets_the_flipped_prediction(
    volume: Volume, contralateral_flair: bool
) -> None:
    """Whatever the network is; here one that weights pixels by column."""

    def model(images: Any, training: bool) -> Any:
        weight = np.linspace(0, 1, images.shape[2], dtype=np.float32)[:, None]
        return (weight * images).sum(axis=-1, keepdims=True)

    first, second = (
        predict_volume(model, card_with(16, 1, contralateral_flair), each, [1, 2, 3], batch_size=2, test_time_flip=True)  # type: ignore[arg-type]
        for each in (volume, flipped(volume))
    )
    np.testing.assert_allclose(first, second[:, :, ::-1], atol=1e-5)


def test_probabilities_are_on_the_grid_of_the_volume(volume: Volume) -> None:
    model = build_unet(input_size=48, filters=2, dropout=0.0)
    card = card_with(48, context_slices=0, contralateral_flair=False)
    maps = predict_volume(model, card, volume, [2, 3, 5], batch_size=2)
    assert maps.shape == (3, 24, 32)
    assert maps.dtype == np.float32
    one = predict_volume(model, card, volume, [3], batch_size=8)
    np.testing.assert_allclose(maps[1], one[0], atol=1e-6)


def test_test_time_flip_is_the_mean_of_two_predictions(volume: Volume) -> None:
    model = build_unet(input_size=32, filters=2, dropout=0.0)
    card = card_with(32, context_slices=0, contralateral_flair=False)
    one, other = (predict_volume(model, card, which, [3, 4], batch_size=2) for which in (volume, flipped(volume)))
    both = predict_volume(model, card, volume, [3, 4], batch_size=2, test_time_flip=True)
    np.testing.assert_allclose(both, (one + other[:, :, ::-1]) / 2, atol=1e-6)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 40, 40, 3), np.uint8),
        np.random.default_rng(0).normal(0, 3, (3, 40, 40, 3)),
        draw_head(size=40, slices=1),
        draw_head(size=40, slices=3, centre=(0.2, 0.9)) * 1e4 - 1e5,
        draw_head(size=40, slices=3).astype(np.int16)[:, :, :30],
    ],
    ids=["black", "noise", "one slice", "cut by the edge", "not square"],
)
def test_any_volume_gets_probabilities(network: keras.Model, image: np.ndarray) -> None:
    """Without a head, with a single slice, with negative numbers, and with a head that the edge cuts."""
    shape = image.shape[:3]
    volume = Volume(
        patient_id="P", image=image, mask_true=np.zeros(shape, np.bool_), slice_numbers=np.arange(1, len(image) + 1)
    )
    numbers = volume.slice_numbers.tolist()
    maps = predict_volume(network, card_with(32, 1, contralateral_flair=True), volume, numbers, batch_size=2)
    assert maps.shape == shape
    assert ((maps >= 0) & (maps <= 1)).all()


def test_the_prediction_follows_the_head() -> None:
    """A head moved by whole pixels has the same probabilities, moved."""

    def model(images: Any, training: bool) -> Any:
        return 1 / (1 + np.exp(-images[..., 1:2]))

    volumes = [draw_head(size=128), np.roll(draw_head(size=128), -8, axis=2)]
    maps = [
        predict_volume(
            model,  # type: ignore[arg-type]
            card_with(64, 0, contralateral_flair=False),
            Volume(patient_id="P", image=image, mask_true=image[..., 0] > 1e3, slice_numbers=np.arange(6)),
            [2, 3],
            batch_size=2,
        )
        for image in volumes
    ]
    np.testing.assert_allclose(maps[0][:, :, 8:], maps[1][:, :, :-8], atol=1e-4)


def test_outside_the_head_s_box_there_is_no_tumour() -> None:
    image = draw_head(size=128, radii=(0.2, 0.15))
    volume = Volume(patient_id="P", image=image, mask_true=image[..., 0] > 1e3, slice_numbers=np.arange(6))

    def model(images: Any, training: bool) -> Any:
        return np.ones_like(images[..., :1])

    maps = predict_volume(model, card_with(32, 0, contralateral_flair=False), volume, [0], batch_size=1)  # type: ignore[arg-type]
    box = find_head(image).box
    inside = np.zeros((128, 128), np.bool_)
    inside[round(box.top) : round(box.top + box.height), round(box.left) : round(box.left + box.width)] = True
    np.testing.assert_allclose(maps[0], inside, atol=1e-6)
