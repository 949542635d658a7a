"""Two runs on the same patients: what differs, and whether it means anything."""

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.metrics import bootstrap
from brainseg.metrics.bootstrap import Interval

TABLE = "metrics/patients.csv"
SEED = 21  # of the resamples
DIGITS = 4  # that are shown and judged: an end that shows as 0 is 0
HIGHER_IS_BETTER = {
    "dice": True,
    "sensitivity": True,
    "precision": True,
    "nsd_2px": True,
    "hd95_px": False,
    "volume_error": False,
    "lesion_sensitivity": True,
    "lesion_false_positives": False,
    "slice_auc": True,
    "calibration_error": False,
}
SAME = ("slices", "tumour_pixels")  # that differ where two runs scored other slices of a patient, or other masks
NEEDED = ("patient_id", *SAME, "dice")  # runs of another version may lack other scores: what both have is compared


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Two runs, compared.

    Attributes:
        patients: a row per common patient, index patient_id; the columns of both with the endings _a and _b.
        only_a: patients that only the first run scored.
        only_b: patients that only the second run scored.
        other_slices: patients left out because the runs scored other slices of them, or other reference masks.
        differences: name of a score -> second run minus first, mean over patients with its 95 % interval.
    """

    patients: pd.DataFrame
    only_a: int
    only_b: int
    other_slices: int
    differences: dict[str, Interval]

    def verdict(self, name: str) -> str:
        """What the interval of a difference says: B better, B worse, or nothing."""
        found = self.differences[name]
        if found.count < 2:
            return "too few patients"
        if round(found.ci_low, DIGITS) <= 0 <= round(found.ci_high, DIGITS):
            return "includes 0"
        return "excludes 0, B " + ("better" if (found.value > 0) == HIGHER_IS_BETTER[name] else "worse")

    def moved(self, count: int = 5) -> pd.DataFrame:
        """The patients whose Dice changed most, largest change first: columns dice_a, dice_b, change."""
        change = self.patients["dice_b"] - self.patients["dice_a"]
        table = self.patients[["dice_a", "dice_b"]].assign(change=change)
        order = change[change.abs() > 0].abs().sort_values(ascending=False, kind="stable").index
        return table.loc[order[:count]]


def compare(table_a: pd.DataFrame, table_b: pd.DataFrame) -> RunComparison:
    """Compare two runs patient by patient.

    Args:
        table_a: metrics/patients.csv of the first run, see `read_run`.
        table_b: of the second one.

    Returns:
        Differences over patients that both runs scored on the same slices.

    Raises:
        UserError: if there is no such patient.
    """
    a, b = (table.set_index("patient_id") for table in (table_a, table_b))
    both = a.merge(b, how="inner", left_index=True, right_index=True, suffixes=("_a", "_b")).sort_index()
    same = pd.Series(True, both.index)
    for name in SAME:
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
            name: bootstrap.paired_difference(values_a=patients[f"{name}_a"], values_b=patients[f"{name}_b"], seed=SEED)
            for name in HIGHER_IS_BETTER
            if name in a and name in b
        },
    )


def read_run(name: str) -> pd.DataFrame:
    """The patients of a run.

    Args:
        name: "workspace", a path to a patients.csv or to the folder of a run, a git revision, or the name of an
            experiment of DVC's.

    Returns:
        A row per patient, with at least NEEDED.

    Raises:
        UserError: if there is no such run, or its table is not one.
    """
    path = Path(TABLE) if name == "workspace" else Path(name)
    path = path / TABLE if path.is_dir() else path
    if name == "workspace" or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not readable ({error}). The stage evaluate writes it: dvc repro") from None
    else:
        text = _of_revision(name)
    try:
        numbers = (*SAME, *HIGHER_IS_BETTER)
        table = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=dict.fromkeys(numbers, ""))
        missing = [column for column in NEEDED if column not in table]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        if table["patient_id"].duplicated().any():
            raise ValueError("a patient stands there twice")
        types = {"patient_id": "str"} | {column: "float64" for column in numbers if column in table}
        return table.astype(types)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{name}: its {TABLE} is no table of patients as the stage evaluate writes it ({error}). Run that stage "
            "of that run again: dvc repro --force evaluate"
        ) from None


def _of_revision(name: str) -> str:
    """metrics/patients.csv as git has it."""
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
    raise UserError(
        f"{name}: no file, no folder with {TABLE}, and no git revision or experiment that has it ("
        f"{shown.stderr.strip().splitlines()[0] if shown.stderr.strip() else 'git failed'}). Name one, or workspace; "
        "git log and dvc exp show list them"
    )
