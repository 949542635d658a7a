"""Tables and metrics as files: round trips, equal bytes, and nothing half-written. Also covers brainseg.errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.files import SPLIT_COLUMNS, atomic_write, read_table, select_subset, write_json, write_table


@pytest.fixture
def index() -> pd.DataFrame:
    """An index of patients a and b with slices 1 to 3."""
    rows = [(patient_id, number, f"{patient_id}{number}") for patient_id in "ab" for number in (1, 2, 3)]
    return pd.DataFrame(rows, columns=["patient_id", "slice_number", "image_path"])


@pytest.fixture
def split(index: pd.DataFrame) -> pd.DataFrame:
    """The third slice of each patient is in the test subset, the others in the training subset."""
    subsets = index["slice_number"].map({1: "train", 2: "train", 3: "test"})
    return index[["patient_id", "slice_number"]].assign(subset=subsets, fold=0)


def test_table_round_trip_keeps_text_that_looks_like_a_number_or_nan(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "patient_id": ["007", "NA", "nan"],
            "slice_number": [1, 2, 3],
            "subset": ["train", "", "test"],
            "fold": [0, None, 1],
        }
    ).astype(SPLIT_COLUMNS)
    write_table(tmp_path / "split.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "split.csv", SPLIT_COLUMNS), table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,slice_number\na,1\n", "missing columns: subset, fold"),
        ("patient_id,slice_number,subset,fold\na,one,test,0\n", "not the expected table"),
        ("", "not the expected table"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_table(path, SPLIT_COLUMNS)


def test_missing_table_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro"):
        read_table(tmp_path / "split.csv", SPLIT_COLUMNS)


def test_subset_is_selected_in_order(index: pd.DataFrame, split: pd.DataFrame) -> None:
    rows = select_subset(index, split.iloc[::-1], "test")
    assert list(rows) == list(index)
    assert rows["patient_id"].tolist() == ["a", "b"]
    assert rows["slice_number"].tolist() == [3, 3]
    assert rows["image_path"].tolist() == ["a3", "b3"]
    assert select_subset(index, split, "validation").empty
    pd.testing.assert_frame_equal(select_subset(index, split, "train", "test"), index)


def test_split_that_does_not_match_the_index_is_refused(index: pd.DataFrame, split: pd.DataFrame) -> None:
    message = r"1 test slice\(s\) are listed twice, or are not in the index; the first is b slice 3\."
    with pytest.raises(UserError, match=message):
        select_subset(index.drop(index=5), split, "test")
    with pytest.raises(UserError, match=message):
        select_subset(index, pd.concat([split, split.iloc[[5]]]), "test")


def test_json_has_null_for_nan_and_six_decimals(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", {"dice": np.float64(1 / 3), "hd95_px": float("nan"), "patients": np.int64(3)})
    assert json.loads((tmp_path / "m.json").read_text()) == {"dice": 0.333333, "hd95_px": None, "patients": 3}


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fill_the_disk() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill_the_disk()
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"
