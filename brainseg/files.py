"""Reading and writing the pipeline's tables and metrics.

Every value of a table is checked when it is read, because users edit tables by hand, and because identifiers and paths
of tables become names of files.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, parse_rows, read_text
from brainseg.writing import atomic_write

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

# data/split.csv, one row per slice. subset is train, validation or test. Those of cross-validation have a column more,
# the fold of the patient, which no stage reads.
SPLIT_COLUMNS = {
    "patient_id": "str",
    "slice_number": "int64",
    "subset": "str",
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


# Columns of whole numbers whose smallest value is not 0.
SMALLEST = {"height": 1, "width": 1, "epoch": 1}
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[nN]a[nN]")


def read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a CSV file that another stage wrote.

    Args:
        path: a CSV file.
        columns: name and dtype of each required column: str, int64, Int64 (whole numbers, or empty) or float64 (empty:
            NaN). Empty text is read as empty text, not as missing.

    Returns:
        The table with these columns, in the order of `columns`. Further columns of the file are left out.

    Raises:
        UserError: if the file is missing or not a table, lacks a column, has a value that does not fit its column, or
            lists a patient, or a slice of a patient, twice.
    """
    try:
        return parse_table(read_text(path), columns)
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage that writes it has not run yet. Run: dvc repro") from None
    except DamagedFileError as error:
        raise UserError(
            f"{path}: not the expected table ({error}). Run the stage that writes it again: dvc repro"
        ) from None


def parse_table(text: str, columns: Mapping[str, str], *, optional: Collection[str] = ()) -> pd.DataFrame:
    """Parse the text of a CSV file as `read_table` does.

    Args:
        text: the content of the file.
        columns: as for `read_table`.
        optional: columns that may be missing; the table then lacks them too.

    Raises:
        DamagedFileError: if the text is not such a table.
    """
    names, rows = parse_rows(text)
    missing = [name for name in columns if name not in names and name not in optional]
    if missing:
        raise DamagedFileError(f"missing columns: {', '.join(missing)}")
    repeated = [name for name in columns if names.count(name) > 1]
    if repeated:
        raise DamagedFileError(f"columns that occur twice: {', '.join(repeated)}")
    columns = {name: dtype for name, dtype in columns.items() if name in names}
    values: dict[str, list[object]] = {}
    for name, dtype in columns.items():
        position, convert = names.index(name), _converter(name, dtype)
        values[name] = [_convert(convert, name, fields[position], line) for line, fields in rows]
    _check_unique(values, [line for line, _ in rows])
    return pd.DataFrame({name: pd.Series(values[name], dtype=dtype) for name, dtype in columns.items()})


def check_patient_id(text: str) -> str:
    """Check an identifier before it becomes part of a file's name; returns it unchanged.

    Raises:
        ValueError: if it is empty, contains a slash or a control character, or is . or ..
    """
    if not text or text in (".", "..") or re.search(r"[/\x00-\x1f\x7f]", text):
        raise ValueError("an identifier that can be part of a file's name: without / and control characters")
    return text


def _check_relative_path(text: str) -> str:
    """Check the path of an image, which must lie below data.root; returns it unchanged."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise ValueError("a path below data.root: relative, without ..")
    return text


def _check_subset(text: str) -> str:
    if text not in SUBSETS:
        raise ValueError(" or ".join(SUBSETS))
    return text


TEXT_CHECKS: Mapping[str, Callable[[str], str]] = {
    "patient_id": check_patient_id,
    "image_path": _check_relative_path,
    "mask_path": _check_relative_path,
    "subset": _check_subset,
}


def _converter(name: str, dtype: str) -> Callable[[str], object]:
    """The function that converts and checks the text of a column; it raises ValueError with what was expected."""
    if dtype == "str":
        return TEXT_CHECKS.get(name, str)
    smallest = SMALLEST.get(name, 0)

    def convert(text: str) -> object:
        text = text.strip()
        if dtype == "float64":
            number = float(text) if NUMBER.fullmatch(text) else math.nan
            if math.isinf(number) or (text and not NUMBER.fullmatch(text)):
                raise ValueError("a finite number, or nothing")
            return number
        if dtype == "Int64" and not text:
            return None
        if not WHOLE_NUMBER.fullmatch(text) or int(text) < smallest:
            raise ValueError(f"a whole number from {smallest}")
        return int(text)

    return convert


def _convert(convert: Callable[[str], object], name: str, text: str, line: int) -> object:
    try:
        return convert(text)
    except ValueError as error:
        raise DamagedFileError(f"line {line}: {name} is {text[:80]!r}, expected {error}") from None


def _check_unique(values: Mapping[str, list[object]], lines: list[int]) -> None:
    """Refuse a table that lists a patient twice or, if it lists slices, a slice of a patient."""
    keys = [values[name] for name in ("patient_id", "slice_number") if name in values]
    if "patient_id" not in values:
        return
    first_line: dict[tuple[object, ...], int] = {}
    for line, key in zip(lines, zip(*keys, strict=True), strict=True):
        if first_line.setdefault(key, line) != line:
            raise DamagedFileError(f"lines {first_line[key]} and {line} are both of {' slice '.join(map(str, key))}")


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
            "Write both tables again: dvc repro --force --single-item index split"
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
