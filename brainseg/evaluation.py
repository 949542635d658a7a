"""Counts in, tables and metrics out: what the stage evaluate writes."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.metrics import probability
from brainseg.metrics.overlap import Confusion
from brainseg.scoring import PatientCounts, SubsetCounts

SCORES = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy")
LOSSES = ("binary_cross_entropy_loss", "soft_dice_loss")
PLOT_ROWS = 200  # DVC draws every row in the browser and git keeps them


def patient_table(patients: Sequence[PatientCounts]) -> pd.DataFrame:
    """One row per patient: identity, sizes in pixels, scores of the whole volume (NaN where undefined), losses."""
    columns = ["patient_id", "site", "slices", "slices_with_tumour", "tumour_pixels", "predicted_pixels"]
    rows = [
        {
            "patient_id": patient.patient_id,
            "site": patient.site,
            "slices": len(patient.slices),
            "slices_with_tumour": sum(counts.tumour > 0 for counts in patient.slices.values()),
            "tumour_pixels": patient.total.tumour,
            "predicted_pixels": patient.total.predicted,
            **{name: getattr(patient.total, name) for name in SCORES},
            **{name: getattr(patient, name) for name in LOSSES},
        }
        for patient in patients
    ]
    return pd.DataFrame(rows, columns=[*columns, *SCORES, *LOSSES])


def confusion_table(patients: Sequence[PatientCounts]) -> pd.DataFrame:
    """One row per slice, because DVC's confusion template counts rows: does it hold tumour, was any predicted."""
    words = ("no tumour", "tumour")
    rows = [
        (patient.patient_id, number, words[counts.tumour > 0], words[counts.predicted > 0])
        for patient in patients
        for number, counts in patient.slices.items()
    ]
    return pd.DataFrame(rows, columns=["patient_id", "slice_number", "actual", "predicted"])


def dice_table(patients: pd.DataFrame) -> pd.DataFrame:
    """patient_id and dice of a `patient_table`, best first, without those whose Dice is undefined: bars to draw."""
    return patients[["patient_id", "dice"]].dropna().sort_values("dice", ascending=False, kind="stable")


def curve_table(histogram: NDArray[np.int64]) -> pd.DataFrame:
    """threshold, precision, sensitivity and dice of all pixels pooled, threshold falling, at most 200 rows."""
    curve = probability.precision_recall(histogram, points=PLOT_ROWS)
    names = ["threshold", "precision", "sensitivity", "dice"]
    return pd.DataFrame({name: getattr(curve, name) for name in names})


def history_table(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs to draw: all of them, or 200 spread evenly from the first to the last."""
    if len(history) <= PLOT_ROWS:
        return history
    return history.iloc[np.linspace(0, len(history) - 1, PLOT_ROWS).round().astype(int)]


def score_table(test: SubsetCounts) -> pd.DataFrame:
    """Every score beside the all-background model's, which predicts probability 0 everywhere.

    Args:
        test: counts of a subset, at least one patient.

    Returns:
        A row per score and binary_cross_entropy_loss, by name; columns mean, median (over the patients whose value is
        defined), left_out (how many others), pooled (all pixels at once, so that a patient with many slices weighs
        more), background_mean, background_pooled. NaN where undefined.
    """
    names = [LOSSES[0], *SCORES]
    model = patient_table(test.patients)[names]
    background = pd.DataFrame([_background_scores(patient.total) for patient in test.patients])[names]
    pixels = [patient.total.pixels for patient in test.patients]
    pooled = {name: getattr(test.pooled, name) for name in SCORES}
    pooled[LOSSES[0]] = float(np.average(model[LOSSES[0]], weights=pixels))
    return pd.DataFrame(
        {
            "mean": model.mean(),
            "median": model.median(),
            "left_out": model.isna().sum(),
            "pooled": pd.Series(pooled),
            "background_mean": background.mean(),
            "background_pooled": pd.Series(_background_scores(test.pooled)),
        },
        index=names,
    )


def _background_scores(counts: Confusion) -> dict[str, float]:
    """What probability 0 everywhere would get on the same pixels."""
    background = counts.all_background()
    # A missed pixel costs -log(CLIP), any other one nothing: see probability.binary_cross_entropy.
    loss = -math.log(probability.CLIP) * counts.tumour / counts.pixels
    return {name: getattr(background, name) for name in SCORES} | {LOSSES[0]: loss}


def summarise(test: SubsetCounts, validation: SubsetCounts, *, threshold: float, leaky: bool) -> dict[str, float | int]:
    """The metrics of metrics/evaluate.json; mean, median and pooled as in `score_table`.

    Slices with tumour and slices without are never averaged together, for on a slice without, Dice is 0 or undefined:
    tumour_slices_dice_mean is over all test slices with tumour, empty_slices_left_empty is the share of those without
    on which nothing was predicted. validation_dice_mean is over validation patients: look at it, not at the test
    subset, to choose between experiments.

    Args:
        test: counts of the test subset, at least one patient.
        validation: counts of the validation subset; without patients its Dice is NaN.
        threshold: that the counts were made at.
        leaky: whether slices of one patient stand in several subsets: every name then starts with leaky_.

    Returns:
        name -> number, NaN where undefined.
    """
    scores = score_table(test).to_dict("index")
    empty = [counts.predicted == 0 for counts in test.slices if counts.tumour == 0]
    metrics: dict[str, float | int] = {
        "test_patients": len(test.patients),
        "test_slices": len(test.slices),
        "threshold": threshold,
        LOSSES[0]: scores[LOSSES[0]]["pooled"],
        "accuracy": scores["accuracy"]["pooled"],
        "background_accuracy": scores["accuracy"]["background_pooled"],
        "dice_mean": scores["dice"]["mean"],
        "dice_median": scores["dice"]["median"],
        "dice_pooled": scores["dice"]["pooled"],
        "background_dice_mean": scores["dice"]["background_mean"],
        "dice_left_out": int(scores["dice"]["left_out"]),
    }
    for name in ("iou", "sensitivity", "specificity", "precision"):
        metrics |= {f"{name}_mean": scores[name]["mean"], f"{name}_pooled": scores[name]["pooled"]}
    metrics |= {
        "precision_left_out": int(scores["precision"]["left_out"]),
        "tumour_slices_dice_mean": pd.Series([c.dice for c in test.slices if c.tumour], dtype="float64").mean(),
        "empty_slices_left_empty": pd.Series(empty, dtype="float64").mean(),
        "validation_dice_mean": patient_table(validation.patients)["dice"].mean(),
    }
    return {f"leaky_{name}" if leaky else name: value for name, value in metrics.items()}
