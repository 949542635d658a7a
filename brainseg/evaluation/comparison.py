"""Compare two runs patient by patient: the difference of each score with its confidence interval."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from brainseg.errors import UserError
from brainseg.evaluation.patient_scores import SCORES
from brainseg.metrics import bootstrap
from brainseg.metrics.bootstrap import Interval

DIGITS = 4  # shown; ends of intervals are rounded to them before they are compared with 0
# With fewer patients there is no interval and no verdict. Even if all of n differences have the same sign, the exact
# two-sided p of the sign test is 2 / 2**n, which is below 0.05 from n = 6 on (Dixon & Mood 1946, JASA 41:557-566).
MIN_PATIENTS = 6
MAX_CHANGED = 5  # patients listed by `largest_changes`
COMPARED = (
    "dice",
    "sensitivity",
    "precision",
    "nsd_2px",
    "hd95_px",
    "volume_error",
    "lesion_sensitivity",
    "lesion_false_positives",
    "slice_auc",
    "calibration_error",
)
IDENTICAL = ("slices", "tumour_pixels")  # these differ if two runs scored other slices of a patient, or other masks
Verdict = Literal["better", "worse", "unclear", "too few"]


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """The comparison of two runs, A and B.

    Attributes:
        patients: one row per common patient, index patient_id; the columns of both runs with suffixes _a and _b.
        only_a: number of patients that only run A scored.
        only_b: number of patients that only run B scored.
        other_slices: number of patients left out because the runs scored other slices of them or other masks.
        differences: name of a score -> B minus A, mean over patients with its 95 % interval.
    """

    patients: pd.DataFrame
    only_a: int
    only_b: int
    other_slices: int
    differences: dict[str, Interval]

    def verdict(self, name: str) -> Verdict:
        """State whether B is better or worse, which takes an interval that excludes 0 and `MIN_PATIENTS`."""
        difference = self.differences[name]
        if difference.count < MIN_PATIENTS:
            return "too few"
        if round(difference.ci_low, DIGITS) <= 0 <= round(difference.ci_high, DIGITS):
            return "unclear"
        return "better" if (difference.value > 0) == (SCORES[name] == "higher") else "worse"

    def largest_changes(self) -> pd.DataFrame:
        """The five patients whose Dice changed most, largest change first: columns dice_a, dice_b, change."""
        change = self.patients["dice_b"] - self.patients["dice_a"]
        table = self.patients[["dice_a", "dice_b"]].assign(change=change)
        order = change[change.abs() > 0].abs().sort_values(ascending=False, kind="stable").index
        return table.loc[order[:MAX_CHANGED]]


def compare(table_a: pd.DataFrame, table_b: pd.DataFrame) -> RunComparison:
    """Compare two runs patient by patient.

    Args:
        table_a: metrics/patients.csv of run A, as returned by `brainseg.evaluation.runs.read_run`.
        table_b: metrics/patients.csv of run B.

    Returns:
        Differences over the patients that both runs scored on the same slices, of the `COMPARED` scores that both have.

    Raises:
        UserError: if there is no such patient.
    """
    a, b = (table.set_index("patient_id") for table in (table_a, table_b))
    both = a.merge(b, how="inner", left_index=True, right_index=True, suffixes=("_a", "_b")).sort_index()
    same = pd.Series(True, both.index)
    for name in IDENTICAL:
        same &= both[f"{name}_a"] == both[f"{name}_b"]
    patients = both[same]
    if patients.empty:
        raise UserError(
            f"the two runs have {len(both)} of {len(a)} and {len(b)} test patients in common, and none with the same "
            "slices and outline. Compare runs with the same data and split: dvc params diff shows what differs"
        )
    return RunComparison(
        patients=patients,
        only_a=len(a) - len(both),
        only_b=len(b) - len(both),
        other_slices=int((~same).sum()),
        differences={
            name: bootstrap.paired_difference(values_a=patients[f"{name}_a"], values_b=patients[f"{name}_b"])
            for name in COMPARED
            if name in a and name in b
        },
    )
