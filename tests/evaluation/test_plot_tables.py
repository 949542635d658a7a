"""Tables for `dvc plots`: rows worked out by hand, and long tables thinned."""

from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.evaluation import plot_tables
from tests.evaluation.toy_patients import run_stage


def test_confusion_has_one_row_per_slice(project):
    run_stage()
    assert Path("plots/confusion.csv").read_text() == (
        "patient_id,slice_number,actual,predicted\n"
        "TOY_AA_ONE,1,tumour,tumour\n"
        "TOY_AA_ONE,2,no tumour,no tumour\n"
        "TOY_AA_TWO,1,tumour,tumour\n"
        "TOY_AA_TWO,2,no tumour,tumour\n"
        "TOY_BB_TEN,1,no tumour,no tumour\n"
    )


def test_patients_are_sorted_by_dice_and_by_volume(project):
    run_stage()
    assert Path("plots/dice_by_patient.csv").read_text() == (
        "patient_id,dice\nTOY_AA_TWO,0.8\nTOY_AA_ONE,0.666666667\n"  # best first, without the undefined one
    )
    assert Path("plots/volumes.csv").read_text() == (
        "patient_id,tumour_pixels,predicted_pixels\nTOY_BB_TEN,0,0\nTOY_AA_TWO,2,3\nTOY_AA_ONE,4,2\n"
    )


def test_precision_recall_by_hand(project):
    run_stage()
    curve = pd.read_csv("plots/precision_recall.csv")
    expected = [  # threshold, precision, sensitivity, dice; 1, 3, 5, 8 and all 75 pixels predicted, 6 are tumour
        (1.0, 1 / 1, 1 / 6, 2 / 7),
        (0.875, 3 / 3, 3 / 6, 6 / 9),
        (0.5, 4 / 5, 4 / 6, 8 / 11),
        (0.125, 5 / 8, 5 / 6, 10 / 14),
        (0.0, 6 / 75, 6 / 6, 12 / 81),
    ]
    assert list(curve) == ["threshold", "precision", "sensitivity", "dice"]
    np.testing.assert_allclose(curve, expected, rtol=1e-8)


def test_reliability_by_hand(project):
    run_stage()
    reliability = pd.read_csv("plots/reliability.csv")
    assert list(reliability["pixels"]) == [67, 3, 2, 2, 1]  # without empty bins
    np.testing.assert_allclose(reliability["observed"], [1 / 67, 1 / 3, 1 / 2, 1, 1], rtol=1e-8)


def test_history_and_dice_by_threshold(project):
    run_stage()
    pd.testing.assert_frame_equal(pd.read_csv("plots/history.csv"), pd.read_csv("models/history.csv"))
    by_threshold = pd.read_csv("plots/dice_by_threshold.csv")
    assert list(by_threshold["dice_mean"].round(6).unique()) == [0.666667]


def test_a_long_history_is_thinned_from_first_to_last():
    history = pd.DataFrame({"epoch": np.arange(1, 1001)})
    epochs = plot_tables.thin(history)["epoch"]
    assert len(epochs.unique()) == 200
    assert (epochs.iloc[0], epochs.iloc[-1]) == (1, 1000)
