"""Prediction sees a slice as training does, and its probabilities come back on the volume's grid."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.batches import SliceBatches
from brainseg.inference import predict_volume
from brainseg.model_file import ModelCard
from brainseg.network import build_unet
from brainseg.preprocessing import channel_names
from brainseg.slice_store import SliceStore
from brainseg.volumes import Volume


def card_of(size: int, neighbours: int, mirror: bool) -> ModelCard:
    return ModelCard(
        size=size,
        normalisation="below_scalp",
        neighbours=neighbours,
        mirror=mirror,
        channels=channel_names(neighbours, mirror),
        backend="tensorflow",
        threads=1,
        precision="float32",
    )


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
    image[:, :, :4] = 0  # the head is not in the middle
    return Volume(patient_id="P", image=image, mask_true=rng.random((5, 24, 32)) < 0.2, slice_numbers=np.arange(1, 6))


def opposite(volume: Volume) -> Volume:
    """The patient in the mirror, left for right."""
    image, mask_true = (np.ascontiguousarray(array[:, :, ::-1]) for array in (volume.image, volume.mask_true))
    return dataclasses.replace(volume, image=image, mask_true=mask_true)


@pytest.mark.parametrize(("neighbours", "mirror"), [(0, False), (1, False), (0, True), (2, True)])
def test_the_network_gets_what_it_is_validated_on(
    volume: Volume, tmp_path: Path, neighbours: int, mirror: bool
) -> None:
    store = SliceStore(tmp_path, neighbours=neighbours, method="below_scalp", mirror=mirror)
    entries = store.add(volume, {2, 3, 5})
    validated, _ = SliceBatches(store, entries, size=16, batch_size=3)[0]
    seen = []

    def model(images: Any, training: bool) -> Any:
        assert not training
        seen.append(images)
        return images[..., :1]

    predict_volume(model, card_of(16, neighbours, mirror), volume, [2, 3, 5], batch_size=2)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.concatenate(seen), validated)


@pytest.mark.parametrize("mirror", [False, True])
def test_flips_make_a_mirrored_patient_the_mirrored_prediction(volume: Volume, mirror: bool) -> None:
    """Whatever the network: here one that weighs its pixels by column."""

    def model(images: Any, training: bool) -> Any:
        weight = np.linspace(0, 1, images.shape[2], dtype=np.float32)[:, None]
        return (weight * images).sum(axis=-1, keepdims=True)

    first, second = (
        predict_volume(model, card_of(16, 1, mirror), each, [1, 2, 3], batch_size=2, flips=True)  # type: ignore[arg-type]
        for each in (volume, opposite(volume))
    )
    np.testing.assert_allclose(first, second[:, :, ::-1], atol=1e-5)


def test_prediction_comes_back_on_the_volume_s_own_grid(volume: Volume) -> None:
    model = build_unet(size=48, filters=2, dropout=0.0)
    card = card_of(48, neighbours=0, mirror=False)
    maps = predict_volume(model, card, volume, [2, 3, 5], batch_size=2)
    assert maps.shape == (3, 24, 32)
    assert maps.dtype == np.float32
    one = predict_volume(model, card, volume, [3], batch_size=8)
    np.testing.assert_allclose(maps[1], one[0], atol=1e-6)


def test_flips_average_with_the_mirror(volume: Volume) -> None:
    model = build_unet(size=32, filters=2, dropout=0.0)
    card = card_of(32, neighbours=0, mirror=False)
    one, other = (predict_volume(model, card, which, [3, 4], batch_size=2) for which in (volume, opposite(volume)))
    both = predict_volume(model, card, volume, [3, 4], batch_size=2, flips=True)
    np.testing.assert_allclose(both, (one + other[:, :, ::-1]) / 2, atol=1e-6)
