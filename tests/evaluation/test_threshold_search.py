"""The choice of threshold and smallest lesion: what is tried, what is chosen, and the FLAIR threshold."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.evaluation import baselines
from brainseg.evaluation.cases import Case
from brainseg.evaluation.threshold_search import (
    SMALLEST_LESIONS,
    THRESHOLDS,
    ThresholdSearch,
    choose_operating_point,
    search_thresholds,
)
from brainseg.metrics.overlap import count
from brainseg.params import EvaluateParams
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.prediction.probability_maps import write_probabilities
from tests.evaluation.toy_patients import drawn, make_case, run_stage, write_split

BOTH = EvaluateParams(threshold="validation", smallest_lesion="validation")


def search_of(dice_by_point: dict[tuple[float, int], float]) -> ThresholdSearch:
    """A search of two patients with these Dice at these points, and 0 at all others."""
    dice = np.zeros((2, len(THRESHOLDS), len(SMALLEST_LESIONS)))
    for (threshold, size), value in dice_by_point.items():
        dice[:, THRESHOLDS.index(threshold), SMALLEST_LESIONS.index(size)] = value
    flair = np.full((2, len(baselines.THRESHOLDS)), 0.1)
    return ThresholdSearch(thresholds=THRESHOLDS, smallest_lesions=SMALLEST_LESIONS, dice=dice, flair_dice=flair)


def test_search_is_the_dice_of_the_mask_at_each_point() -> None:
    cases = [make_case(1), make_case(2)]
    search = search_thresholds(cases, BOTH)
    assert search.dice.shape == (2, len(THRESHOLDS), len(SMALLEST_LESIONS))
    for threshold in (0.05, 0.5, 0.95):
        for size in SMALLEST_LESIONS:
            point = OperatingPoint(threshold=threshold, smallest_lesion=size)
            expected = [
                count(mask_true=case.volume.mask_true, mask_pred=point.mask_of(case.probability)).dice for case in cases
            ]
            np.testing.assert_allclose(search.dice_at(point), expected)


def test_the_best_point_on_validation_is_chosen() -> None:
    point = choose_operating_point(search_thresholds([make_case(seed) for seed in range(5)], BOTH), BOTH)
    assert point.smallest_lesion == 10  # the false positive has 4 voxels
    assert 0.2 <= point.threshold <= 0.35


def test_a_gain_that_varies_between_patients_changes_nothing() -> None:
    """Four patients gain much at 0.05 and six lose a little: a gain on average, but within chance."""
    search = search_of({(0.5, 0): 0.7})
    dice = np.repeat(search.dice, 5, axis=0)
    dice[:, THRESHOLDS.index(0.05), 0] = 0.7 + np.array(
        [0.2, 0.11, 0.08, 0.07, 0.04, -0.05, -0.04, -0.02, -0.01, -0.01]
    )
    few = ThresholdSearch(**{**vars(search), "dice": dice})
    assert choose_operating_point(few, BOTH).threshold == 0.5
    many = ThresholdSearch(**{**vars(search), "dice": np.repeat(dice, 10, axis=0)})
    assert choose_operating_point(many, BOTH).threshold == 0.05


def test_a_single_patient_changes_nothing() -> None:
    point = choose_operating_point(search_thresholds([make_case(1)], BOTH), BOTH)
    assert point == OperatingPoint(threshold=0.5, smallest_lesion=0)


@pytest.mark.parametrize(
    ("dice_by_point", "expected"),
    [
        ({(0.3, 0): 0.8, (0.5, 0): 0.7}, (0.3, 0)),
        ({(0.3, 0): 0.8, (0.5, 0): 0.7995}, (0.5, 0)),  # a gain below 0.001 is no reason to leave 0.5
        ({(0.3, 0): 0.8, (0.5, 0): 0.7985}, (0.3, 0)),
        ({(0.5, 10): 0.8, (0.4, 0): 0.8}, (0.4, 0)),  # removing no lesion is simpler than a threshold of 0.5
        ({(0.5, 30): 0.8, (0.5, 100): 0.8}, (0.5, 30)),
        ({(0.45, 0): 0.8, (0.55, 0): 0.8}, (0.45, 0)),
    ],
)
def test_of_equal_points_the_simplest_is_chosen(dice_by_point: dict, expected: tuple[float, int]) -> None:
    point = choose_operating_point(search_of(dice_by_point), BOTH)
    assert (point.threshold, point.smallest_lesion) == expected


def test_a_fixed_number_is_used_as_it_is_and_the_other_value_chosen() -> None:
    params = EvaluateParams(threshold=0.333, smallest_lesion="validation")
    search = search_thresholds([make_case(seed) for seed in range(5)], params)
    assert 0.333 in search.thresholds
    assert choose_operating_point(search, params) == OperatingPoint(threshold=0.333, smallest_lesion=10)
    params = EvaluateParams(threshold="validation", smallest_lesion=5)
    assert choose_operating_point(search_thresholds([make_case(1)], params), params).smallest_lesion == 5


def test_fixed_numbers_need_no_validation_patient() -> None:
    params = EvaluateParams(threshold=0.5, smallest_lesion=0)
    search = search_thresholds([], params)
    point = choose_operating_point(search, params)
    assert point == OperatingPoint(threshold=0.5, smallest_lesion=0)
    assert len(search.dice_at(point)) == 0
    assert np.isnan(search.flair_threshold)


def test_without_a_validation_patient_with_a_dice_nothing_can_be_chosen() -> None:
    with pytest.raises(UserError, match=r"0 validation patient\(s\).*evaluate\.threshold: 0\.5"):
        choose_operating_point(search_thresholds([], BOTH), BOTH)
    empty = make_case(1, tumour=False)
    nothing = Case(**{**vars(empty), "probability": np.zeros_like(empty.probability)})
    with pytest.raises(UserError, match=r"1 validation patient\(s\), and none with tumour"):
        choose_operating_point(search_thresholds([nothing], BOTH), BOTH)


def test_for_a_patient_without_tumour_an_empty_prediction_counts_as_perfect() -> None:
    params = EvaluateParams(threshold=0.3, smallest_lesion="validation")
    search = search_thresholds([make_case(seed, tumour=False) for seed in range(5)] + [make_case(9)], params)
    assert np.isnan(search.dice[:5, search.thresholds.index(0.3), 1]).all()
    assert choose_operating_point(search, params).smallest_lesion == 10


def test_flair_threshold_is_the_best_one() -> None:
    case = make_case(1)
    search = search_thresholds([case], BOTH)
    np.testing.assert_array_equal(search.flair_dice[0], baselines.flair_dice(case))
    assert search.flair_threshold == baselines.THRESHOLDS[int(np.argmax(search.flair_dice[0]))]


def test_the_point_chosen_on_validation_is_written(project: Path) -> None:
    """Both validation patients have two pixels of probability 1: every threshold fits, removing 10 voxels does not."""
    one, two = "TOY_BB_VAL", "TOY_AA_TWO"
    write_split([("TOY_AA_ONE", 1, "test", 0), (one, 1, "validation", 0), (two, 1, "validation", 0)])
    mask_true = drawn(two)[0]
    write_probabilities(Path(f"data/predictions/{two}.npz"), mask_true.astype(np.float32), np.array([1, 2]))
    metrics = run_stage(threshold="validation", smallest_lesion="validation")
    assert (metrics["threshold"], metrics["smallest_lesion"]) == (0.5, 0)
    assert json.loads(Path("models/operating_point.json").read_text()) == {"threshold": 0.5, "smallest_lesion": 0}
    assert len(pd.read_csv("plots/dice_by_threshold.csv")) == 19
    write_probabilities(Path(f"data/predictions/{one}.npz"), drawn(one)[0] * np.float32(0.25), np.array([1]))
    write_probabilities(Path(f"data/predictions/{two}.npz"), mask_true * np.float32(0.25), np.array([1, 2]))
    assert run_stage(threshold="validation", smallest_lesion="validation")["threshold"] == 0.25


def test_a_run_without_validation_patients_needs_numbers(project: Path) -> None:
    write_split([("TOY_AA_ONE", 1, "test", 0)])
    with pytest.raises(UserError, match=r"0 validation patient\(s\).*evaluate\.smallest_lesion: 0"):
        run_stage(threshold="validation")
    assert not Path("metrics").exists()
    assert run_stage()["validation_dice_mean"] is None
    assert list(pd.read_csv("plots/dice_by_threshold.csv")) == ["threshold", "dice_mean", "dice_median", "chosen"]
