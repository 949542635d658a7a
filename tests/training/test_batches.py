"""Batches: determined by (seed, epoch, item), image and mask of the same slice, the order of an epoch."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.imaging.preprocessing import context, fit_preprocessing, network_input
from brainseg.imaging.volume import FLAIR, Volume
from brainseg.params import AugmentationParams
from brainseg.training.batches import SliceBatches
from brainseg.training.slice_store import SliceStore, StoredSlice
from tests.imaging.drawn_head import draw_head

OFF = AugmentationParams(
    rotation=0.0,
    shift=0.0,
    shear=0.0,
    zoom=0.0,
    horizontal_flip=False,
    gain=0.0,
    gamma=0.0,
    noise=0.0,
    missing_both=0.0,
    missing_pre_contrast=0.0,
    missing_post_contrast=0.0,
    cyst=0.0,
    pasted_lesion=0.0,
    skull_stripping=0.0,
)
AUGMENTATION = OFF.model_copy(
    update={"rotation": 15.0, "shift": 0.1, "shear": 5.0, "zoom": 0.1, "horizontal_flip": True}
)
EVERYTHING = AUGMENTATION.model_copy(
    update=dict.fromkeys(("gain", "gamma", "noise", "missing_both", "missing_post_contrast", "cyst"), 0.3)
)
Stored = tuple[SliceStore, list[StoredSlice]]


@pytest.fixture(scope="module")
def volume() -> Volume:
    """Seven slices; slices 1 to 6 have a bright disc as tumour, whose centre moves from slice to slice."""
    y, x = np.mgrid[:32, :32]
    mask_true = np.stack([((y - 16) ** 2 + (x - 8 - 2 * n) ** 2 < 25) & (n < 6) for n in range(7)])
    image = np.where(mask_true, 220, 60)[..., None].repeat(3, -1).astype(np.uint8)
    image[..., 0] += np.arange(7, dtype=np.uint8)[:, None, None]  # makes the slices distinguishable
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 8))


@pytest.fixture
def stored(volume: Volume, tmp_path: Path) -> Stored:
    store = SliceStore(tmp_path, context_slices=0, normalisation="divide_255", crop="none")
    return store, store.add(volume, set(range(1, 8)))


def all_of(batches: SliceBatches) -> tuple[np.ndarray, np.ndarray]:
    images, masks = zip(*(batches[i] for i in range(len(batches))), strict=True)
    return np.concatenate(images), np.concatenate(masks)


def test_shapes_types_and_values(stored: Stored) -> None:
    batches = SliceBatches(*stored, input_size=16, batch_size=3, augmentation=EVERYTHING)
    sizes = [len(batches[i][0]) for i in range(len(batches))]
    assert sizes == [3, 3, 1], "every slice, including those that do not fill a batch"
    images, masks = batches[0]
    assert images.shape == (3, 16, 16, 3)
    assert masks.shape == (3, 16, 16, 1)
    assert images.dtype == masks.dtype == np.float32
    assert set(np.unique(masks)) <= {0.0, 1.0}


def test_validation_has_every_slice_unchanged_and_in_order(stored: Stored, volume: Volume) -> None:
    images, masks = all_of(SliceBatches(*stored, input_size=32, batch_size=4))
    np.testing.assert_array_equal(masks[..., 0], volume.mask_true)
    np.testing.assert_allclose(images, volume.image / 255, atol=1e-6)


@pytest.mark.parametrize("size", [32, 48, 64])
def test_input_without_augmentation_equals_that_of_prediction(tmp_path: Path, size: int) -> None:
    """Including the context. Training rounds grey levels to whole numbers, and coordinates to 1/32 pixel."""
    image = np.rint(draw_head()).astype(np.uint8)
    mask_true = image[..., 0] > 95
    volume = Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(6))
    store = SliceStore(tmp_path, context_slices=1, normalisation="brain_zscore", contralateral_flair=True)
    slices = store.add(volume, set(range(6)))
    trained = SliceBatches(store, slices, input_size=size, batch_size=6, augmentation=OFF)
    validated = SliceBatches(store, slices, input_size=size, batch_size=6)
    order = trained._order_of(0)
    np.testing.assert_array_equal(trained[0][1], validated[0][1][order])
    difference = np.abs(trained[0][0] - validated[0][0][order])
    assert np.median(difference) < 1e-5
    assert np.quantile(difference, 0.95) < 0.2
    fitted = fit_preprocessing(image, "brain_zscore", "head")
    flair = image[..., FLAIR]
    contexts = [
        context(flair.__getitem__, position, 6, context_slices=1, mirror_axis=fitted.mirror_axis, air=fitted.air[FLAIR])
        for position in range(6)
    ]
    np.testing.assert_array_equal(validated[0][0], network_input(image, np.stack(contexts), fitted, size))


def test_image_and_mask_come_from_the_same_slice(stored: Stored) -> None:
    images, masks = all_of(SliceBatches(*stored, input_size=32, batch_size=3, augmentation=AUGMENTATION))
    flair = images[..., 1]
    bright = flair > (flair.min() + flair.max()) / 2
    # They may differ only on the edge.
    assert (bright != masks[..., 0].astype(bool)).mean() < 0.02


def test_every_slice_comes_once_per_epoch_in_a_new_order(stored: Stored) -> None:
    orders = []
    for epoch in (0, 1):
        batches = SliceBatches(*stored, input_size=32, batch_size=3, seed=4, augmentation=OFF)
        batches.epoch = epoch
        darkest = all_of(batches)[0][..., 0].min(axis=(1, 2))
        orders.append(np.argsort(np.argsort(darkest)).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]


def test_balanced_sampling_puts_a_slice_with_tumour_at_every_second_item(volume: Volume, tmp_path: Path) -> None:
    """Two of eight slices have tumour: each comes twice, and four different slices come in between."""
    mask_true = np.zeros((8, 32, 32), bool)
    mask_true[2:4, 8:12, 8:12] = True
    rare = Volume(
        patient_id="P", image=np.full((8, 32, 32, 3), 60, np.uint8), mask_true=mask_true, slice_numbers=np.arange(8)
    )
    store = SliceStore(tmp_path, context_slices=0, normalisation="brain_zscore")
    slices = store.add(rare, set(range(8)))
    batches = SliceBatches(store, slices, input_size=32, batch_size=4, balanced=True, augmentation=OFF)
    order = batches._order_of(0)
    assert len(order) == 8
    assert sorted(order[0::2]) == [2, 2, 3, 3]
    assert len(set(order[1::2])) == 4
    assert not set(order[1::2]) & {2, 3}
    assert [masks.any(axis=(1, 2, 3)).tolist() for _, masks in (batches[0], batches[1])] == [[True, False] * 2] * 2


def test_balanced_sampling_uses_as_many_tumour_slices_from_each_patient(tmp_path: Path) -> None:
    """However many slices with tumour a patient has; and each patient comes once per round."""
    store = SliceStore(tmp_path, context_slices=0, normalisation="brain_zscore")
    slices: list[StoredSlice] = []
    patient_of: list[str] = []
    for patient_id, with_tumour in (("large", 9), ("small", 1), ("medium", 4), ("none", 0)):
        mask_true = np.zeros((10, 32, 32), bool)
        mask_true[:with_tumour, 8:12, 8:12] = True
        image = np.full((10, 32, 32, 3), 60, np.uint8)
        volume = Volume(patient_id=patient_id, image=image, mask_true=mask_true, slice_numbers=np.arange(10))
        slices += store.add(volume, set(range(10)))
        patient_of += [patient_id] * 10
    batches = SliceBatches(store, slices, input_size=32, batch_size=4, balanced=True, augmentation=OFF)
    order = batches._order_of(0)
    drawn = [patient_of[number] for number in order[0::2]]
    assert [set(drawn[start : start + 3]) for start in range(0, 18, 3)] == [{"large", "small", "medium"}] * 6
    assert all(slices[number].has_tumour for number in order[0::2])
    assert not any(slices[number].has_tumour for number in order[1::2])
    large = [number for number in order[0::2] if patient_of[number] == "large"]
    assert len(set(large)) == len(large)  # all slices of a patient come before one is repeated
    assert len(set(order[1::2])) == 20


def test_a_batch_depends_on_seed_epoch_and_number_alone(stored: Stored) -> None:
    def batch(seed: int, epoch: int, warm_up: int) -> np.ndarray:
        batches = SliceBatches(*stored, input_size=32, batch_size=3, seed=seed, augmentation=EVERYTHING)
        batches.epoch = epoch
        for i in range(warm_up):
            batches[i]
            batches.on_epoch_end()
        return batches[1][0]

    np.testing.assert_array_equal(batch(1, 5, 0), batch(1, 5, 3))
    assert not np.array_equal(batch(1, 5, 0), batch(1, 6, 0))
    assert not np.array_equal(batch(1, 5, 0), batch(2, 5, 0))
