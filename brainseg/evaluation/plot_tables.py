"""Tables that the stage evaluate writes under plots/, for `dvc plots` to draw."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.evaluation.patient_scores import PatientScores
from brainseg.evaluation.threshold_search import ThresholdSearch
from brainseg.metrics import calibration, probability
from brainseg.prediction.operating_point import OperatingPoint

MAX_ROWS = 200  # DVC draws every row in the browser, and git keeps them


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Keep at most 200 rows, evenly spaced from the first to the last."""
    if len(table) <= MAX_ROWS:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, MAX_ROWS).round().astype(int)]


def confusion_table(patients: Sequence[PatientScores]) -> pd.DataFrame:
    """List whether each slice contains tumour and whether tumour was predicted; DVC's template counts the rows.

    Args:
        patients: the scored patients.

    Returns:
        One row per slice: patient_id, slice_number, and actual and predicted, which are "tumour" or "no tumour".
    """
    words = ("no tumour", "tumour")
    rows = [
        (patient.patient_id, number, words[counts.tumour > 0], words[counts.predicted > 0])
        for patient in patients
        for number, counts in patient.slices.items()
    ]
    return pd.DataFrame(rows, columns=["patient_id", "slice_number", "actual", "predicted"])


def dice_table(patients: pd.DataFrame) -> pd.DataFrame:
    """Select patient_id and dice, best first, without undefined values, at most 200 rows."""
    return thin(patients[["patient_id", "dice"]].dropna().sort_values("dice", ascending=False, kind="stable"))


def volume_table(patients: pd.DataFrame) -> pd.DataFrame:
    """Select patient_id, tumour_pixels and predicted_pixels, smallest tumour first, at most 200 rows."""
    columns = ["patient_id", "tumour_pixels", "predicted_pixels"]
    return thin(patients[columns].sort_values("tumour_pixels", kind="stable"))


def curve_table(histogram: NDArray[np.int64]) -> pd.DataFrame:
    """Tabulate the precision-recall curve of all pixels pooled, at most 200 rows.

    Args:
        histogram: counts as of `brainseg.metrics.probability.histogram`. They are of the probabilities, so small
            lesions are not removed.

    Returns:
        Columns threshold (descending), precision, sensitivity, dice.
    """
    curve = probability.precision_recall(histogram, points=MAX_ROWS)
    names = ["threshold", "precision", "sensitivity", "dice"]
    return pd.DataFrame({name: getattr(curve, name) for name in names})


def reliability_table(head_histogram: NDArray[np.int64]) -> pd.DataFrame:
    """Tabulate mean predicted probability and observed tumour frequency per bin, without empty bins.

    Args:
        head_histogram: counts as of `brainseg.metrics.calibration.histogram_inside`.

    Returns:
        Columns low, high, pixels, mean_probability, observed.
    """
    table = calibration.reliability(head_histogram)
    columns = {
        "low": table.low,
        "high": table.high,
        "pixels": table.count,
        "mean_probability": table.mean_probability,
        "observed": table.observed,
    }
    return pd.DataFrame(columns)[table.count > 0]


def threshold_table(search: ThresholdSearch, point: OperatingPoint) -> pd.DataFrame:
    """Tabulate the Dice of the validation patients at each threshold, with small lesions removed as in `point`.

    Args:
        search: the result of the search on the validation patients.
        point: the operating point; only its smallest lesion is used.

    Returns:
        Columns threshold, dice_mean, dice_median; no rows if no patient has a Dice.
    """
    rows = []
    for threshold in search.thresholds:
        dice = search.dice_at(OperatingPoint(threshold=threshold, smallest_lesion=point.smallest_lesion))
        dice = dice[~np.isnan(dice)]
        if len(dice):
            rows.append((threshold, float(np.mean(dice)), float(np.median(dice))))
    return pd.DataFrame(rows, columns=["threshold", "dice_mean", "dice_median"])
