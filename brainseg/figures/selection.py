"""Which test slices and which test patients the figures of the predictions show."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.evaluation.cases import Case
from brainseg.figures.shrinking import shrink_image, shrink_mask
from brainseg.figures.text import Title
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray, FloatArray
from brainseg.metrics import overlap
from brainseg.prediction.operating_point import OperatingPoint


@dataclass(frozen=True, kw_only=True)
class SlicePrediction:
    """A slice with its reference and its prediction, shrunk to the size of a panel if it is larger.

    Attributes:
        patient_id: the patient's identifier.
        slice_number: the number in the file's name.
        flair: shape (H, W), uint8.
        mask_true: shape (H, W), bool, True = tumour.
        probability: shape (H, W), float32 in [0, 1].
        mask_pred: shape (H, W), bool: the prediction, without lesions that are too small in the whole volume.
        threshold: the threshold of mask_pred.
        dice: Dice of this slice on its own grid; NaN if both masks are empty.
    """

    patient_id: str
    slice_number: int
    flair: ByteArray
    mask_true: BoolArray
    probability: FloatArray
    mask_pred: BoolArray
    threshold: float
    dice: float

    @property
    def mask_any(self) -> BoolArray:
        """Where there is tumour, true or predicted; shape (H, W), bool."""
        return self.mask_true | self.mask_pred

    @property
    def title(self) -> str:
        """Slice number and Dice of this slice."""
        return f"slice {self.slice_number}, Dice " + ("undefined" if np.isnan(self.dice) else f"{self.dice:.2f}")


def sample_tumour_slices(rows: pd.DataFrame, *, count: int, seed: int) -> pd.DataFrame:
    """Draw random slices that contain tumour, from as many patients as possible.

    Args:
        rows: rows of data/index.csv.
        count: how many to draw.
        seed: the same seed draws the same slices.

    Returns:
        Rows with tumour, drawn without replacement, in the order of `rows`; all of them if there are fewer than
        `count`. No patient has two slices more than another, unless the other has no more with tumour.
    """
    tumour = rows[rows["tumour_pixels"] > 0]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(tumour))
    patients, patient_ids = pd.factorize(tumour["patient_id"].iloc[order], sort=True)
    turn = pd.Series(patients).groupby(patients).cumcount()  # 0: the patient's first slice in this order, 1: the second
    place = rng.permutation(len(patient_ids))[patients]  # of the patient within a turn
    drawn = order[np.lexsort((place, turn))[:count]]
    return tumour.iloc[np.sort(drawn)]


def choose_patients(patients: pd.DataFrame) -> dict[str, Title]:
    """Choose the best, the median and the worst patient by Dice.

    Args:
        patients: rows of metrics/patients.csv; patients without a Dice are left out.

    Returns:
        patient_id -> title, in this order; fewer than three if there are fewer patients. With an even number of
        patients the median is the lower one in the middle. Patients with equal Dice are ordered by patient_id.
    """
    ranked = patients.dropna(subset=["dice"]).sort_values(["dice", "patient_id"], ascending=[False, True])
    count = len(ranked)
    ranks = {f"Best of {count}": 0, f"Median of {count}": count // 2, f"Worst of {count}": count - 1}
    if count == 2:
        del ranks["Median of 2"]
    elif count < 2:
        ranks = {"Only patient": 0} if count else {}
    titles = {}
    for name, rank in ranks.items():
        row = ranked.iloc[rank]
        volumes = f"true volume {row['tumour_pixels']:,} voxels, predicted {row['predicted_pixels']:,}"
        titles[row["patient_id"]] = Title(
            before=f"{name}: ", patient_id=row["patient_id"], after=f", Dice {row['dice']:.2f}, {volumes}"
        )
    return titles


def evenly_spaced(slices: Sequence[SlicePrediction], count: int = 5) -> list[SlicePrediction]:
    """Choose slices evenly spaced through a patient's tumour, or through the prediction if there is no tumour.

    Args:
        slices: all slices of one patient, in slice order.
        count: how many to choose: the middles of as many equal parts, because a tumour tapers off at its ends.

    Returns:
        `count` slices in slice order; all slices with tumour (or prediction) if there are fewer.
    """
    with_tumour = [prediction for prediction in slices if prediction.mask_true.any()]
    shown = with_tumour or [prediction for prediction in slices if prediction.mask_pred.any()]
    if len(shown) <= count:
        return shown
    return [shown[int(middle)] for middle in (np.arange(count) + 0.5) / count * len(shown)]


def slice_predictions(case: Case, point: OperatingPoint) -> list[SlicePrediction]:
    """Split a patient into slices with their predictions.

    Args:
        case: the patient.
        point: how probabilities become a mask; applied to the whole volume.

    Returns:
        One prediction per slice of the case, in slice order. The arrays are shrunk copies, so that slices of any size
        can be kept, and none keeps the patient's volume in memory.
    """
    volume, mask_pred = case.volume, point.mask_of(case.probability)
    return [
        SlicePrediction(
            patient_id=volume.patient_id,
            slice_number=slice_number,
            flair=shrink_image(volume.image[position, ..., FLAIR]),
            mask_true=shrink_mask(volume.mask_true[position]),
            probability=shrink_image(case.probability[position]),
            mask_pred=shrink_mask(mask_pred[position]),
            threshold=point.threshold,
            dice=overlap.count(mask_true=volume.mask_true[position], mask_pred=mask_pred[position]).dice,
        )
        for position, slice_number in enumerate(volume.slice_numbers.tolist())
    ]


def select_slices(
    cases: Iterable[Case], point: OperatingPoint, *, sampled: pd.DataFrame, patients: Collection[str]
) -> tuple[list[SlicePrediction], dict[str, list[SlicePrediction]]]:
    """Take from each patient the slices that are drawn, and keep nothing else.

    Args:
        cases: the patients of `sampled` and `patients`, read one at a time.
        point: how probabilities become a mask.
        sampled: rows of data/index.csv, as `sample_tumour_slices` returns them.
        patients: identifiers of the patients to show evenly spaced slices of.

    Returns:
        The sampled slices, in the order of `cases`; and patient_id -> evenly spaced slices, none if neither the
        tumour nor the prediction has a pixel.
    """
    keys = set(zip(sampled["patient_id"], sampled["slice_number"], strict=True))
    samples: list[SlicePrediction] = []
    spaced: dict[str, list[SlicePrediction]] = {patient_id: [] for patient_id in patients}
    for case in cases:
        predictions = slice_predictions(case, point)
        samples += [
            prediction for prediction in predictions if (prediction.patient_id, prediction.slice_number) in keys
        ]
        if case.volume.patient_id in spaced:
            spaced[case.volume.patient_id] = evenly_spaced(predictions)
        del case, predictions  # or they are held while the next patient is read
    return samples, spaced
