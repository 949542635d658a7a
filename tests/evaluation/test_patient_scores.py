"""Scores of patients: numbers worked out by hand, bad input, perfect predictions, memory."""

import weakref

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation import cases
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS, SCORES, score_masks
from brainseg.prediction.withheld import WITHHELD
from tests.evaluation.toy_patients import run_stage


def masks(**changes):
    """Arguments of `score_masks`: everything is tumour and predicted as such."""
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
def test_arrays_that_do_not_match_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        score_masks(**masks(**changes))


def test_a_perfect_model_has_the_best_value_of_every_score():
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
    assert best == {name: 1 if better == "higher" else 0 for name, better in SCORES.items()}


def test_patients_by_hand(project):
    run_stage()
    patients = pd.read_csv("metrics/patients.csv", index_col="patient_id")
    assert ["patient_id", *patients.columns] == list(PATIENT_COLUMNS)
    assert list(patients.index) == ["TOY_AA_ONE", "TOY_AA_TWO", "TOY_BB_TEN"]
    one = patients.loc["TOY_AA_ONE"]
    counts = one[["site", "slices", "slices_with_tumour", "tumour_pixels", "predicted_pixels", "lesions"]]
    assert list(counts) == ["AA", 2, 1, 4, 2, 1]
    scores = {"dice": 4 / 6, "iou": 0.5, "sensitivity": 0.5, "specificity": 1, "precision": 1, "accuracy": 28 / 30}
    assert dict(one[list(scores)]) == pytest.approx(scores)
    assert one["soft_dice_loss"] == pytest.approx(1 - 2 * 1.625 / (4 + 1.75))
    undefined = patients.loc["TOY_BB_TEN"].isna()
    assert list(undefined[undefined].index) == [
        "dice",
        "iou",
        "sensitivity",
        "precision",
        "volume_error",
        "volume_bias",
        "hd95_px",
        "assd_px",
        "nsd_2px",
        "lesion_dice",
        "lesion_sensitivity",
        "slice_sensitivity",
        "slice_auc",
        *(f"dice_{name}" for name in WITHHELD),
    ]
    assert patients.loc["TOY_BB_TEN", "soft_dice_loss"] == 1  # low probabilities where there is no tumour


def test_a_probability_at_the_threshold_is_tumour(project):
    assert run_stage(threshold=0.875)["sensitivity_mean"] == pytest.approx((1 / 4 + 1) / 2, abs=1e-6)
    assert run_stage(threshold=0.8751)["sensitivity_mean"] == pytest.approx((1 / 4 + 0) / 2, abs=1e-6)


def test_small_lesions_are_removed_before_scoring(project):
    metrics = run_stage(smallest_lesion=3)
    patients = pd.read_csv("metrics/patients.csv", index_col="patient_id")
    assert list(patients["predicted_pixels"]) == [0, 3, 0]
    assert metrics["precision_mean"] == pytest.approx(2 / 3, abs=1e-6)
    assert patients["hd95_px"].isna().sum() == 2
    assert pd.read_csv("plots/precision_recall.csv")["threshold"].iloc[0] == 1  # of the original probabilities


def test_memory_does_not_grow_with_the_number_of_patients(project, monkeypatch):
    """While a patient is read, at most the previous one is still held."""
    volumes, held = [], []
    read = cases.read_volume

    def watched(*args):
        held.append(sum(volume() is not None for volume in volumes))
        volume = read(*args)
        volumes.append(weakref.ref(volume))
        return volume

    monkeypatch.setattr(cases, "read_volume", watched)
    run_stage()
    assert len(held) == 4
    assert max(held) <= 1
