"""Find and read the scores of a run: in the workspace, in a file or folder, in a git revision or DVC experiment."""

import subprocess
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.files import parse_table
from brainseg.reading import DamagedFileError, decode_text, read_text

TABLE = "metrics/patients.csv"
REQUIRED = ("patient_id", "slices", "tumour_pixels", "dice")  # a run of another version may lack other scores
LARGEST = 1e15  # of a score; differences of larger ones may overflow


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
    try:
        text = read_text(path) if name == "workspace" or path.exists() else _read_revision(name)
    except (FileNotFoundError, DamagedFileError) as error:
        reason = "not found" if isinstance(error, FileNotFoundError) else f"not readable ({error})"
        raise UserError(f"{path}: {reason}. The stage evaluate writes it: dvc repro") from None
    try:
        return _parse_scores(text)
    except DamagedFileError as error:
        raise UserError(
            f"{name}: not a table of patients as the stage evaluate writes it in {TABLE} ({error}). Run that stage of "
            "that run again: dvc repro --force --single-item evaluate"
        ) from None


def _parse_scores(text: str) -> pd.DataFrame:
    """Parse a patients.csv, also of another version that lacks some scores; raises DamagedFileError."""
    table = parse_table(text, PATIENT_COLUMNS, optional=PATIENT_COLUMNS.keys() - REQUIRED)
    for name, values in table.select_dtypes("float64").items():
        if (values.abs() > LARGEST).any():
            raise DamagedFileError(f"{name} has a value of more than {LARGEST:g}")
    return table


def _read_revision(name: str) -> str:
    """Read metrics/patients.csv of a git revision or DVC experiment; raises DamagedFileError if it is not text."""
    shown = _git("show", "--end-of-options", f"{name}:./{TABLE}", "--")
    if shown.returncode == 0:
        return decode_text(shown.stdout)
    for ref in _git("for-each-ref", "refs/exps", "--format=%(refname)").stdout.decode(errors="replace").split():
        if ref.rpartition("/")[2] == name:
            experiment = _git("show", f"{ref}:./{TABLE}", "--")
            if experiment.returncode == 0:
                return decode_text(experiment.stdout)
    reason = shown.stderr.decode(errors="replace").strip().partition("\n")[0] or "git failed"
    raise UserError(
        f"{name}: no file, no folder with {TABLE}, and no git revision or experiment that has it ({reason}). Name one, "
        "or workspace; git log and dvc exp show list them"
    )


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "--no-pager", *arguments], capture_output=True)
    except (OSError, ValueError) as error:  # git is not installed; a name with a byte that is 0
        return subprocess.CompletedProcess(arguments, 1, b"", str(error).encode())
