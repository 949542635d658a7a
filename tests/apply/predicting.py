"""Running `brainseg predict`, and reading what it wrote."""

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainseg.cli import main

SPACING = np.diag([-1.0, -1.0, 5.0, 1.0])


def predict(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command; returns its exit status."""
    monkeypatch.setattr("sys.argv", ["brainseg", "predict", *map(str, arguments)])
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0) if not isinstance(stopped.code, str) else 1
    return 0


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray = SPACING) -> Path:
    """Write an array in the network's orientation, (S, H, W), as columns x rows x slices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)
    return path


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """All files but report.json, which has times in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "report.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
