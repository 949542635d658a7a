"""Summarise the scores of patients: the tables and metrics that the stage evaluate writes under metrics/."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from brainseg.evaluation.patient_scores import OVERLAPS, PATIENT_COLUMNS, SCORES, PatientScores, SubsetScores
from brainseg.metrics import bootstrap, calibration, detection
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.prediction.withheld import WITHHELD


def patient_table(patients: Sequence[PatientScores]) -> pd.DataFrame:
    """Make metrics/patients.csv: one row per patient, columns `PATIENT_COLUMNS`."""
    rows = [
        {
            "patient_id": patient.patient_id,
            "site": patient.site,
            "slices": len(patient.slices),
            "slices_with_tumour": sum(counts.tumour > 0 for counts in patient.slices.values()),
            "tumour_pixels": patient.total.tumour,
            "predicted_pixels": patient.total.predicted,
            "lesions": patient.lesions,
            **patient.model,
            "flair_dice": patient.flair["dice"],
            **{f"dice_{name}": dice for name, dice in patient.withheld.items()},
        }
        for patient in patients
    ]
    return pd.DataFrame(rows, columns=list(PATIENT_COLUMNS)).astype(PATIENT_COLUMNS)


def score_table(test: SubsetScores) -> pd.DataFrame:
    """Make metrics/scores.csv: every score with its interval, beside those of the two untrained baselines.

    Args:
        test: scores of a subset, at least one patient.

    Returns:
        One row per score, indexed by name. Columns: mean with ci_low and ci_high (95 %, patients resampled), median,
        left_out (number of patients without a value), pooled (of all pixels or slices together, so that a large patient
        has more weight), and the means of the all-background baseline (background) and of the FLAIR-threshold baseline
        (flair). NaN where undefined.
    """
    values = pd.DataFrame([patient.model for patient in test.patients], dtype="float64")
    means = {name: bootstrap.interval(values[name]) for name in SCORES}
    return pd.DataFrame(
        {
            "mean": {name: mean.value for name, mean in means.items()},
            "ci_low": {name: mean.ci_low for name, mean in means.items()},
            "ci_high": {name: mean.ci_high for name, mean in means.items()},
            "median": values.median(),
            "left_out": {name: mean.left_out for name, mean in means.items()},
            "pooled": pd.Series(_pooled_scores(test), dtype="float64"),
            "background": pd.DataFrame([patient.background for patient in test.patients], dtype="float64").mean(),
            "flair": pd.DataFrame([patient.flair for patient in test.patients], dtype="float64").mean(),
        },
        index=list(SCORES),
    )


def site_table(patients: pd.DataFrame) -> pd.DataFrame:
    """Make metrics/sites.csv: one row per site, sorted by its code.

    Args:
        patients: a table with `PATIENT_COLUMNS`.

    Returns:
        Columns site, patients, tumour_pixels_median, dice_mean, dice_median, dice_min, dice_max, dice_left_out,
        sensitivity_mean, precision_mean, volume_bias_median, hd95_px_median, flair_dice_mean. It has minimum and
        maximum instead of an interval, because sites have few patients and an interval from few is too narrow.
    """
    sites = patients.groupby("site")
    table = sites.agg(
        patients=("patient_id", "size"),
        tumour_pixels_median=("tumour_pixels", "median"),
        dice_mean=("dice", "mean"),
        dice_median=("dice", "median"),
        dice_min=("dice", "min"),
        dice_max=("dice", "max"),
        dice_left_out=("dice", lambda dice: int(dice.isna().sum())),
        sensitivity_mean=("sensitivity", "mean"),
        precision_mean=("precision", "mean"),
        volume_bias_median=("volume_bias", "median"),
        hd95_px_median=("hd95_px", "median"),
        flair_dice_mean=("flair_dice", "mean"),
    )
    return table.reset_index()


def summarise(
    scores: pd.DataFrame, patients: pd.DataFrame, *, validation_dice: Sequence[float], point: OperatingPoint
) -> dict[str, float | int]:
    """Select the metrics of metrics/evaluate.json: the few that `dvc metrics` and `dvc exp show` put side by side.

    Args:
        scores: `score_table` of the test subset; metrics/scores.csv has all of it.
        patients: `patient_table` of the test subset, for the Dice without some of the sequences.
        validation_dice: Dice of each validation patient at the operating point; may be empty, then its mean is NaN. To
            choose between experiments, compare this mean instead of scores on the test subset.
        point: the operating point.

    Returns:
        name -> value, NaN where undefined.
    """
    dice = scores.loc["dice"]
    return {
        "validation_dice_mean": pd.Series(validation_dice, dtype="float64").mean(),
        "dice_mean": dice["mean"],
        "dice_mean_ci_low": dice["ci_low"],
        "dice_mean_ci_high": dice["ci_high"],
        "dice_median": dice["median"],
        "dice_left_out": int(dice["left_out"]),
        "flair_dice_mean": dice["flair"],
        **{f"dice_{name}_mean": patients[f"dice_{name}"].mean() for name in WITHHELD},
        "sensitivity_mean": scores.loc["sensitivity", "mean"],
        "precision_mean": scores.loc["precision", "mean"],
        "hd95_px_median": scores.loc["hd95_px", "median"],
        "threshold": point.threshold,
        "smallest_lesion": point.smallest_lesion,
    }


def _pooled_scores(test: SubsetScores) -> dict[str, float]:
    """Scores of all pixels, or of all slices, of the subset together, as far as they are defined."""
    pixels, slices = test.pooled, _count_slices(test.slices)
    losses = [patient.model["binary_cross_entropy_loss"] for patient in test.patients]
    return {name: getattr(pixels, name) for name in (*OVERLAPS, "volume_error", "volume_bias")} | {
        "slice_sensitivity": slices.sensitivity,
        "slice_specificity": slices.specificity,
        "slice_auc": detection.auc(
            slice_true=np.array([counts.tumour > 0 for counts in test.slices]),
            slice_score=np.concatenate([patient.slice_score for patient in test.patients]),
        ),
        "calibration_error": calibration.reliability(test.head_histogram).expected_calibration_error,
        "brier_loss": calibration.brier_loss(test.head_histogram),
        "binary_cross_entropy_loss": float(
            np.average(losses, weights=[patient.total.pixels for patient in test.patients])
        ),
    }


def _count_slices(slices: Sequence[Confusion]) -> Confusion:
    """Count slices by whether they contain tumour and whether tumour was predicted in them."""
    pairs = [(counts.tumour > 0, counts.predicted > 0) for counts in slices]
    return Confusion(
        tp=pairs.count((True, True)),
        fp=pairs.count((False, True)),
        fn=pairs.count((True, False)),
        tn=pairs.count((False, False)),
    )
