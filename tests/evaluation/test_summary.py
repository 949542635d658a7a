"""Tables and metrics of a run: means, medians and pooled scores by hand, undefined values."""

import math

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation.patient_scores import SCORES, PatientScores, SubsetScores
from brainseg.evaluation.summary import patient_table, score_table, summarise
from brainseg.metrics import probability as maps
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.prediction.withheld import WITHHELD
from tests.evaluation.toy_patients import run_stage, write_split


def counted(patient_id, **counts):
    """A patient of one slice with these pixel counts; every score but Dice is NaN."""
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
        withheld={},
    )


def subset(*patients):
    empty = np.zeros((2, maps.BINS), np.int64)
    return SubsetScores(patients=patients, histogram=empty, head_histogram=empty)


def test_mean_median_and_pooled_by_hand():
    patients = (
        counted("A", tp=1, fp=1, tn=2),  # dice 2/3
        counted("B", tp=90, fn=0, tn=10),  # dice 1
        counted("C", fn=10, tn=10),  # dice 0
    )
    dice = score_table(subset(*patients)).loc["dice"]
    assert dice["mean"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert dice["median"] == pytest.approx(2 / 3)
    assert dice["pooled"] == pytest.approx(2 * 91 / (2 * 91 + 1 + 10))
    assert dice["ci_low"] < dice["mean"] < dice["ci_high"]


def test_undefined_metrics_are_nan_without_a_warning():
    """A single patient without tumour, true or predicted."""
    test = subset(counted("A", tn=9))
    point = OperatingPoint(threshold=0.5, smallest_lesion=0)
    metrics = summarise(score_table(test), patient_table(test.patients), validation_dice=[], point=point)
    defined = {name: value for name, value in metrics.items() if not math.isnan(value)}
    assert defined == {"threshold": 0.5, "smallest_lesion": 0, "dice_left_out": 1}
    pooled = score_table(test)["pooled"].dropna()
    assert dict(pooled[[name for name in pooled.index if name.startswith("slice_")]]) == {"slice_specificity": 1}


def test_metrics_are_the_right_cells_of_the_table():
    columns = ["mean", "ci_low", "ci_high", "median", "left_out", "pooled", "background", "flair"]
    numbers = np.arange(len(SCORES) * len(columns), dtype=np.float64).reshape(len(SCORES), -1)
    scores = pd.DataFrame(numbers, index=list(SCORES), columns=columns)
    point = OperatingPoint(threshold=0.25, smallest_lesion=30)
    row = {name: len(columns) * position for position, name in enumerate(SCORES)}
    patients = pd.DataFrame({f"dice_{name}": [0.25, np.nan, 0.75] for name in WITHHELD})
    assert summarise(scores, patients, validation_dice=[0.25, 0.75], point=point) == {
        "validation_dice_mean": 0.5,
        "dice_mean": row["dice"],
        "dice_mean_ci_low": row["dice"] + 1,
        "dice_mean_ci_high": row["dice"] + 2,
        "dice_median": row["dice"] + 3,
        "dice_left_out": row["dice"] + 4,
        "flair_dice_mean": row["dice"] + 7,
        **{f"dice_{name}_mean": 0.5 for name in WITHHELD},
        "sensitivity_mean": row["sensitivity"],
        "precision_mean": row["precision"],
        "hd95_px_median": row["hd95_px"] + 3,
        "threshold": 0.25,
        "smallest_lesion": 30,
    }


def test_metrics_by_hand(project):
    expected = {
        "validation_dice_mean": 2 / 3,
        "dice_mean": (4 / 6 + 4 / 5) / 2,
        "dice_mean_ci_low": 4 / 6,  # a quarter of the resamples of two patients has the worse one twice
        "dice_mean_ci_high": 4 / 5,
        "dice_median": (4 / 6 + 4 / 5) / 2,
        "dice_left_out": 1,
        "flair_dice_mean": (2 * 4 / 34 + 2 * 2 / 32 + 0) / 3,  # images of one grey level: every pixel is at the mean
        "dice_flair_alone_mean": (2 / 5 + 0) / 2,
        "dice_without_pre_contrast_mean": (2 / 5 + 1) / 2,
        "dice_without_post_contrast_mean": (4 / 6 + 4 / 5) / 2,
        "sensitivity_mean": (2 / 4 + 1) / 2,
        "precision_mean": (1 + 2 / 3) / 2,
        "hd95_px_median": (1 + 0.9) / 2,  # 95th percentiles of 0 0 1 1 and of 0 0 1
        "threshold": 0.5,
        "smallest_lesion": 0,
    }
    metrics = run_stage()
    assert list(metrics) == list(expected)
    assert metrics == pytest.approx(expected, abs=1e-6)


def test_scores_by_hand(project):
    """The scores that metrics/evaluate.json does not repeat."""
    # The loss of each pixel that is not exactly right: X 1 and 5 . of ONE's slices, 8 8 and 5 of TWO, 1 of TEN.
    one = -math.log(0.125) - math.log(0.5) - math.log(1e-7) - math.log(0.875)
    two = -2 * math.log(0.875) - math.log(0.5)
    ten = -math.log(0.875)
    # Of 75 pixels, by probability: 67 of 0, 1 tumour; 3 of 0.125, 1; 2 of 0.5, 1; 2 of 0.875, 2; 1 of 1, 1.
    calibration_error = (1 + 3 * (1 / 3 - 0.125) + 0 + 2 * 0.125 + 0) / 75
    expected = {
        ("dice", "pooled"): 2 * 4 / (2 * 4 + 1 + 2),
        ("iou", "mean"): (2 / 4 + 2 / 3) / 2,
        ("specificity", "mean"): (1 + 27 / 28 + 1) / 3,
        ("volume_error", "median"): 0.5,
        ("hd95_px", "left_out"): 1,
        ("nsd_2px", "mean"): 1,
        ("lesion_sensitivity", "mean"): 1,
        ("lesion_false_positives", "mean"): 0,  # the false positive pixel of TWO is connected to the tumour
        ("slice_sensitivity", "pooled"): 2 / 2,
        ("slice_specificity", "pooled"): 2 / 3,
        ("slice_specificity", "mean"): (1 + 0 + 1) / 3,
        ("calibration_error", "pooled"): calibration_error,
        ("binary_cross_entropy_loss", "pooled"): (one + two + ten) / 75,
        ("accuracy", "mean"): (28 / 30 + 29 / 30 + 1) / 3,
        ("accuracy", "background"): (26 / 30 + 28 / 30 + 1) / 3,
    }
    run_stage()
    scores = pd.read_csv("metrics/scores.csv", index_col="score")
    assert {(name, column): scores.loc[name, column] for name, column in expected} == pytest.approx(expected)


def test_sites_by_hand(project):
    run_stage()
    sites = pd.read_csv("metrics/sites.csv", index_col="site")
    assert list(sites.index) == ["AA", "BB"]
    aa = {
        "patients": 2,
        "tumour_pixels_median": 3,
        "dice_mean": (4 / 6 + 4 / 5) / 2,
        "dice_min": 4 / 6,
        "dice_max": 0.8,
    }
    assert dict(sites.loc["AA", list(aa)]) == pytest.approx(aa)
    assert (sites.loc["BB", "patients"], sites.loc["BB", "dice_left_out"]) == (1, 1)
    assert np.isnan(sites.loc["BB", "dice_mean"])


def test_scores_are_listed_beside_both_baselines(project):
    run_stage()
    scores = pd.read_csv("metrics/scores.csv", index_col="score")
    assert list(scores.index) == list(SCORES)
    pooled = {"dice": 8 / 11, "iou": 4 / 7, "sensitivity": 4 / 6, "specificity": 68 / 69, "precision": 4 / 5}
    pooled |= {"accuracy": 72 / 75, "volume_bias": -1 / 6, "slice_specificity": 2 / 3}
    assert dict(scores.loc[list(pooled), "pooled"]) == pytest.approx(pooled)
    loss = -math.log(1e-7) * (4 / 30 + 2 / 30 + 0) / 3  # each missed pixel costs 16.1
    background = {"dice": 0, "sensitivity": 0, "specificity": 1, "volume_bias": -1, "binary_cross_entropy_loss": loss}
    assert dict(scores.loc[list(background), "background"]) == pytest.approx(background)
    assert np.isnan(scores.loc["precision", "background"])
    flair = {"sensitivity": 1, "specificity": 0, "slice_specificity": 0}
    assert dict(scores.loc[list(flair), "flair"]) == pytest.approx(flair)
    assert scores.loc["iou", "left_out"] == 1


def test_a_single_test_patient_has_scores_but_no_interval(project):
    write_split([("TOY_AA_ONE", 1, "test", 0), ("TOY_AA_ONE", 2, "test", 0), ("TOY_BB_VAL", 1, "validation", 0)])
    metrics = run_stage()
    assert metrics["dice_mean"] == pytest.approx(4 / 6, abs=1e-6)
    assert metrics["dice_mean_ci_low"] is None
    assert metrics["dice_mean_ci_high"] is None
