"""Tables and metrics as files: one reader, one writer, nothing half-written."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError

# A row per slice. image_path and mask_path are relative to data.root; digest is of the pixels of both, so that a
# changed picture reaches every later stage through this table.
INDEX_COLUMNS = {
    "patient_id": "str",
    "site": "str",
    "slice_number": "int64",
    "image_path": "str",
    "mask_path": "str",
    "height": "int64",  # pixels
    "width": "int64",  # pixels
    "tumour_pixels": "int64",
    "missing_sequences": "str",  # of the patient: "", "pre-contrast", "post-contrast" or both joined by "+"
    "digest": "str",
}

# A row per slice. subset is train, validation or test; fold is 0, 1, ... and the same for all slices of a patient.
SPLIT_COLUMNS = {
    "patient_id": "str",
    "slice_number": "int64",
    "subset": "str",
    "fold": "Int64",  # empty where the split is by slice
}

# A row per epoch, from 1; the losses and scores are those that Keras logs.
HISTORY_COLUMNS = {
    "epoch": "int64",
    "loss": "float64",
    "val_loss": "float64",
    "accuracy": "float64",
    "val_accuracy": "float64",
    "dice": "float64",
    "val_dice": "float64",
    "learning_rate": "float64",
}

SUBSETS = ("train", "validation", "test")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place if the block succeeds, and is deleted if it does not.

    Args:
        path: the file to write; its folder is made.

    Yields:
        The name to write to; it ends as `path` does, because writers look at the ending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a CSV that another stage wrote.

    Args:
        path: the file.
        columns: name -> dtype of each column that must be there; empty text stays empty text.

    Returns:
        The table with at least these columns, in the order of the file.

    Raises:
        UserError: if the file is missing, lacks a column, or a value is not of the column's dtype.
    """
    text = [name for name, dtype in columns.items() if dtype == "str"]
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, "str"),
            keep_default_na=False,  # a patient or a site may be called NA
            na_values={name: [""] for name in columns if name not in text},
        )
        missing = [name for name in columns if name not in table]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        return table.astype(dict(columns))
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage that writes it has not run: dvc repro") from None
    except (ValueError, TypeError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path}: not the table it should be ({error}). Run the stage that writes it again: dvc repro"
        ) from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV with floats at nine significant digits; same table, same bytes.

    Args:
        path: the file.
        table: its columns are written, its index is not.
    """
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def write_json(path: Path, metrics: Mapping[str, object]) -> None:
    """Write metrics for `dvc metrics`: flat, floats at six decimals, NaN as null.

    Args:
        path: the file.
        metrics: name -> number or text; NumPy scalars are taken too.
    """
    with atomic_write(path) as temporary:
        text = json.dumps({name: _plain(value) for name, value in metrics.items()}, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
