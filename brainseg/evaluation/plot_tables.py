"""Scores in, tables to plot out: what the stage evaluate writes under plots/."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.evaluation.patient_scores import PatientScores
from brainseg.evaluation.threshold_search import ThresholdSearch
from brainseg.metrics import calibration, probability
from brainseg.prediction.operating_point import OperatingPoint

PLOT_ROWS = 200  # DVC draws every row in the browser and git keeps them


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """All rows, or 200 spread evenly from the first to the last."""
    if len(table) <= PLOT_ROWS:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, PLOT_ROWS).round().astype(int)]


def confusion_table(patients: Sequence[PatientScores]) -> pd.DataFrame:
    """One row per slice, because DVC's confusion template counts rows: does it hold tumour, was any predicted."""
    words = ("no tumour", "tumour")
    rows = [
        (patient.patient_id, number, words[counts.tumour > 0], words[counts.predicted > 0])
        for patient in patients
        for number, counts in patient.slices.items()
    ]
    return pd.DataFrame(rows, columns=["patient_id", "slice_number", "actual", "predicted"])


def dice_table(patients: pd.DataFrame) -> pd.DataFrame:
    """patient_id and dice of an `evaluation.patient_table`, best first, without undefined ones; at most 200 rows."""
    return thinned(patients[["patient_id", "dice"]].dropna().sort_values("dice", ascending=False, kind="stable"))


def volume_table(patients: pd.DataFrame) -> pd.DataFrame:
    """patient_id, tumour_pixels and predicted_pixels of an `evaluation.patient_table`, smallest tumour first."""
    columns = ["patient_id", "tumour_pixels", "predicted_pixels"]
    return thinned(patients[columns].sort_values("tumour_pixels", kind="stable"))


def curve_table(histogram: NDArray[np.int64]) -> pd.DataFrame:
    """threshold, precision, sensitivity and dice of all pixels pooled, threshold falling, at most 200 rows.

    Of probabilities as they are: no small lesion is dropped.
    """
    curve = probability.precision_recall(histogram, points=PLOT_ROWS)
    names = ["threshold", "precision", "sensitivity", "dice"]
    return pd.DataFrame({name: getattr(curve, name) for name in names})


def reliability_table(head_histogram: NDArray[np.int64]) -> pd.DataFrame:
    """low, high, pixels, mean_probability and observed of the bins of probability that hold pixels of a head."""
    table = calibration.reliability(head_histogram)
    columns = {
        "low": table.low,
        "high": table.high,
        "pixels": table.count,
        "mean_probability": table.mean_probability,
        "observed": table.observed,
    }
    return pd.DataFrame(columns)[table.count > 0]


def threshold_table(found: ThresholdSearch, point: OperatingPoint) -> pd.DataFrame:
    """threshold, dice_mean and dice_median of the validation patients, small lesions dropped as the point has it."""
    rows = []
    for threshold in found.thresholds:
        dice = found.dice_at(OperatingPoint(threshold=threshold, smallest_lesion=point.smallest_lesion))
        dice = dice[~np.isnan(dice)]
        if len(dice):
            rows.append((threshold, float(np.mean(dice)), float(np.median(dice))))
    return pd.DataFrame(rows, columns=["threshold", "dice_mean", "dice_median"])
