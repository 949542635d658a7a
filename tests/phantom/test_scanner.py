"""The images of synthetic patients: they look like real ones, and the tumours are not too easy to find.

Also covers brainseg.phantom.anatomy, brainseg.phantom.brain and brainseg.phantom.lesion.
"""

import numpy as np
import pytest

from brainseg.imaging.volume import FLAIR, FloatArray, Volume
from brainseg.phantom.patients import MISSING_SEQUENCES, make_patient


@pytest.fixture(scope="module")
def default_patients() -> list[Volume]:
    """The patients of presets/phantom.yaml."""
    return [make_patient(number, size=64, seed=7) for number in range(1, 25)]


@pytest.mark.parametrize("size", [32, 64])
def test_a_patient_looks_the_same_at_every_size(size: int) -> None:
    small, large = make_patient(5, size=size, seed=3), make_patient(5, size=128, seed=3)
    assert small.image.shape == (len(large.image), size, size, 3)
    assert small.mask_true.mean() == pytest.approx(large.mask_true.mean(), rel=0.15)
    step = 128 // size
    shrunk = large.image.reshape(-1, size, step, size, step, 3).mean(axis=(2, 4))
    correlation = np.corrcoef(shrunk.ravel(), small.image.ravel())[0, 1]
    assert correlation > 0.85


def test_tumours_are_as_large_and_as_frequent_as_real_ones(default_patients: list[Volume]) -> None:
    with_tumour = np.concatenate([volume.mask_true.any(axis=(1, 2)) for volume in default_patients])
    assert 0.28 < with_tumour.mean() < 0.42
    sizes = np.array([volume.mask_true.mean() for volume in default_patients])
    assert sizes.min() > 0
    assert sizes.max() / sizes.min() > 10
    for volume in default_patients:
        head = (volume.image > 0.1 * volume.image.max()).any(axis=-1)
        assert head[volume.mask_true].mean() > 0.95
        positions = np.flatnonzero(volume.mask_true.any(axis=(1, 2)))
        assert np.all(np.diff(positions) <= 2), "the slices of one lesion are neighbours"


def test_patients_of_the_smallest_size_have_a_tumour() -> None:
    assert all(make_patient(number, size=32, seed=7).mask_true.any() for number in range(1, 25))


def test_tumour_is_bright_on_flair_and_dark_before_contrast(default_patients: list[Volume]) -> None:
    for number, volume in enumerate(default_patients):
        slices = volume.mask_true.any(axis=(1, 2))
        brain = (volume.image[..., FLAIR] > 0.2 * volume.image[..., FLAIR].max()) & ~volume.mask_true
        inside, outside = volume.image[volume.mask_true], volume.image[slices][brain[slices]]
        assert np.median(inside[:, FLAIR]) > np.median(outside[:, FLAIR]), volume.patient_id
        if MISSING_SEQUENCES.get(number) is None:
            assert np.median(inside[:, 0]) < np.median(outside[:, 0]), volume.patient_id


def test_head_fills_the_slice_and_the_background_is_dark(default_patients: list[Volume]) -> None:
    for volume in default_patients:
        head = (volume.image > 0.2 * volume.image.max()).any(axis=(0, 3))
        assert np.ptp(np.flatnonzero(head.any(axis=1))) > 0.8 * head.shape[0]
        assert np.ptp(np.flatnonzero(head.any(axis=0))) > 0.65 * head.shape[1]
        assert volume.image[:, :4, :4].mean() < 0.05 * 255


def test_missing_sequences_are_filled_with_flair(default_patients: list[Volume]) -> None:
    found = {}
    for number, volume in enumerate(default_patients):
        for sequence in (0, 2):
            if np.array_equal(volume.image[..., sequence], volume.image[..., FLAIR]):
                found[number] = sequence
    assert found == MISSING_SEQUENCES


def normalise(image: FloatArray) -> FloatArray:
    """Normalise a sequence to mean 0 and standard deviation 1 over the pixels that are not background."""
    head = image[image > 0.1 * image.max()]
    normalised: FloatArray = (image - head.mean()) / head.std()
    return normalised


def test_no_threshold_on_flair_finds_the_tumours(default_patients: list[Volume]) -> None:
    flair = [normalise(volume.image[..., FLAIR].astype(np.float32)) for volume in default_patients]
    best = 0.0
    for threshold in np.arange(-1, 5, 0.1):
        scores = []
        for volume, values in zip(default_patients, flair, strict=True):
            mask_pred = values >= threshold
            overlap = np.count_nonzero(mask_pred & volume.mask_true)
            scores.append(2 * overlap / (np.count_nonzero(mask_pred) + np.count_nonzero(volume.mask_true)))
        best = max(best, float(np.mean(scores)))
    assert 0.1 < best < 0.6
