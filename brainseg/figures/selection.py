"""What the pictures of the predictions show: which test slices, which test patients, and what was predicted there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.evaluation.cases import Case
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray, FloatArray
from brainseg.metrics.overlap import dice
from brainseg.prediction.operating_point import OperatingPoint

# Of metrics/patients.csv, a row per test patient: what is read here.
PATIENT_COLUMNS = {"patient_id": "str", "dice": "float64", "tumour_pixels": "int64", "predicted_pixels": "int64"}


@dataclass(frozen=True, kw_only=True)
class SlicePrediction:
    """A slice with its truth and its prediction, on its own grid.

    Attributes:
        patient_id: the patient's identifier.
        slice_number: the number in the file's name.
        flair: shape (H, W), uint8.
        mask_true: shape (H, W), bool, True = tumour.
        probability: shape (H, W), float32 in [0, 1].
        mask_pred: shape (H, W), bool: the prediction, lesions dropped that are too small in the whole volume.
        threshold: that the prediction was made at.
    """

    patient_id: str
    slice_number: int
    flair: ByteArray
    mask_true: BoolArray
    probability: FloatArray
    mask_pred: BoolArray
    threshold: float

    @property
    def title(self) -> str:
        """Slice number and Dice of this slice."""
        score = dice(mask_true=self.mask_true, mask_pred=self.mask_pred)
        return f"slice {self.slice_number}, Dice " + ("undefined" if np.isnan(score) else f"{score:.2f}")


def choose_slices(rows: pd.DataFrame, *, count: int, seed: int) -> pd.DataFrame:
    """Draw slices that show tumour.

    Args:
        rows: rows of data/index.csv.
        count: how many, at most.
        seed: other seed, other slices.

    Returns:
        Rows with tumour, drawn without replacement, in the order of `rows`; all of them if there are fewer.
    """
    tumour = rows[rows["tumour_pixels"] > 0]
    drawn = np.random.default_rng(seed).choice(len(tumour), size=min(count, len(tumour)), replace=False)
    return tumour.iloc[np.sort(drawn)]


def choose_patients(patients: pd.DataFrame) -> list[tuple[str, str]]:
    """The best, the median and the worst patient by Dice.

    Args:
        patients: a row per patient, columns as in PATIENT_COLUMNS; those without a Dice are passed over.

    Returns:
        (patient_id, title): three, or as many as there are. Of two in the middle the lower one is the median; of equal
        ones the first by patient_id comes first.
    """
    order = patients.dropna(subset=["dice"]).sort_values(["dice", "patient_id"], ascending=[False, True])
    count = len(order)
    places = {"Best": 0, "Median": count // 2, "Worst": count - 1}
    if count < 3:
        places = {"Best": 0, "Worst": 1} if count == 2 else dict.fromkeys(["Only"][:count], 0)
    chosen = []
    for word, place in places.items():
        row = order.iloc[place]
        title = (
            f"{word} of {count}: {row['patient_id']}, Dice {row['dice']:.2f}, "
            f"volume {row['tumour_pixels']:,} voxels, predicted {row['predicted_pixels']:,}"
        )
        chosen.append((row["patient_id"], title))
    return chosen


def spread(slices: Sequence[SlicePrediction], count: int = 5) -> list[SlicePrediction]:
    """Slices spread evenly over a patient's tumour, or over the prediction if there is no tumour.

    Args:
        slices: of one patient, in slice order.
        count: how many, at most: the middles of so many equal parts, because the ends taper off.

    Returns:
        `count` slices in slice order, or all of those that show it if there are fewer; none if no slice does.
    """
    shown = [one for one in slices if one.mask_true.any()] or [one for one in slices if one.mask_pred.any()]
    if len(shown) <= count:
        return shown
    return [shown[int(place)] for place in (np.arange(count) + 0.5) / count * len(shown)]


def slices_of(case: Case, point: OperatingPoint) -> list[SlicePrediction]:
    """A patient's slices with their predictions.

    Args:
        case: the patient.
        point: how probabilities become a mask.

    Returns:
        A prediction per slice of the case, in slice order.
    """
    volume, mask_pred = case.volume, point.mask_of(case.probability)
    return [
        SlicePrediction(
            patient_id=volume.patient_id,
            slice_number=number,
            flair=volume.image[position, ..., FLAIR],
            mask_true=volume.mask_true[position],
            probability=case.probability[position],
            mask_pred=mask_pred[position],
            threshold=point.threshold,
        )
        for position, number in enumerate(volume.slice_numbers.tolist())
    ]
