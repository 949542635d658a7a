"""The scores of `studies.leak`: pixel counts per patient, and scores of a group of patients.

Patients are resampled with all their slices, also for scores of slices, because slices of one patient are similar.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.evaluation.cases import Case
from brainseg.metrics import overlap
from brainseg.metrics.overlap import Confusion
from brainseg.prediction.operating_point import OperatingPoint

POINT = OperatingPoint(threshold=0.5, smallest_lesion=0)
SEED = 21  # of the resampling
RESAMPLES = 10_000

Array = NDArray[np.float64]
Columns = Mapping[str, Array]  # column -> shape (..., N), one value per patient


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of a group of patients.

    Attributes:
        columns: the columns of `count_cases` that it is computed from; patients where one is NaN are left out.
        compute: columns, each of shape (..., N) -> scores, shape (...).
    """

    columns: tuple[str, ...]
    compute: Callable[[Columns], Array]


def _ratio(numerator: Sequence[str], denominator: Sequence[str]) -> Score:
    """Make the score that divides one sum over patients by another; a column named twice counts twice."""

    def compute(columns: Columns) -> Array:
        above, below = (sum(columns[name].sum(axis=-1) for name in names) for names in (numerator, denominator))
        with np.errstate(invalid="ignore"):  # NaN for resamples without tumour
            return np.asarray(above / below, np.float64)

    return Score(columns=tuple({*numerator, *denominator}), compute=compute)


PIXELS = ("tp", "fp", "fn", "tn")
SCORES = {
    "Dice of slices with tumour, mean": _ratio(["tumour_slice_dice"], ["tumour_slices"]),
    "Dice of all pixels at once": _ratio(["tp", "tp"], ["tp", "tp", "fp", "fn"]),
    "Dice of patients, mean": Score(columns=("dice",), compute=lambda columns: np.mean(columns["dice"], axis=-1)),
    "Dice of patients, median": Score(columns=("dice",), compute=lambda columns: np.median(columns["dice"], axis=-1)),
    "accuracy": _ratio(["tp", "tn"], PIXELS),
    "accuracy of the all-background baseline": _ratio(["fp", "tn"], PIXELS),
}


def count_cases(cases: Iterable[Case]) -> pd.DataFrame:
    """Count the pixels of patients at the operating point `POINT`, one patient in memory at a time.

    Returns:
        One row per patient, columns as in `count_patient`.
    """
    rows = []
    for case in cases:
        mask_true, mask_pred = case.volume.mask_true, POINT.mask_of(case.probability)
        pairs = zip(mask_true, mask_pred, strict=True)
        rows.append(count_patient(case.volume.patient_id, [overlap.count(mask_true=t, mask_pred=p) for t, p in pairs]))
        del case, mask_true, mask_pred  # otherwise held while the next patient is read
    return pd.DataFrame(rows)


def count_patient(patient_id: str, slices: Sequence[Confusion]) -> dict[str, str | int | float]:
    """Summarise the pixel counts of one patient.

    Args:
        patient_id: the patient's identifier.
        slices: pixel counts of each scored slice.

    Returns:
        patient_id; slices and tumour_slices, the number of all slices and of those with tumour; tumour_slice_dice, the
        sum of the Dice of slices with tumour; tp, fp, fn and tn, pixels of all slices; dice of all slices together, NaN
        if both masks are empty.
    """
    total = sum(slices, Confusion())
    with_tumour = [counts.dice for counts in slices if counts.tumour]
    return {
        "patient_id": patient_id,
        "slices": len(slices),
        "tumour_slices": len(with_tumour),
        "tumour_slice_dice": float(sum(with_tumour)),
        **asdict(total),
        "dice": total.dice,
    }


def estimate(patients: pd.DataFrame, score: Score, *, seed: tuple[int, int]) -> tuple[float, Array]:
    """Compute a score of a group of patients, and of bootstrap resamples of the group.

    Args:
        patients: N rows, at least one, with the score's columns.
        score: the score to compute.
        seed: the same seed gives the same resamples.

    Returns:
        The score; and the scores of the resamples, shape (RESAMPLES,), NaN if there is only one patient.
    """
    columns = {name: patients[name].to_numpy(np.float64) for name in score.columns}
    value = float(score.compute(columns))
    if len(patients) < 2:
        return value, np.full(RESAMPLES, np.nan)
    drawn = np.random.default_rng(seed).integers(len(patients), size=(RESAMPLES, len(patients)))
    return value, score.compute({name: column[drawn] for name, column in columns.items()})
