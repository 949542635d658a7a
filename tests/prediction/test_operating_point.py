"""Threshold and smallest lesion: what is tried, what is chosen, and the trivial model's threshold."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.evaluation import baselines
from brainseg.evaluation.cases import Case
from brainseg.evaluation.threshold_search import SMALLEST_LESIONS, THRESHOLDS, ThresholdSearch, choose, search
from brainseg.imaging.head import head_mask
from brainseg.imaging.preprocessing import fit_preprocessing
from brainseg.imaging.volume import FLAIR, Volume
from brainseg.metrics.overlap import dice
from brainseg.params import EvaluateParams
from brainseg.prediction.operating_point import OperatingPoint, read_operating_point, write_operating_point

BOTH = EvaluateParams(threshold="validation", smallest_lesion="validation")


def case(seed: int = 0, *, tumour: bool = True) -> Case:
    """A cube of tumour, bright on FLAIR, found with doubts, and a small bright spot elsewhere that is none."""
    rng = np.random.default_rng(seed)
    mask_true = np.zeros((6, 24, 24), np.bool_)
    mask_true[1:5, 4:12, 4:12] = tumour
    probability = np.where(mask_true, rng.uniform(0.3, 1, mask_true.shape), rng.uniform(0, 0.2, mask_true.shape))
    probability[5, 20:22, 20:22] = 0.95
    image = rng.integers(40, 100, (*mask_true.shape, 3), dtype=np.uint8)
    image[mask_true] += 100
    volume = Volume(patient_id=f"p{seed}", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 7))
    return Case(
        site="AA",
        volume=volume,
        probability=probability.astype(np.float32),
        head=head_mask(image),
        normalisation=fit_preprocessing(image, "brain_zscore", "head").normalisation,
    )


def found(dice_by_point: dict[tuple[float, int], float]) -> ThresholdSearch:
    """Two patients with these Dice, 0 at all other points."""
    values = np.zeros((2, len(THRESHOLDS), len(SMALLEST_LESIONS)))
    for (threshold, size), value in dice_by_point.items():
        values[:, THRESHOLDS.index(threshold), SMALLEST_LESIONS.index(size)] = value
    flair = np.full((2, len(baselines.THRESHOLDS)), 0.1)
    return ThresholdSearch(thresholds=THRESHOLDS, smallest_lesions=SMALLEST_LESIONS, dice=values, flair_dice=flair)


def test_a_probability_at_the_threshold_is_tumour() -> None:
    point = OperatingPoint(threshold=0.5, smallest_lesion=0)
    assert point.mask_of(np.full((1, 2, 2), 0.5, np.float32)).all()
    assert not point.mask_of(np.full((1, 2, 2), np.nextafter(np.float32(0.5), 0), np.float32)).any()


def test_search_is_the_dice_of_the_mask_at_each_point() -> None:
    cases = [case(1), case(2)]
    result = search(cases, BOTH)
    assert result.dice.shape == (2, len(THRESHOLDS), len(SMALLEST_LESIONS))
    for threshold in (0.05, 0.5, 0.95):
        for size in SMALLEST_LESIONS:
            point = OperatingPoint(threshold=threshold, smallest_lesion=size)
            expected = [dice(mask_true=c.volume.mask_true, mask_pred=point.mask_of(c.probability)) for c in cases]
            np.testing.assert_allclose(result.dice_at(point), expected)


def test_the_point_that_is_best_on_validation_is_chosen() -> None:
    point = choose(search([case(seed) for seed in range(5)], BOTH), BOTH)
    assert point.smallest_lesion == 10  # the spot has 4 voxels
    assert 0.2 <= point.threshold <= 0.35


def test_what_patients_do_not_agree_on_moves_nothing() -> None:
    """Four gain much at 0.05 and six lose a little: on average a gain, and no evidence of one."""
    result = found({(0.5, 0): 0.7})
    dice = np.repeat(result.dice, 5, axis=0)
    dice[:, THRESHOLDS.index(0.05), 0] = 0.7 + np.array(
        [0.2, 0.11, 0.08, 0.07, 0.04, -0.05, -0.04, -0.02, -0.01, -0.01]
    )
    few = ThresholdSearch(**{**vars(result), "dice": dice})
    assert choose(few, BOTH).threshold == 0.5
    many = ThresholdSearch(**{**vars(result), "dice": np.repeat(dice, 10, axis=0)})
    assert choose(many, BOTH).threshold == 0.05


def test_one_patient_moves_nothing() -> None:
    point = choose(search([case(1)], BOTH), BOTH)
    assert point == OperatingPoint(threshold=0.5, smallest_lesion=0)


@pytest.mark.parametrize(
    ("dice_by_point", "expected"),
    [
        ({(0.3, 0): 0.8, (0.5, 0): 0.7}, (0.3, 0)),
        ({(0.3, 0): 0.8, (0.5, 0): 0.7995}, (0.5, 0)),  # less than a thousandth is no reason
        ({(0.3, 0): 0.8, (0.5, 0): 0.7985}, (0.3, 0)),
        ({(0.5, 10): 0.8, (0.4, 0): 0.8}, (0.4, 0)),  # dropping nothing is simpler than staying at 0.5
        ({(0.5, 30): 0.8, (0.5, 100): 0.8}, (0.5, 30)),
        ({(0.45, 0): 0.8, (0.55, 0): 0.8}, (0.45, 0)),
    ],
)
def test_ties_go_to_the_simplest(dice_by_point: dict, expected: tuple[float, int]) -> None:
    point = choose(found(dice_by_point), BOTH)
    assert (point.threshold, point.smallest_lesion) == expected


def test_a_number_is_taken_as_it_is_and_the_other_one_chosen() -> None:
    params = EvaluateParams(threshold=0.333, smallest_lesion="validation")
    result = search([case(seed) for seed in range(5)], params)
    assert 0.333 in result.thresholds
    assert choose(result, params) == OperatingPoint(threshold=0.333, smallest_lesion=10)
    params = EvaluateParams(threshold="validation", smallest_lesion=5)
    assert choose(search([case(1)], params), params).smallest_lesion == 5


def test_numbers_need_no_validation_patient() -> None:
    params = EvaluateParams(threshold=0.5, smallest_lesion=0)
    result = search([], params)
    point = choose(result, params)
    assert point == OperatingPoint(threshold=0.5, smallest_lesion=0)
    assert len(result.dice_at(point)) == 0
    assert np.isnan(result.flair_threshold)


def test_without_a_validation_patient_with_a_dice_nothing_can_be_chosen() -> None:
    with pytest.raises(UserError, match=r"0 validation patient\(s\).*evaluate\.threshold: 0\.5"):
        choose(search([], BOTH), BOTH)
    empty = case(1, tumour=False)
    nothing = Case(**{**vars(empty), "probability": np.zeros_like(empty.probability)})
    with pytest.raises(UserError, match=r"1 validation patient\(s\), and none with tumour"):
        choose(search([nothing], BOTH), BOTH)


def test_a_patient_without_tumour_asks_for_nothing_to_be_found() -> None:
    params = EvaluateParams(threshold=0.3, smallest_lesion="validation")
    result = search([case(seed, tumour=False) for seed in range(5)] + [case(9)], params)
    assert np.isnan(result.dice[:5, result.thresholds.index(0.3), 1]).all()
    assert choose(result, params).smallest_lesion == 10


def test_flair_threshold_is_the_best_one() -> None:
    one = case(1)
    result = search([one], BOTH)
    by_hand = [
        dice(mask_true=one.volume.mask_true, mask_pred=baselines.flair_mask(one, threshold))
        for threshold in baselines.THRESHOLDS
    ]
    np.testing.assert_allclose(result.flair_dice[0], by_hand)
    assert result.flair_threshold == baselines.THRESHOLDS[int(np.argmax(by_hand))]
    assert max(by_hand) > 0.95


def test_flair_mask_is_of_normalised_flair() -> None:
    one = case(1)
    normalised = one.normalisation(one.volume.image)[..., FLAIR]
    np.testing.assert_array_equal(baselines.flair_mask(one, 1.3), normalised >= 1.3)


def test_point_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "models/operating_point.json"
    point = OperatingPoint(threshold=1e-7, smallest_lesion=30)
    write_operating_point(path, point)
    assert read_operating_point(path) == point


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"threshold": 2, "smallest_lesion": 0}',
        '{"threshold": 0.5, "smallest_lesion": -1}',
        '{"threshold": "0.5", "smallest_lesion": 1}',
        '{"threshold": 0.5, "smallest_lesion": 0, "test_time_flip": true}',
    ],
)
def test_what_is_no_point_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "operating_point.json"
    with pytest.raises(UserError, match=r"not found.*dvc repro evaluate"):
        read_operating_point(path)
    path.write_text(text)
    with pytest.raises(UserError, match=r"operating_point\.json: not readable.*--force evaluate"):
        read_operating_point(path)
