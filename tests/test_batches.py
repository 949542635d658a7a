"""Batches: everything from (seed, epoch, index), every slice once an epoch, pairs that belong together."""

import numpy as np
import pytest

from brainseg.batches import Sample, SliceBatches, samples_of
from brainseg.params import AugmentationParams
from brainseg.preprocessing import fit_normalisation
from brainseg.volumes import Volume

AUGMENTATION = AugmentationParams(rotation=15.0, shift=0.1, shear=5.0, zoom=0.1, horizontal_flip=True)
OFF = AugmentationParams(rotation=0.0, shift=0.0, shear=0.0, zoom=0.0, horizontal_flip=False)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """Seven slices; the tumour of slice n is a disc whose centre moves, and is bright in the image."""
    y, x = np.mgrid[:32, :32]
    mask_true = np.stack([(y - 16) ** 2 + (x - 8 - 2 * n) ** 2 < 25 for n in range(7)])
    image = np.where(mask_true, 220, 60)[..., None].repeat(3, -1).astype(np.uint8)
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 8))


@pytest.fixture
def samples(volume: Volume) -> list[Sample]:
    return samples_of(volume, "volume", set(range(1, 8)))


def all_of(batches: SliceBatches) -> tuple[np.ndarray, np.ndarray]:
    images, masks = zip(*(batches[i] for i in range(len(batches))), strict=True)
    return np.concatenate(images), np.concatenate(masks)


def test_samples_are_the_wanted_slices_with_the_whole_volume_s_normalisation(volume: Volume) -> None:
    chosen = samples_of(volume, "volume", {2, 5})
    assert len(chosen) == 2
    np.testing.assert_array_equal(chosen[1].mask_true, volume.mask_true[4])
    expected = fit_normalisation(volume.image, "volume")
    np.testing.assert_array_equal(chosen[0].normalisation.offset, expected.offset)


def test_shapes_types_and_values(samples: list[Sample]) -> None:
    batches = SliceBatches(samples, size=16, batch_size=3, augmentation=AUGMENTATION)
    sizes = [len(batches[i][0]) for i in range(len(batches))]
    assert sizes == [3, 3, 1], "every slice, also those that do not fill a batch"
    images, masks = batches[0]
    assert images.shape == (3, 16, 16, 3)
    assert masks.shape == (3, 16, 16, 1)
    assert images.dtype == masks.dtype == np.float32
    assert set(np.unique(masks)) <= {0.0, 1.0}


def test_validation_is_every_slice_unchanged_in_order(samples: list[Sample], volume: Volume) -> None:
    images, masks = all_of(SliceBatches(samples, size=32, batch_size=4))
    np.testing.assert_array_equal(masks[..., 0], volume.mask_true)
    np.testing.assert_allclose(images, fit_normalisation(volume.image, "volume")(volume.image), atol=1e-6)


def test_image_and_mask_of_a_pair_belong_together(samples: list[Sample]) -> None:
    images, masks = all_of(SliceBatches(samples, size=32, batch_size=3, augmentation=AUGMENTATION))
    flair = images[..., 1]
    bright = flair > (flair.min() + flair.max()) / 2
    # Linear and nearest interpolation may differ on the rim only.
    assert (bright != masks[..., 0].astype(bool)).mean() < 0.02


def test_every_slice_is_seen_once_an_epoch_in_another_order(samples: list[Sample], volume: Volume) -> None:
    orders = []
    for epoch in (0, 1):
        batches = SliceBatches(samples, size=32, batch_size=3, seed=4, augmentation=OFF)
        batches.epoch = epoch
        masks = all_of(batches)[1][..., 0].astype(bool)
        orders.append([next(i for i, true in enumerate(volume.mask_true) if (true == mask).all()) for mask in masks])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]


def test_a_batch_depends_on_seed_epoch_and_index_alone(samples: list[Sample]) -> None:
    def batch(seed: int, epoch: int, warm_up: int) -> np.ndarray:
        batches = SliceBatches(samples, size=32, batch_size=3, seed=seed, augmentation=AUGMENTATION)
        batches.epoch = epoch
        for i in range(warm_up):
            batches[i]
            batches.on_epoch_end()
        return batches[1][0]

    np.testing.assert_array_equal(batch(1, 5, 0), batch(1, 5, 3))
    assert not np.array_equal(batch(1, 5, 0), batch(1, 6, 0))
    assert not np.array_equal(batch(1, 5, 0), batch(2, 5, 0))
