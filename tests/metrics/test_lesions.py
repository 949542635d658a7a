"""Lesions: drawn cases of each rule, laws, a slow form of BraTS 2023's steps, and against medpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary
from scipy import ndimage

from brainseg.metrics import overlap
from brainseg.metrics.lesions import BRATS_2023, OVERLAP, LesionRules, match_lesions

FULL = np.ones((3, 3, 3), bool)
EMPTY = np.zeros((2, 3, 4), bool)
SOME = EMPTY.copy()
SOME[0, 1, 1] = True


def drawn(*slices):
    """A mask drawn with # for tumour, a text per slice, one word a row."""
    return np.array([[[pixel == "#" for pixel in row] for row in text.split()] for text in slices])


def slow_match(mask_true, mask_pred, rules):
    """BraTS 2023's steps one lesion at a time: (lesion Dice, lesion sensitivity, false positives)."""

    def grown(mask):
        structure = ndimage.generate_binary_structure(3, 2)
        return ndimage.binary_dilation(mask, structure, iterations=rules.dilation) if rules.dilation else mask

    regions, regions_count = ndimage.label(grown(mask_true), FULL)
    components, components_count = ndimage.label(mask_pred, FULL)
    matched, dice, found = set(), [], []
    for region in range(1, regions_count + 1):
        lesion = mask_true & (regions == region)
        hits = set(np.unique(components[grown(lesion)])) - {0}
        matched |= hits
        if lesion.sum() > rules.ignored_pixels:
            dice.append(overlap.dice(mask_true=lesion, mask_pred=np.isin(components, list(hits))))
            found.append(bool(hits))
    false_positives = components_count - len(matched)
    counted = len(dice) + false_positives
    return (
        sum(dice) / counted if counted else math.nan,
        np.mean(found) if found else math.nan,
        false_positives,
    )


def test_drawn_case():
    """One lesion found, one missed, two made up; pixels that touch by a corner across slices are one lesion."""
    mask_true = drawn("##..... ##..... .......", "....... ..#.... ......#")
    mask_pred = drawn(".#....# .#..... .......", "....... ..#.... .....#.")
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    assert scores.pixels.tolist() == [5, 1]
    assert scores.found.tolist() == [True, False]
    assert scores.dice.tolist() == [2 * 3 / (5 + 3), 0]
    assert scores.false_positives == 2  # one lies beside the missed lesion, and does not overlap it
    assert scores.lesion_sensitivity == 1 / 2
    assert scores.lesion_dice == 0.75 / (2 + 2)


def test_one_prediction_over_two_lesions_finds_both_and_is_too_large_for_each():
    scores = match_lesions(mask_true=drawn("##..##"), mask_pred=drawn("######"))
    assert scores.dice.tolist() == [2 * 2 / (2 + 6)] * 2
    assert (scores.lesion_sensitivity, scores.false_positives) == (1, 0)


def test_two_predictions_in_one_lesion_count_together():
    scores = match_lesions(mask_true=drawn("######"), mask_pred=drawn("##..##"))
    assert scores.dice.tolist() == [2 * 4 / (6 + 4)]
    assert scores.false_positives == 0


def test_brats_rules_join_lesions_that_grow_together():
    """Gaps of 6 pixels close when both sides grow by 3; a gap of 7 leaves two."""
    rules = LesionRules(dilation=3)
    near, far = drawn("##......##"), drawn("##.......##")
    assert match_lesions(mask_true=near, mask_pred=near, rules=rules).pixels.tolist() == [4]
    assert match_lesions(mask_true=far, mask_pred=far, rules=rules).pixels.tolist() == [2, 2]
    assert match_lesions(mask_true=near, mask_pred=near).pixels.tolist() == [2, 2]


def test_brats_rules_find_a_lesion_by_what_lies_beside_it():
    """Found with a Dice of 0, not missed and a false positive; 4 pixels away it is both."""
    rules = LesionRules(dilation=3)
    mask_true = drawn("##.......")
    beside = match_lesions(mask_true=mask_true, mask_pred=drawn("....##..."), rules=rules)
    assert (beside.dice.tolist(), beside.found.tolist(), beside.false_positives) == ([0], [True], 0)
    away = match_lesions(mask_true=mask_true, mask_pred=drawn(".....##.."), rules=rules)
    assert (away.dice.tolist(), away.found.tolist(), away.false_positives) == ([0], [False], 1)


def test_brats_rules_ignore_small_lesions_and_what_finds_them():
    """51 pixels are scored and 50 are not, found or missed; a false positive counts however small."""
    mask_true = np.zeros((1, 20, 61), bool)
    mask_true[0, 0, :50] = True
    mask_true[0, 10, :51] = True
    mask_pred = mask_true.copy()
    mask_pred[0, 19, 60] = True
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred, rules=BRATS_2023)
    assert scores.pixels.tolist() == [51]
    assert (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives) == (0.5, 1, 1)


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize("rules", [OVERLAP, LesionRules(dilation=3)])
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "dice", "sensitivity", "false_positives"),
    [
        pytest.param(EMPTY, EMPTY, math.nan, math.nan, 0, id="nothing there, nothing predicted: no score"),
        pytest.param(EMPTY, SOME, 0, math.nan, 1, id="nothing there, something predicted: Dice 0, no sensitivity"),
        pytest.param(SOME, EMPTY, 0, 0, 0, id="all missed: 0"),
        pytest.param(EMPTY[:0], EMPTY[:0], math.nan, math.nan, 0, id="no slices: no score"),
    ],
)
def test_undefined(mask_true, mask_pred, dice, sensitivity, false_positives, rules):
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred, rules=rules)
    assert scores.lesion_dice == pytest.approx(dice, abs=0, nan_ok=True)
    assert scores.lesion_sensitivity == pytest.approx(sensitivity, abs=0, nan_ok=True)
    assert scores.false_positives == false_positives


def test_nothing_but_ignored_lesions_has_no_score():
    """BraTS 2023 makes the Dice 1 here, and where nothing is there and nothing predicted."""
    scores = match_lesions(mask_true=SOME, mask_pred=EMPTY, rules=BRATS_2023)
    assert math.isnan(scores.lesion_dice)
    assert math.isnan(scores.lesion_sensitivity)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"expected masks of shape \(S, H, W\), found \(3, 4\)"):
        match_lesions(mask_true=SOME[0], mask_pred=SOME[0])
    with pytest.raises(ValueError, match="differ in shape"):
        match_lesions(mask_true=SOME, mask_pred=SOME[:1])
    with pytest.raises(ValueError, match="mask_true: expected bool, found int64"):
        match_lesions(mask_true=SOME.astype(np.int64), mask_pred=SOME)
    with pytest.raises(ValueError, match="expected 0 or more"):
        LesionRules(dilation=-1)
    with pytest.raises(TypeError):
        match_lesions(SOME, SOME)


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)
RULES = st.builds(LesionRules, dilation=st.integers(0, 2), ignored_pixels=st.integers(0, 3))


@given(PAIRS, RULES)
def test_law_equals_the_slow_form(pair, rules):
    scores = match_lesions(mask_true=pair[0], mask_pred=pair[1], rules=rules)
    found = (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives)
    assert found == pytest.approx(slow_match(*pair, rules), nan_ok=True)


@pytest.mark.parametrize("rules", [OVERLAP, BRATS_2023, LesionRules(dilation=1, ignored_pixels=2)])
@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_form_on_blobs(seed, rules):
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(2, 8, 60, 60)), (0, 1, 2, 2))
    mask_true, mask_pred = (field > np.quantile(field, 0.985) for field in fields)
    scores = match_lesions(mask_true=mask_true, mask_pred=mask_pred, rules=rules)
    found = (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives)
    assert found == pytest.approx(slow_match(mask_true, mask_pred, rules), nan_ok=True)


@given(PAIRS)
def test_law_identical_masks_have_every_lesion(pair):
    mask = pair[0]
    mask.flat[0] = True
    scores = match_lesions(mask_true=mask, mask_pred=mask.copy())
    assert (scores.lesion_dice, scores.lesion_sensitivity, scores.false_positives) == (1, 1, 0)


@given(PAIRS)
def test_agrees_with_medpy_where_lesions_pair_one_to_one(pair):
    """There a predicted lesion finds one reference lesion at most, so fewer are found and more are made up.

    Both functions of medpy 0.5.2 take their arguments the other way round than they say: obj_tpr([1, 0, 1], [1, 0, 0])
    is 1/2, the share of the first array's objects that the second one has.
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
