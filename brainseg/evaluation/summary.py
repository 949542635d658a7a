"""Scores in, tables and metrics out: what the stage evaluate writes under metrics/."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from brainseg.evaluation.patient_scores import OVERLAPS, SCORES, PatientScores, SubsetScores
from brainseg.metrics import bootstrap, calibration, detection
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint

SEED = 21  # of the resamples: the same for every score, so that all intervals are of the same draws of patients


def patient_table(patients: Sequence[PatientScores]) -> pd.DataFrame:
    """One row per patient: identity, sizes in voxels, `SCORES` (NaN where undefined), and the trivial model's Dice."""
    columns = ["patient_id", "site", "slices", "slices_with_tumour", "tumour_pixels", "predicted_pixels", "lesions"]
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
        }
        for patient in patients
    ]
    return pd.DataFrame(rows, columns=[*columns, *SCORES, "flair_dice"])


def score_table(test: SubsetScores) -> pd.DataFrame:
    """Every score with its interval, beside those of the two models that anyone can have.

    Args:
        test: scores of a subset, at least one patient.

    Returns:
        A row per score, by name. Columns: mean with ci_low and ci_high (95 %, patients resampled), median, left_out
        (how many patients have no value), pooled (all pixels or slices at once, so that a large patient weighs more),
        and the means of the model that finds nothing (background) and of the trivial one (flair). NaN where undefined.
    """
    values = pd.DataFrame([patient.model for patient in test.patients], dtype="float64")
    means = {name: bootstrap.interval(values[name], seed=SEED) for name in SCORES}
    return pd.DataFrame(
        {
            "mean": {name: found.value for name, found in means.items()},
            "ci_low": {name: found.ci_low for name, found in means.items()},
            "ci_high": {name: found.ci_high for name, found in means.items()},
            "median": values.median(),
            "left_out": {name: found.left_out for name, found in means.items()},
            "pooled": pd.Series(_pooled(test), dtype="float64"),
            "background": pd.DataFrame([patient.background for patient in test.patients], dtype="float64").mean(),
            "flair": pd.DataFrame([patient.flair for patient in test.patients], dtype="float64").mean(),
        },
        index=list(SCORES),
    )


def site_table(patients: pd.DataFrame) -> pd.DataFrame:
    """A row per site, by code.

    Args:
        patients: a `patient_table`.

    Returns:
        Columns site, patients, tumour_pixels_median, dice_mean, dice_median, dice_min, dice_max, dice_left_out,
        sensitivity_mean, precision_mean, volume_bias_median, hd95_px_median, flair_dice_mean. The range stands in place
        of an interval, for a site has few patients and an interval from few is too narrow.
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
    scores: pd.DataFrame, test: SubsetScores, *, validation_dice: Sequence[float], point: OperatingPoint
) -> dict[str, float | int]:
    """The metrics of metrics/evaluate.json: what `dvc metrics diff` shows; the rest stands in the tables.

    Args:
        scores: `score_table` of the test subset.
        test: the test subset.
        validation_dice: of each validation patient at the operating point; look at their mean, not at the test subset,
            to choose between experiments. Empty: NaN.
        point: the operating point.

    Returns:
        name -> number, NaN where undefined.
    """
    mean, median, pooled = (scores[column].to_dict() for column in ("mean", "median", "pooled"))
    left_out = {name: int(number) for name, number in scores["left_out"].items()}
    return {
        "scored_patients": len(test.patients),
        "threshold": point.threshold,
        "smallest_lesion": point.smallest_lesion,
        "validation_dice_mean": pd.Series(validation_dice, dtype="float64").mean(),
        "dice_mean": mean["dice"],
        "dice_mean_ci_low": scores.loc["dice", "ci_low"],
        "dice_mean_ci_high": scores.loc["dice", "ci_high"],
        "dice_median": median["dice"],
        "dice_left_out": left_out["dice"],
        "dice_pooled": pooled["dice"],
        "flair_dice_mean": scores.loc["dice", "flair"],
        "iou_mean": mean["iou"],
        "sensitivity_mean": mean["sensitivity"],
        "specificity_mean": mean["specificity"],
        "precision_mean": mean["precision"],
        "volume_error_median": median["volume_error"],
        "hd95_px_median": median["hd95_px"],
        "hd95_px_left_out": left_out["hd95_px"],
        "nsd_2px_mean": mean["nsd_2px"],
        "lesion_sensitivity_mean": mean["lesion_sensitivity"],
        "lesion_false_positives_mean": mean["lesion_false_positives"],
        "slice_sensitivity": pooled["slice_sensitivity"],
        "slice_specificity": pooled["slice_specificity"],
        "calibration_error": pooled["calibration_error"],
        "binary_cross_entropy_loss": pooled["binary_cross_entropy_loss"],
        "accuracy": mean["accuracy"],
        "background_accuracy": scores.loc["accuracy", "background"],
    }


def mark_leaky(names: Sequence[str], *, leaky: bool) -> list[str]:
    """The names of scores, each starting with leaky_ where slices of one patient stand in several subsets."""
    return [f"leaky_{name}" if leaky else name for name in names]


def _pooled(test: SubsetScores) -> dict[str, float]:
    """Scores of all pixels, or of all slices, as if there was one patient; those that have a meaning so."""
    pixels, slices = test.pooled, _slice_counts(test.slices)
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


def _slice_counts(slices: Sequence[Confusion]) -> Confusion:
    """Slices counted by whether they hold tumour and whether any was predicted."""
    pairs = [(counts.tumour > 0, counts.predicted > 0) for counts in slices]
    return Confusion(
        tp=pairs.count((True, True)),
        fp=pairs.count((False, True)),
        fn=pairs.count((True, False)),
        tn=pairs.count((False, False)),
    )
