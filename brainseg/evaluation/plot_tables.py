"""Tables that the stage evaluate writes under plots/, for `dvc plots` to draw."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.evaluation.patient_scores import PatientScores
from brainseg.evaluation.threshold_search import ThresholdSearch
from brainseg.metrics import calibration, probability
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.terminal import printable

MAX_ROWS = 200  # DVC draws every row in the browser, and git keeps them


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Keep at most 200 rows, evenly spaced from the first to the last."""
    if len(table) <= MAX_ROWS:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, MAX_ROWS).round().astype(int)]


def escape_text(table: pd.DataFrame) -> pd.DataFrame:
    r"""Escape identifiers before they are written, because DVC copies the tables into a script of its page.

    Args:
        table: a table to plot.

    Returns:
        The table with escapes such as \x3c in place of <, > and &, with which an identifier could end the script and
        start another one, and of what `printable` escapes.
    """
    text = table.select_dtypes(["str", "object"])
    return table.assign(**{name: text[name].map(_escape) for name in text})


def _escape(text: str) -> str:
    return "".join(f"\\x{ord(character):02x}" if character in "<>&" else character for character in printable(text))


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


def curve_table(histogram: NDArray[np.int64], point: OperatingPoint) -> pd.DataFrame:
    """Tabulate the precision-recall curve of all pixels pooled, at most 200 rows.

    Args:
        histogram: counts, as returned by `brainseg.metrics.probability.histogram`. They are of the probabilities, so
            small lesions are not removed.
        point: the operating point; only its threshold is used.

    Returns:
        Columns threshold (descending), precision, sensitivity, dice, chosen: 1 in the row of the operating point's
        threshold, which is missing if no probability reaches it; 0 in all others.
    """
    curve, exact = (_curve(histogram, points) for points in (MAX_ROWS - 1, probability.BINS))
    reached = exact[exact["threshold"] >= np.float32(point.threshold)].tail(1)
    for occurring in reached["threshold"]:  # the lowest probability that is tumour: the same mask as at the threshold
        row = reached.assign(threshold=point.threshold, chosen=1)
        higher, lower = curve[curve["threshold"] > occurring], curve[curve["threshold"] < occurring]
        curve = pd.concat([higher, row, lower], ignore_index=True)
    return curve


def _curve(histogram: NDArray[np.int64], points: int) -> pd.DataFrame:
    """Tabulate the curve at up to this many thresholds, none of them chosen."""
    curve = probability.precision_recall(histogram, points=points)
    names = ["threshold", "precision", "sensitivity", "dice"]
    return pd.DataFrame({name: getattr(curve, name) for name in names}).assign(chosen=0)


def reliability_table(head_histogram: NDArray[np.int64]) -> pd.DataFrame:
    """Tabulate mean predicted probability and observed tumour frequency per bin, without empty bins.

    Args:
        head_histogram: counts, as returned by `brainseg.metrics.calibration.histogram_inside`.

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
        point: the operating point.

    Returns:
        Columns threshold, dice_mean, dice_median, chosen: 1 in the row of the operating point, 0 in all others; no rows
        if no patient has a Dice.
    """
    rows = []
    for threshold in search.thresholds:
        dice = search.dice_at(OperatingPoint(threshold=threshold, smallest_lesion=point.smallest_lesion))
        dice = dice[~np.isnan(dice)]
        if len(dice):
            chosen = int(threshold == point.threshold)
            rows.append((threshold, float(np.mean(dice)), float(np.median(dice)), chosen))
    return pd.DataFrame(rows, columns=["threshold", "dice_mean", "dice_median", "chosen"])
