"""Synthetic cysts and pasted lesions in drawn slices."""

from dataclasses import replace

import numpy as np
import pytest

from brainseg.imaging.crop import whole_slice
from brainseg.imaging.preprocessing import Normalisation, Preprocessing
from brainseg.imaging.volume import FLAIR
from brainseg.training.lesions import add_cyst, blend, cyst_weight, dark_levels, paste_lesion, placing_matrix
from brainseg.training.slice_store import PatientStatistics, Sample

SIZE = 100


def sample_with(radius: int, *, context: int = 3) -> Sample:
    """A bright disc of tumour in an even brain whose levels go from 50 to 69, 60 and more deviations below 200."""
    y, x = np.mgrid[:SIZE, :SIZE]
    disc = (y - 50) ** 2 + (x - 30) ** 2 < radius**2
    image = np.where(disc, 200, 60)[..., None].repeat(3, -1)
    histogram = np.zeros((3, 256), np.int64)
    histogram[:, 50:70] = 10
    normalisation = Normalisation(offset=np.full(3, 60, np.float32), scale=np.full(3, 6, np.float32), limit=4.0)
    preprocessing = Preprocessing(
        normalisation=normalisation, box=whole_slice(SIZE, SIZE), mirror_axis=SIZE - 1, air=np.zeros(3, np.float32)
    )
    flair = image[..., FLAIR]
    return Sample(
        image_and_mask=np.dstack([image, 255 * disc]).astype(np.uint8),
        context=np.stack([flair, flair, flair[:, ::-1]], axis=-1)[..., :context].astype(np.uint8),
        patient=PatientStatistics(preprocessing=preprocessing, histogram=histogram),
    )


@pytest.mark.parametrize("seed", range(10))
def test_a_cyst_is_the_dark_middle_of_a_large_lesion_in_all_channels(seed: int) -> None:
    sample = sample_with(20)
    changed = add_cyst(sample, np.random.default_rng(seed), 1.0)
    np.testing.assert_array_equal(changed.image_and_mask[..., 3], sample.image_and_mask[..., 3])
    for channel in range(3):
        plane = changed.image_and_mask[..., channel]
        assert 50 <= plane[50, 30] <= 53, "one of the lowest fifth of the brain's grey levels"
        assert plane[50, 12] == 200, "the rim stays"
        np.testing.assert_array_equal(plane[sample.image_and_mask[..., 3] == 0], 60)
    np.testing.assert_array_equal(changed.context[..., 0], changed.image_and_mask[..., FLAIR])
    np.testing.assert_array_equal(changed.context[..., 2], changed.image_and_mask[:, ::-1, FLAIR])


def test_a_cyst_has_a_soft_edge() -> None:
    mask = np.zeros((41, 41), np.uint8)
    mask[1:40, 1:40] = 255  # 20 pixels deep in the middle
    weight = cyst_weight(mask, smallest_depth=5, start=0.5, edge=4)
    np.testing.assert_allclose(weight[20, 10:16], [0, 0.25, 0.5, 0.75, 1, 1], atol=0.02)


def test_cysts_do_not_depend_on_where_arrays_lie_in_memory() -> None:
    """The last digit of `cv2.distanceTransform` does, so that trainings did not repeat exactly."""
    y, x = np.mgrid[:57, :60]
    mask = np.where((y - 28) ** 2 + (x - 30) ** 2 < 19**2, 255, 0).astype(np.uint8)
    # All are kept, so that each result lies elsewhere.
    kept = [(bytes(37 * length), cyst_weight(mask, smallest_depth=5, start=0.5, edge=4)) for length in range(200)]
    assert len({weight.tobytes() for _, weight in kept}) == 1


def test_small_lesions_and_slices_without_tumour_stay_as_they_are() -> None:
    for radius in (3, 0):
        sample = sample_with(radius)
        assert add_cyst(sample, np.random.default_rng(0), 1.0) is sample


def test_cysts_are_as_frequent_as_the_probability_says() -> None:
    sample = sample_with(20, context=0)  # without neighbours
    changed = [add_cyst(sample, np.random.default_rng(seed), 0.2) is not sample for seed in range(500)]
    assert 0.14 < np.mean(changed) < 0.26


def test_dark_levels_are_quantiles_of_the_brain() -> None:
    histogram = np.zeros((3, 256), np.int64)
    histogram[:, 50:70] = 10
    histogram[1, 10] = 300
    np.testing.assert_array_equal(dark_levels(histogram, 0.1), [51, 10, 51])


def test_blend_is_a_weighted_mean() -> None:
    image = np.array([[100, 200]], np.uint8)
    assert blend(image, np.float32(40), np.array([[0.5, 1]], np.float32)).tolist() == [[70, 40]]


@pytest.mark.parametrize("seed", range(10))
def test_a_pasted_lesion_has_its_own_contrast_and_lies_in_the_brain(seed: int) -> None:
    """The donor's levels are twice the sample's: 200 is 60 + 140 of the same contrast, in twice the scale."""
    sample, donor = sample_with(0), sample_with(8)
    wide = Normalisation(offset=np.full(3, 40, np.float32), scale=np.full(3, 12, np.float32), limit=4.0)
    donor = replace(
        donor, patient=replace(donor.patient, preprocessing=replace(donor.patient.preprocessing, normalisation=wide))
    )
    brain = np.zeros((SIZE, SIZE), np.bool_)
    brain[40:80, 20:60] = True
    changed = paste_lesion(sample, donor, brain, np.random.default_rng(seed))
    mask = changed.image_and_mask[..., 3] >= 128
    assert mask.any()
    assert not (mask & ~brain).any()
    plane = changed.image_and_mask[..., FLAIR]
    np.testing.assert_array_equal(plane[~brain], 60)
    assert plane.max() == pytest.approx(60 + (200 - 40) / 2, abs=2)
    np.testing.assert_array_equal(changed.context[..., 0], plane)
    np.testing.assert_array_equal(changed.context[..., 2], plane[:, ::-1])
    assert not sample.image_and_mask[..., 3].any()


def test_nothing_is_pasted_where_there_is_no_brain() -> None:
    sample = sample_with(0)
    nowhere = np.zeros((SIZE, SIZE), np.bool_)
    assert paste_lesion(sample, sample_with(8), nowhere, np.random.default_rng(0)) is sample


def test_placing_matrix_moves_the_centre_and_turns_and_scales_about_it() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[4:7, 8:11] = 255  # centre at column 9, row 5
    matrix = placing_matrix(mask, (30, 40), angle=np.pi / 2, zoom=2, flip=False)
    np.testing.assert_allclose(matrix @ [9, 5, 1], [30, 40])
    np.testing.assert_allclose(matrix @ [10, 5, 1], [30, 42])
    flipped = placing_matrix(mask, (30, 40), angle=0, zoom=1, flip=True)
    np.testing.assert_allclose(flipped @ [10, 6, 1], [29, 41])
