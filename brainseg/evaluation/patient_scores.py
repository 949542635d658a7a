"""Patients in, scores out: the model's, and those of two models that anyone can have.

A patient is read, scored and let go before the next one: what stays is numbers, counts of a slice at a time, and two
histograms of probabilities.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.evaluation.baselines import flair_mask
from brainseg.evaluation.cases import Case
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics import calibration, detection, lesions, overlap, probability, surface
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint

# No spacing is stored with these pictures, so distances are in pixels, a step to the next slice counting as one:
# brainseg.metrics.surface says what that makes of them. An outline is rounded to the grid by up to a pixel: truth and
# prediction together by two, which is no error yet.
NSD_TOLERANCE = 2
OVERLAPS = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy")
SCORES = (
    *OVERLAPS,
    "volume_error",
    "volume_bias",
    "hd95_px",
    "assd_px",
    f"nsd_{NSD_TOLERANCE}px",
    "lesion_dice",
    "lesion_sensitivity",
    "lesion_false_positives",
    "slice_sensitivity",
    "slice_specificity",
    "slice_auc",
    "calibration_error",
    "brier_loss",
    "binary_cross_entropy_loss",
    "soft_dice_loss",
)


@dataclass(frozen=True, kw_only=True)
class PatientScores:
    """What is kept of a scored patient.

    Attributes:
        patient_id: the patient's identifier.
        site: the hospital's code.
        slices: slice number -> counts of its pixels, on the patient's own grid; scored slices only.
        slice_score: shape (S,), float64, sum of each slice's probabilities, in the order of `slices`.
        lesions: connected components of the reference.
        model: name -> score, `SCORES`, of the model at its operating point; NaN where undefined.
        background: the same of the model that finds nothing.
        flair: the same of the trivial model, FLAIR above a threshold.
    """

    patient_id: str
    site: str
    slices: dict[int, Confusion]
    slice_score: NDArray[np.float64]
    lesions: int
    model: dict[str, float]
    background: dict[str, float]
    flair: dict[str, float]

    @property
    def total(self) -> Confusion:
        """Counts of the whole stacked volume."""
        return sum(self.slices.values(), Confusion())


@dataclass(frozen=True, kw_only=True)
class SubsetScores:
    """What is kept of a scored subset.

    Attributes:
        patients: in the order of their identifiers.
        histogram: of all pixels, see `brainseg.metrics.probability.histogram`.
        head_histogram: of the pixels inside the heads.
    """

    patients: tuple[PatientScores, ...]
    histogram: NDArray[np.int64]
    head_histogram: NDArray[np.int64]

    @property
    def slices(self) -> tuple[Confusion, ...]:
        """Counts of every slice of every patient."""
        return tuple(counts for patient in self.patients for counts in patient.slices.values())

    @property
    def pooled(self) -> Confusion:
        """Counts of all pixels, as if there was one patient."""
        return sum(self.slices, Confusion())


def score_cases(cases: Iterable[Case], point: OperatingPoint, *, flair_threshold: float) -> SubsetScores:
    """Score patients one at a time.

    Args:
        cases: the patients; may be none.
        point: the model's threshold and smallest lesion.
        flair_threshold: the trivial model's, deviations above the mean; NaN: its scores are NaN.

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
        del case, mask_true, maps  # or they are held while the next patient is read
    return SubsetScores(patients=tuple(patients), histogram=histogram, head_histogram=head_histogram)


def score_masks(
    *, mask_true: BoolArray, mask_pred: BoolArray, probability_pred: FloatArray, head: BoolArray
) -> dict[str, float]:
    """Every score of one patient.

    Args:
        mask_true: reference, shape (S, H, W), bool, True = tumour.
        mask_pred: prediction, same shape, bool; what overlap, distances, lesions and found slices are of.
        probability_pred: same shape, float32 in [0, 1]; what losses, calibration and ranked slices are of.
        head: same shape, bool; calibration is of pixels inside it.

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
        f"nsd_{NSD_TOLERANCE}px": distances.nsd(NSD_TOLERANCE),
        "lesion_dice": matched.lesion_dice,
        "lesion_sensitivity": matched.lesion_sensitivity,
        "lesion_false_positives": matched.false_positives,
        "slice_sensitivity": slices.sensitivity,
        "slice_specificity": slices.specificity,
        "slice_auc": detection.auc(
            slice_true=np.asarray(mask_true.any(axis=(1, 2))), slice_score=slice_scores(probability_pred)
        ),
        "calibration_error": calibration.reliability(inside).expected_calibration_error,
        "brier_loss": calibration.brier_loss(inside),
        "binary_cross_entropy_loss": probability.binary_cross_entropy(
            mask_true=mask_true, probability=probability_pred
        ),
        "soft_dice_loss": probability.soft_dice_loss(mask_true=mask_true, probability=probability_pred),
    }
    return {name: scores[name] for name in SCORES}


def slice_scores(maps: FloatArray) -> NDArray[np.float64]:
    """How sure each slice holds tumour: the sum of its probabilities, shape (S,), from (S, H, W)."""
    return np.asarray(maps.sum(axis=(1, 2), dtype=np.float64))


def _score_patient(case: Case, point: OperatingPoint, flair_threshold: float) -> PatientScores:
    mask_true, head = case.volume.mask_true, case.head
    mask_pred = point.mask_of(case.probability)
    nothing = np.zeros_like(mask_true)
    flair = dict.fromkeys(SCORES, float("nan"))
    if not np.isnan(flair_threshold):
        flair = _score_certain(mask_true=mask_true, mask_pred=flair_mask(case, flair_threshold), head=head)
    return PatientScores(
        patient_id=case.volume.patient_id,
        site=case.site,
        slices={
            number: overlap.count(mask_true=mask_true[position], mask_pred=mask_pred[position])
            for position, number in enumerate(case.volume.slice_numbers.tolist())
        },
        slice_score=slice_scores(case.probability),
        lesions=len(lesions.match_lesions(mask_true=mask_true, mask_pred=nothing).found),
        model=score_masks(mask_true=mask_true, mask_pred=mask_pred, probability_pred=case.probability, head=head),
        background=_score_certain(mask_true=mask_true, mask_pred=nothing, head=head),
        flair=flair,
    )


def _score_certain(*, mask_true: BoolArray, mask_pred: BoolArray, head: BoolArray) -> dict[str, float]:
    """Scores of a model that has no doubts: its probabilities are 0 and 1."""
    return score_masks(
        mask_true=mask_true, mask_pred=mask_pred, probability_pred=mask_pred.astype(np.float32), head=head
    )
