"""What the pictures of the predictions show: which test slices, which test patients, and what was predicted there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.formats.stack import read_volume
from brainseg.metrics.overlap import dice
from brainseg.tables import read_probabilities
from brainseg.volumes import FLAIR, BoolArray, ByteArray, FloatArray

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
        threshold: a pixel with at least this probability is tumour.
    """

    patient_id: str
    slice_number: int
    flair: ByteArray
    mask_true: BoolArray
    probability: FloatArray
    threshold: float

    @property
    def mask_pred(self) -> BoolArray:
        """The prediction, shape (H, W), bool."""
        return self.probability >= self.threshold

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


def read_slices(rows: pd.DataFrame, *, root: Path, predictions: Path, threshold: float) -> list[SlicePrediction]:
    """Read slices of the test subset and their predictions.

    Args:
        rows: rows of data/index.csv.
        root: data.root.
        predictions: folder with <patient_id>.npz as predict writes them.
        threshold: a pixel with at least this probability is tumour.

    Returns:
        A prediction per row, by patient_id and slice_number.

    Raises:
        UserError: if a picture or a prediction is missing, unreadable or of another size.
    """
    slices = []
    for patient_id, patient_rows in rows.groupby("patient_id"):
        volume = read_volume(patient_rows, root)
        path = predictions / f"{patient_id}.npz"
        maps, numbers = read_probabilities(path)
        by_number = dict(zip(numbers.tolist(), maps, strict=False))  # one that lacks its map is refused below
        for number, image, mask_true in zip(volume.slice_numbers.tolist(), volume.image, volume.mask_true, strict=True):
            probability = by_number.get(number)
            if probability is None or probability.shape != mask_true.shape:
                raise UserError(
                    f"{path}: no probability map of slice {number} with {mask_true.shape[0]} x {mask_true.shape[1]} "
                    "pixels. Write it again: dvc repro --force predict"
                )
            slices.append(
                SlicePrediction(
                    patient_id=str(patient_id),
                    slice_number=number,
                    flair=image[..., FLAIR],
                    mask_true=mask_true,
                    probability=probability,
                    threshold=threshold,
                )
            )
    return slices
