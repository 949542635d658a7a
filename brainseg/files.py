"""Reading and writing the pipeline's tables and metrics.

Files are replaced as a whole, so an interrupted write leaves the previous file intact.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError

# data/index.csv, one row per slice. image_path and mask_path are relative to data.root. The digest covers the pixels of
# both files, so that a changed image reaches every later stage through this table.
INDEX_COLUMNS = {
    "patient_id": "str",
    "site": "str",
    "slice_number": "int64",
    "image_path": "str",
    "mask_path": "str",
    "height": "int64",  # pixels
    "width": "int64",  # pixels
    "tumour_pixels": "int64",
    "missing_sequences": "str",  # of the patient: "", "pre-contrast", "post-contrast", or both joined by "+"
    "digest": "str",
}

# data/split.csv, one row per slice. subset is train, validation or test; fold is 0, 1, ... and the same for all slices
# of a patient.
SPLIT_COLUMNS = {
    "patient_id": "str",
    "slice_number": "int64",
    "subset": "str",
    "fold": "Int64",  # empty if the split is by slice
}

# models/history.csv, one row per epoch, from 1. Losses and metrics are those that Keras logs; learning_rate is that of
# the end of the epoch.
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
    """Write a file under a temporary name, and rename it to `path` if the block succeeds.

    If the block fails, the temporary file is deleted and `path` is left as it was.

    Args:
        path: the file to write; its folder is created.

    Yields:
        The temporary path in the same folder, with the suffix of `path`, because some writers depend on the suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a CSV file that another stage wrote.

    Args:
        path: a CSV file.
        columns: name and dtype of each required column. Empty text is read as empty text, not as missing.

    Returns:
        The table with at least these columns, in the order of the file.

    Raises:
        UserError: if the file is missing, lacks a column, or holds a value that does not fit the column's dtype.
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
            raise ValueError(f"missing columns: {', '.join(missing)}")
        return table.astype(dict(columns))
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage that writes it has not run yet. Run: dvc repro") from None
    except (ValueError, TypeError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path}: not the expected table ({error}). Run the stage that writes it again: dvc repro"
        ) from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file with floats to nine significant digits; equal tables give equal bytes.

    Args:
        path: the file to write.
        table: its columns are written, its index is not.
    """
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def select_subset(index: pd.DataFrame, split: pd.DataFrame, *subsets: str) -> pd.DataFrame:
    """Select the slices of one or more subsets.

    Args:
        index: data/index.csv, columns as in `INDEX_COLUMNS`.
        split: data/split.csv, columns as in `SPLIT_COLUMNS`.
        subsets: "train", "validation", "test".

    Returns:
        The rows of `index` that are in the subsets, sorted by patient and slice number; may be empty.

    Raises:
        UserError: if the split lists one of these slices twice, or lists a slice that the index does not have.
    """
    key = ["patient_id", "slice_number"]
    selected = split.loc[split["subset"].isin(subsets), key].sort_values(key)
    rows = selected.merge(index, how="left", on=key, indicator=True)
    faulty = rows[rows.duplicated(key) | (rows["_merge"] == "left_only")]
    if len(faulty):
        first = faulty.iloc[0]
        raise UserError(
            f"data/split.csv does not match data/index.csv: {len(faulty)} {' or '.join(subsets)} slice(s) are listed "
            f"twice, or are not in the index; the first is {first['patient_id']} slice {first['slice_number']}. "
            "Write both tables again: dvc repro --force index split"
        )
    return rows[index.columns]


def write_json(path: Path, metrics: Mapping[str, object]) -> None:
    """Write metrics as flat JSON for `dvc metrics`: floats to six decimals, NaN and infinity as null.

    Args:
        path: the file to write.
        metrics: numbers or text by name; NumPy scalars are allowed.
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
