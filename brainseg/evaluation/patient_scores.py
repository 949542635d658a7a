"""Score each patient: the model, and two untrained baselines beside it.

Patients are read, scored and released one at a time. Only numbers, the counts of each slice and two histograms of
probabilities are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brainseg.evaluation.baselines import flair_mask
from brainseg.evaluation.cases import Case
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics import calibration, detection, lesions, overlap, probability, surface
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.prediction.withheld import WITHHELD

# The images have no stored spacing, so distances are in pixels, and a step to the next slice counts as one pixel;
# brainseg.metrics.surface describes the consequences. An outline is rounded to the grid by up to one pixel, so a
# distance of two between reference and prediction is not an error yet.
NSD_TOLERANCE = 2
NSD = f"nsd_{NSD_TOLERANCE}px"
OVERLAPS = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy")

# All scores of a patient in the order of the tables, with the values that are better: those higher, lower or near zero.
SCORES: dict[str, Literal["higher", "lower", "zero"]] = {
    "dice": "higher",
    "iou": "higher",
    "sensitivity": "higher",
    "specificity": "higher",
    "precision": "higher",
    "accuracy": "higher",
    "volume_error": "lower",
    "volume_bias": "zero",
    "hd95_px": "lower",
    "assd_px": "lower",
    NSD: "higher",
    "lesion_dice": "higher",
    "lesion_sensitivity": "higher",
    "lesion_false_positives": "lower",
    "slice_sensitivity": "higher",
    "slice_specificity": "higher",
    "slice_auc": "higher",
    "calibration_error": "lower",
    "brier_loss": "lower",
    "binary_cross_entropy_loss": "lower",
    "soft_dice_loss": "lower",
}

# metrics/patients.csv, one row per patient: column -> dtype. Scores are NaN where undefined.
PATIENT_COLUMNS = {
    "patient_id": "str",
    "site": "str",
    "slices": "int64",
    "slices_with_tumour": "int64",
    "tumour_pixels": "int64",
    "predicted_pixels": "int64",
    "lesions": "int64",  # of the reference
    **dict.fromkeys(SCORES, "float64"),
    "flair_dice": "float64",  # of the FLAIR-threshold baseline
    **{f"dice_{name}": "float64" for name in WITHHELD},
}


@dataclass(frozen=True, kw_only=True)
class PatientScores:
    """Scores of one patient.

    Attributes:
        patient_id: the patient's identifier.
        site: the hospital's code.
        slices: slice number -> pixel counts on the patient's own grid; scored slices only.
        slice_score: shape (S,), float64, sum of each slice's probabilities, in the order of `slices`.
        lesions: number of connected components of the reference.
        model: `SCORES` of the model at its operating point, name -> value; NaN where undefined.
        background: the same for the all-background baseline, which outlines nothing.
        flair: the same for the FLAIR-threshold baseline.
        withheld: Dice of the model without some of the sequences, by the names of
            `brainseg.prediction.withheld.WITHHELD`; empty if that was not predicted.
    """

    patient_id: str
    site: str
    slices: dict[int, Confusion]
    slice_score: NDArray[np.float64]
    lesions: int
    model: dict[str, float]
    background: dict[str, float]
    flair: dict[str, float]
    withheld: dict[str, float]

    @property
    def total(self) -> Confusion:
        """Pixel counts of the whole volume."""
        return sum(self.slices.values(), Confusion())


@dataclass(frozen=True, kw_only=True)
class SubsetScores:
    """Scores of a subset.

    Attributes:
        patients: in the order of their identifiers.
        histogram: counts of all pixels by probability, see `brainseg.metrics.probability.histogram`.
        head_histogram: the same for the pixels inside the heads.
    """

    patients: tuple[PatientScores, ...]
    histogram: NDArray[np.int64]
    head_histogram: NDArray[np.int64]

    @property
    def slices(self) -> tuple[Confusion, ...]:
        """Pixel counts of every slice of every patient."""
        return tuple(counts for patient in self.patients for counts in patient.slices.values())

    @property
    def pooled(self) -> Confusion:
        """Pixel counts of all patients together."""
        return sum(self.slices, Confusion())


def score_cases(cases: Iterable[Case], point: OperatingPoint, *, flair_threshold: float) -> SubsetScores:
    """Score patients one at a time.

    Args:
        cases: the patients; may be empty.
        point: threshold and smallest lesion of the model.
        flair_threshold: of the FLAIR-threshold baseline, in standard deviations above the mean; if NaN, its scores are
            NaN.

    Returns:
        Scores and counts.
    """
    patients = []
    histogram = np.zeros((2, probability.BINS), np.int64)
    head_histogram = np.zeros_like(histogram)
    for case in cases:
        mask_true, maps = case.volume.mask_true, case.probability
        histogram += probability.histogram(mask_true=mask_true, probability=maps)
        head_histogram += calibration.histogram_inside(mask_true=mask_true, probability=maps, head=case.head)
        patients.append(_score_patient(case, point, flair_threshold))
        del case, mask_true, maps  # release the memory before the next patient is read
    return SubsetScores(patients=tuple(patients), histogram=histogram, head_histogram=head_histogram)


def score_masks(
    *, mask_true: BoolArray, mask_pred: BoolArray, probability_pred: FloatArray, head: BoolArray
) -> dict[str, float]:
    """Compute every score of one patient.

    Args:
        mask_true: reference, shape (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool; used for overlap, distances, lesions and slice detection.
        probability_pred: same shape, float32 in [0, 1]; used for losses, calibration and the AUC of slices.
        head: same shape, bool, True = inside the head; calibration is measured there.

    Returns:
        name -> score, in the order of `SCORES`; NaN where undefined. Distances are in pixels.

    Raises:
        ValueError: if the shapes differ, a dtype is wrong, or a probability is NaN or outside [0, 1].
    """
    counts = overlap.count(mask_true=mask_true, mask_pred=mask_pred)
    distances = surface.surface_distances(mask_true=mask_true, mask_pred=mask_pred)
    matched = lesions.match_lesions(mask_true=mask_true, mask_pred=mask_pred)
    slices = detection.count_slices(mask_true=mask_true, mask_pred=mask_pred)
    inside = calibration.histogram_inside(mask_true=mask_true, probability=probability_pred, head=head)
    scores = {name: getattr(counts, name) for name in (*OVERLAPS, "volume_error", "volume_bias")} | {
        "hd95_px": distances.hd95,
        "assd_px": distances.assd,
        NSD: distances.nsd(NSD_TOLERANCE),
        "lesion_dice": matched.lesion_dice,
        "lesion_sensitivity": matched.lesion_sensitivity,
        "lesion_false_positives": matched.false_positives,
        "slice_sensitivity": slices.sensitivity,
        "slice_specificity": slices.specificity,
        "slice_auc": detection.auc(
            slice_true=np.asarray(mask_true.any(axis=(1, 2))), slice_score=_slice_scores(probability_pred)
        ),
        "calibration_error": calibration.reliability(inside).expected_calibration_error,
        "brier_loss": calibration.brier_loss(inside),
        "binary_cross_entropy_loss": probability.binary_cross_entropy(
            mask_true=mask_true, probability=probability_pred
        ),
        "soft_dice_loss": probability.soft_dice_loss(mask_true=mask_true, probability=probability_pred),
    }
    return {name: scores[name] for name in SCORES}


def _slice_scores(maps: FloatArray) -> NDArray[np.float64]:
    """Evidence for tumour in each slice: the sum of its probabilities, shape (S,), from maps of shape (S, H, W)."""
    return np.asarray(maps.sum(axis=(1, 2), dtype=np.float64))


def _score_patient(case: Case, point: OperatingPoint, flair_threshold: float) -> PatientScores:
    mask_true, head = case.volume.mask_true, case.head
    mask_pred = point.mask_of(case.probability)
    nothing = np.zeros_like(mask_true)
    flair = dict.fromkeys(SCORES, float("nan"))
    if not np.isnan(flair_threshold):
        flair = _score_binary(mask_true=mask_true, mask_pred=flair_mask(case, flair_threshold), head=head)
    return PatientScores(
        patient_id=case.volume.patient_id,
        site=case.site,
        slices={
            number: overlap.count(mask_true=mask_true[position], mask_pred=mask_pred[position])
            for position, number in enumerate(case.volume.slice_numbers.tolist())
        },
        slice_score=_slice_scores(case.probability),
        lesions=len(lesions.match_lesions(mask_true=mask_true, mask_pred=nothing).found),
        model=score_masks(mask_true=mask_true, mask_pred=mask_pred, probability_pred=case.probability, head=head),
        background=_score_binary(mask_true=mask_true, mask_pred=nothing, head=head),
        flair=flair,
        withheld={
            name: overlap.count(mask_true=mask_true, mask_pred=point.mask_of(maps)).dice
            for name, maps in case.withheld.items()
        },
    )


def _score_binary(*, mask_true: BoolArray, mask_pred: BoolArray, head: BoolArray) -> dict[str, float]:
    """Score a binary mask as probabilities 0 and 1."""
    return score_masks(
        mask_true=mask_true, mask_pred=mask_pred, probability_pred=mask_pred.astype(np.float32), head=head
    )
