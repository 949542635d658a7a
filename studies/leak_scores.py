"""The scores of `studies.leak`: what is counted of a patient, and what a group of patients scores.

Patients are resampled, with all their slices, also for scores of slices: slices of a patient are alike.
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
SEED = 21  # of the resamples
RESAMPLES = 10_000

Array = NDArray[np.float64]
Columns = Mapping[str, Array]  # each (..., N): a value a patient


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of a group of patients.

    Attributes:
        columns: of `count_cases`, what it is made of; patients that lack one are left out.
        of: columns of shape (..., N) -> scores of shape (...).
    """

    columns: tuple[str, ...]
    of: Callable[[Columns], Array]


def _ratio(numerator: Sequence[str], denominator: Sequence[str]) -> Score:
    """Sums over patients, the one by the other; a name that stands twice counts twice."""

    def of(columns: Columns) -> Array:
        above, below = (sum(columns[name].sum(axis=-1) for name in names) for names in (numerator, denominator))
        with np.errstate(invalid="ignore"):  # resamples without tumour: NaN
            return np.asarray(above / below, np.float64)

    return Score(columns=tuple({*numerator, *denominator}), of=of)


PIXELS = ("tp", "fp", "fn", "tn")
SCORES = {
    "Dice of slices with tumour, mean": _ratio(["tumour_slice_dice"], ["tumour_slices"]),
    "Dice of all pixels at once": _ratio(["tp", "tp"], ["tp", "tp", "fp", "fn"]),
    "Dice of patients, mean": Score(columns=("dice",), of=lambda columns: np.mean(columns["dice"], axis=-1)),
    "Dice of patients, median": Score(columns=("dice",), of=lambda columns: np.median(columns["dice"], axis=-1)),
    "accuracy": _ratio(["tp", "tn"], PIXELS),
    "accuracy of finding nothing": _ratio(["fp", "tn"], PIXELS),
}


def count_cases(cases: Iterable[Case]) -> pd.DataFrame:
    """Count patients one at a time, at `POINT`; a row as in `count_patient`."""
    rows = []
    for case in cases:
        mask_true, mask_pred = case.volume.mask_true, POINT.mask_of(case.probability)
        pairs = zip(mask_true, mask_pred, strict=True)
        rows.append(count_patient(case.volume.patient_id, [overlap.count(mask_true=t, mask_pred=p) for t, p in pairs]))
        del case, mask_true, mask_pred  # or they are held while the next patient is read
    return pd.DataFrame(rows)


def count_patient(patient_id: str, slices: Sequence[Confusion]) -> dict[str, str | int | float]:
    """What is kept of a patient.

    Args:
        patient_id: the patient's identifier.
        slices: counts of the pixels of each scored slice.

    Returns:
        patient_id; slices and tumour_slices, those with tumour; tumour_slice_dice, the sum of the Dice of those; tp,
        fp, fn, tn, pixels of all; dice of them all at once, NaN if both masks are empty.
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
    """A score of the patients as they are, and of `RESAMPLES` draws of as many of them, with replacement.

    Args:
        patients: N rows, at least one, with the score's columns.
        score: which.
        seed: same seed, same draws.

    Returns:
        The score, and shape (RESAMPLES,): NaN for one patient, who says nothing about others.
    """
    columns = {name: patients[name].to_numpy(np.float64) for name in score.columns}
    value = float(score.of(columns))
    if len(patients) < 2:
        return value, np.full(RESAMPLES, np.nan)
    drawn = np.random.default_rng(seed).integers(len(patients), size=(RESAMPLES, len(patients)))
    return value, score.of({name: column[drawn] for name, column in columns.items()})
