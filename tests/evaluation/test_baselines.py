"""The FLAIR-threshold baseline: its mask, and its Dice at all thresholds."""

import numpy as np

from brainseg.evaluation.baselines import THRESHOLDS, flair_dice, flair_mask
from brainseg.imaging.volume import FLAIR
from brainseg.metrics.overlap import count
from tests.evaluation.toy_patients import make_case


def test_flair_mask_is_a_threshold_on_normalised_flair() -> None:
    case = make_case(1)
    normalised = case.normalisation(case.volume.image)[..., FLAIR]
    np.testing.assert_array_equal(flair_mask(case, 1.3), normalised >= 1.3)


def test_flair_dice_is_the_dice_of_the_mask_at_each_threshold() -> None:
    case = make_case(1)
    expected = [count(mask_true=case.volume.mask_true, mask_pred=flair_mask(case, t)).dice for t in THRESHOLDS]
    np.testing.assert_allclose(flair_dice(case), expected)
    assert max(expected) > 0.95


def test_flair_dice_is_undefined_where_both_masks_are_empty() -> None:
    case = make_case(1, tumour=False)
    empty = [not flair_mask(case, threshold).any() for threshold in THRESHOLDS]
    np.testing.assert_array_equal(np.isnan(flair_dice(case)), empty)
    assert empty[-1]
