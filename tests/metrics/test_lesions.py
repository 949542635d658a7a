"""Lesion-wise scores: drawn cases, undefined values, laws, a slow implementation, and medpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary
from scipy import ndimage

from brainseg.metrics.lesions import match_lesions
from brainseg.metrics.overlap import count
from tests.metrics.masks import draw_volume

FULL = np.ones((3, 3, 3), bool)
EMPTY = np.zeros((2, 3, 4), bool)
SOME = EMPTY.copy()
SOME[0, 1, 1] = True


def slow_match(mask_true, mask_pred):
    """One lesion at a time: (lesion Dice, lesion sensitivity, false positives)."""
    regions, regions_count = ndimage.label(mask_true, FULL)
    components, components_count = ndimage.label(mask_pred, FULL)
    matched, dice, found = set(), [], []
    for region in range(1, regions_count + 1):
        lesion = regions == region
        hits = set(np.unique(components[lesion])) - {0}
        matched |= hits
        dice.append(count(mask_true=lesion, mask_pred=np.isin(components, list(hits))).dice)
        found.append(bool(hits))
    false_positives = components_count - len(matched)
    counted = len(dice) + false_positives
    return (
        sum(dice) / counted if counted else math.nan,
        np.mean(found) if found else math.nan,
        false_positives,
    )


def test_drawn_case():
    """One lesion is found, one missed, two false positives; pixels that touch by a corner across slices are connected.

    One of the false positives lies beside the missed lesion, and does not overlap it.
    """
    mask_true = draw_volume("##..... ##..... .......", "....... ..#.... ......#")
    mask_pred = draw_volume(".#....# .#..... .......", "....... ..#.... .....#.")
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    assert scores.found.tolist() == [True, False]
    assert scores.dice.tolist() == [2 * 3 / (5 + 3), 0]
    assert scores.false_positives == 2
    assert scores.lesion_sensitivity == 1 / 2
    assert scores.lesion_dice == 0.75 / (2 + 2)


def test_one_prediction_over_two_lesions_finds_both_and_is_too_large_for_each():
    scores = match_lesions(mask_true=draw_volume("##..##"), mask_pred=draw_volume("######"))
    assert scores.dice.tolist() == [2 * 2 / (2 + 6)] * 2
    assert (scores.lesion_sensitivity, scores.false_positives) == (1, 0)


def test_two_predictions_in_one_lesion_count_together():
    scores = match_lesions(mask_true=draw_volume("######"), mask_pred=draw_volume("##..##"))
    assert scores.dice.tolist() == [2 * 4 / (6 + 4)]
    assert scores.false_positives == 0


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "dice", "sensitivity", "false_positives"),
    [
        pytest.param(EMPTY, EMPTY, math.nan, math.nan, 0, id="both empty: undefined"),
        pytest.param(EMPTY, SOME, 0, math.nan, 1, id="reference empty: Dice 0, sensitivity undefined"),
        pytest.param(SOME, EMPTY, 0, 0, 0, id="all missed: 0"),
        pytest.param(EMPTY[:0], EMPTY[:0], math.nan, math.nan, 0, id="no slices: undefined"),
    ],
)
def test_undefined(mask_true, mask_pred, dice, sensitivity, false_positives):
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    assert scores.lesion_dice == pytest.approx(dice, abs=0, nan_ok=True)
    assert scores.lesion_sensitivity == pytest.approx(sensitivity, abs=0, nan_ok=True)
    assert scores.false_positives == false_positives


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"expected masks of shape \(S, H, W\), found \(3, 4\)"):
        match_lesions(mask_true=SOME[0], mask_pred=SOME[0])
    with pytest.raises(ValueError, match="differ in shape"):
        match_lesions(mask_true=SOME, mask_pred=SOME[:1])
    with pytest.raises(ValueError, match="mask_true: expected bool, found int64"):
        match_lesions(mask_true=SOME.astype(np.int64), mask_pred=SOME)
    with pytest.raises(TypeError):
        match_lesions(SOME, SOME)


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(PAIRS)
def test_law_equals_the_slow_implementation(pair):
    scores = match_lesions(mask_true=pair[0], mask_pred=pair[1])
    found = (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives)
    assert found == pytest.approx(slow_match(*pair), nan_ok=True)


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_implementation_on_smooth_blobs(seed):
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(2, 8, 60, 60)), (0, 1, 2, 2))
    mask_true, mask_pred = (field > np.quantile(field, 0.985) for field in fields)
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    found = (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives)
    assert found == pytest.approx(slow_match(mask_true, mask_pred), nan_ok=True)


@given(PAIRS)
def test_law_identical_masks_have_perfect_scores(pair):
    mask = pair[0]
    mask.flat[0] = True
    scores = match_lesions(mask_true=mask, mask_pred=mask.copy())
    assert (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives) == (1, 1, 0)


@given(PAIRS)
def test_agrees_with_medpy_if_lesions_pair_one_to_one(pair):
    """In medpy a predicted lesion finds one reference lesion at most, so fewer are found and more are false positives.

    Both functions of medpy 0.5.2 take their arguments in the reverse of the documented order: obj_tpr([1, 0, 1],
    [1, 0, 0]) is 1/2, the fraction of the first array's objects that the second one has.
    """
    mask_true, mask_pred = pair
    if not (mask_true.any() and mask_pred.any()):
        return
    assert binary.obj_tpr(np.array([1, 0, 1]), np.array([1, 0, 0])) == 1 / 2
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    components, predicted = ndimage.label(mask_pred, FULL)
    sensitivity = binary.obj_tpr(mask_true, mask_pred, connectivity=3)
    false_positives = binary.obj_fpr(mask_true, mask_pred, connectivity=3) * predicted
    assert sensitivity <= scores.lesion_sensitivity
    assert false_positives >= scores.false_positives - 1e-9
    regions, lesions = ndimage.label(mask_true, FULL)
    pairs = set(zip(regions[mask_true & mask_pred], components[mask_true & mask_pred], strict=True))
    if all(len({pair[side] for pair in pairs}) == len(pairs) for side in (0, 1)):
        assert sensitivity == pytest.approx(scores.lesion_sensitivity)
        assert false_positives == pytest.approx(scores.false_positives)
    assert len(scores.dice) == lesions
