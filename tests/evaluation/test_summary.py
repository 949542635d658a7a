"""From counts to tables: means, medians, what is undefined, what is refused."""

import math

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation import plot_tables
from brainseg.evaluation import summary as evaluation
from brainseg.evaluation.patient_scores import SCORES, PatientScores, SubsetScores, score_masks
from brainseg.metrics import probability as maps
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint


def counted(patient_id, **counts):
    scores = dict.fromkeys(SCORES, math.nan) | {"dice": Confusion(**counts).dice}
    return PatientScores(
        patient_id=patient_id,
        site="AA",
        slices={1: Confusion(**counts)},
        slice_score=np.zeros(1),
        lesions=1,
        model=scores,
        background=scores,
        flair=scores,
    )


def subset(*patients):
    empty = np.zeros((2, maps.BINS), np.int64)
    return SubsetScores(patients=patients, histogram=empty, head_histogram=empty)


def test_mean_median_and_pooled_differ_as_they_should():
    patients = (
        counted("A", tp=1, fp=1, tn=2),  # dice 2/3
        counted("B", tp=90, fn=0, tn=10),  # dice 1
        counted("C", fn=10, tn=10),  # dice 0
    )
    dice = evaluation.score_table(subset(*patients)).loc["dice"]
    assert dice["mean"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert dice["median"] == pytest.approx(2 / 3)
    assert dice["pooled"] == pytest.approx(2 * 91 / (2 * 91 + 1 + 10))
    assert dice["ci_low"] < dice["mean"] < dice["ci_high"]


def test_everything_undefined_is_null_and_warns_of_nothing():
    """One patient in all, without tumour, true or predicted."""
    test = subset(counted("A", tn=9))
    point = OperatingPoint(threshold=0.5, smallest_lesion=0)
    metrics = evaluation.summarise(evaluation.score_table(test), test, validation_dice=[], point=point)
    defined = {name: value for name, value in metrics.items() if not math.isnan(value)}
    assert defined == {
        "scored_patients": 1,
        "threshold": 0.5,
        "smallest_lesion": 0,
        "dice_left_out": 1,
        "hd95_px_left_out": 1,
        "slice_specificity": 1,
    }


def masks(**changes):
    whole = {
        "mask_true": np.ones((2, 3, 4), np.bool_),
        "mask_pred": np.ones((2, 3, 4), np.bool_),
        "probability_pred": np.ones((2, 3, 4), np.float32),
        "head": np.ones((2, 3, 4), np.bool_),
    }
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask_pred": np.ones((2, 4, 3), np.bool_)}, r"differ in shape: \(2, 3, 4\) and \(2, 4, 3\)"),
        ({"mask_true": np.ones((2, 3, 4), np.uint8)}, "mask_true: expected bool, found uint8"),
        ({"mask_pred": np.ones((2, 3, 4))}, "mask_pred: expected bool, found float64"),
        ({"probability_pred": np.full((2, 3, 4), np.nan, np.float32)}, "others or NaN"),
        ({"probability_pred": np.ones((2, 3, 4), np.int64)}, "probability: expected floating, found int64"),
        ({"head": np.ones((2, 3, 4), np.uint8)}, "head: expected bool, found uint8"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        score_masks(**masks(**changes))


def test_a_perfect_model_has_the_best_of_every_score():
    mask_true = np.zeros((2, 6, 6), np.bool_)
    mask_true[0, 1:4, 1:4] = True
    scores = score_masks(
        **masks(
            mask_true=mask_true,
            mask_pred=mask_true,
            probability_pred=mask_true.astype(np.float32),
            head=np.ones_like(mask_true),
        )
    )
    best = {name: 0 if name.endswith(("_error", "_loss", "_bias", "_px", "_positives")) else 1 for name in SCORES}
    assert scores == pytest.approx(best | {"binary_cross_entropy_loss": 0})


def test_a_long_history_is_thinned_from_first_to_last():
    history = pd.DataFrame({"epoch": np.arange(1, 1001)})
    thinned = plot_tables.thinned(history)["epoch"]
    assert len(thinned.unique()) == 200
    assert (thinned.iloc[0], thinned.iloc[-1]) == (1, 1000)
