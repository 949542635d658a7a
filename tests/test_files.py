"""Files: round trips, same bytes, and nothing half-written."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.errors import UserError
from brainseg.files import SPLIT_COLUMNS, atomic_write, read_table, write_json, write_table
from brainseg.prediction.probability_maps import read_probabilities, write_probabilities


def test_table_round_trip_keeps_text_that_looks_like_something_else(tmp_path: Path) -> None:
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
    ("text", "words"),
    [
        ("patient_id,slice_number\na,1\n", "it lacks subset, fold"),
        ("patient_id,slice_number,subset,fold\na,one,test,0\n", "not the table it should be"),
        ("", "not the table it should be"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_table(path, SPLIT_COLUMNS)


def test_missing_table_names_the_way_back(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro"):
        read_table(tmp_path / "split.csv", SPLIT_COLUMNS)


def test_json_has_null_for_undefined_and_six_decimals(tmp_path: Path) -> None:
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


@given(probability=npst.arrays(np.float32, (2, 3, 4), elements=st.floats(0, 1, width=32)))
def test_probabilities_round_trip_to_half_precision(
    tmp_path_factory: pytest.TempPathFactory, probability: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("maps") / "p.npz"
    write_probabilities(path, probability, np.array([4, 9]))
    read, slice_numbers = read_probabilities(path)
    np.testing.assert_array_equal(slice_numbers, [4, 9])
    np.testing.assert_allclose(read, probability, atol=2.5e-4)
    first = path.read_bytes()
    write_probabilities(path, probability, np.array([4, 9]))
    assert path.read_bytes() == first


def test_maps_hold_no_date_and_nothing_that_differs_between_versions_of_python(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), 0.5, np.float32), np.array([1]))
    with zipfile.ZipFile(path) as archive:
        assert {member.extract_version for member in archive.infolist()} == {zipfile.DEFAULT_VERSION}
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
            "probability": ((1, 2, 2), np.float16),
            "slice_numbers": ((1,), np.int64),
        }


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_no_probability_is_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), value, np.float32), np.array([1]))
    with pytest.raises(UserError, match="no probability"):
        read_probabilities(path)


@pytest.mark.parametrize("kept", [slice(0), slice(2), slice(-40), slice(40, None)])
def test_broken_maps_are_one_message(tmp_path: Path, kept: slice) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), 0.5, np.float32), np.array([1]))
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(UserError, match="dvc repro --force predict"):
        read_probabilities(path)
