"""Compare two runs patient by patient: the difference of each score with its confidence interval."""

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS, SCORES
from brainseg.metrics import bootstrap
from brainseg.metrics.bootstrap import Interval

TABLE = "metrics/patients.csv"
DIGITS = 4  # shown; ends of intervals are rounded to them before they are compared with 0
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
REQUIRED = ("patient_id", *IDENTICAL, "dice")  # a run of another version may lack other scores


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

    def verdict(self, name: str) -> str:
        """State whether the interval of a difference excludes 0, and if so, which run is better."""
        difference = self.differences[name]
        if difference.count < 2:
            return "too few patients"
        if round(difference.ci_low, DIGITS) <= 0 <= round(difference.ci_high, DIGITS):
            return "includes 0"
        return "excludes 0, B " + ("better" if (difference.value > 0) == (SCORES[name] == "higher") else "worse")

    def largest_changes(self) -> pd.DataFrame:
        """The five patients whose Dice changed most, largest change first: columns dice_a, dice_b, change."""
        change = self.patients["dice_b"] - self.patients["dice_a"]
        table = self.patients[["dice_a", "dice_b"]].assign(change=change)
        order = change[change.abs() > 0].abs().sort_values(ascending=False, kind="stable").index
        return table.loc[order[:MAX_CHANGED]]


def compare(table_a: pd.DataFrame, table_b: pd.DataFrame) -> RunComparison:
    """Compare two runs patient by patient.

    Args:
        table_a: metrics/patients.csv of run A, as returned by `read_run`.
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


def read_run(name: str) -> pd.DataFrame:
    """Read the scores of a run's patients.

    Args:
        name: "workspace", the path of a patients.csv or of the folder of a run, a git revision, or the name of a DVC
            experiment.

    Returns:
        One row per patient, with at least the columns `REQUIRED`.

    Raises:
        UserError: if there is no such run, or its table is not readable.
    """
    path = Path(TABLE) if name == "workspace" else Path(name)
    path = path / TABLE if path.is_dir() else path
    if name == "workspace" or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not readable ({error}). The stage evaluate writes it: dvc repro") from None
    else:
        text = _read_revision(name)
    try:
        return _parse_table(text)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{name}: its {TABLE} is not a table of patients as the stage evaluate writes it ({error}). Run that stage "
            "of that run again: dvc repro --force evaluate"
        ) from None


def _parse_table(text: str) -> pd.DataFrame:
    """Parse a patients.csv, also of another version that lacks some scores; raises ValueError or ParserError."""
    numeric = [name for name, dtype in PATIENT_COLUMNS.items() if dtype != "str"]
    table = pd.read_csv(
        io.StringIO(text),
        dtype={"patient_id": "str", "site": "str"},
        keep_default_na=False,  # a patient or a site may be called NA
        na_values=dict.fromkeys(numeric, ""),
    )
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)}")
    if table["patient_id"].duplicated().any():
        raise ValueError("a patient is listed twice")
    return table.astype({name: dtype for name, dtype in PATIENT_COLUMNS.items() if name in table})


def _read_revision(name: str) -> str:
    """Read metrics/patients.csv of a git revision or DVC experiment."""
    git = ["git", "--no-pager"]
    shown = subprocess.run([*git, "show", "--end-of-options", f"{name}:./{TABLE}"], capture_output=True, text=True)
    if shown.returncode == 0:
        return shown.stdout
    listed = subprocess.run([*git, "for-each-ref", "refs/exps", "--format=%(refname)"], capture_output=True, text=True)
    for ref in listed.stdout.split():
        if ref.rpartition("/")[2] == name:
            experiment = subprocess.run([*git, "show", f"{ref}:./{TABLE}"], capture_output=True, text=True)
            if experiment.returncode == 0:
                return experiment.stdout
    reason = shown.stderr.strip().splitlines()[0] if shown.stderr.strip() else "git failed"
    raise UserError(
        f"{name}: no file, no folder with {TABLE}, and no git revision or experiment that has it ({reason}). Name one, "
        "or workspace; git log and dvc exp show list them"
    )
