"""Tables and metrics as files: round trips, and every value of a table is checked. Also covers brainseg.errors."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.errors import UserError
from brainseg.files import (
    HISTORY_COLUMNS,
    INDEX_COLUMNS,
    SPLIT_COLUMNS,
    SUBSETS,
    check_patient_id,
    read_table,
    select_subset,
    write_json,
    write_table,
)

COLUMNS = {**SPLIT_COLUMNS, "fold": "Int64"}  # with a column of whole numbers that may be empty
HEADER = "patient_id,slice_number,subset,fold\n"


@pytest.fixture
def index() -> pd.DataFrame:
    """An index of patients a and b with slices 1 to 3."""
    rows = [(patient_id, number, f"{patient_id}{number}") for patient_id in "ab" for number in (1, 2, 3)]
    return pd.DataFrame(rows, columns=["patient_id", "slice_number", "image_path"])


@pytest.fixture
def split(index: pd.DataFrame) -> pd.DataFrame:
    """The third slice of each patient is in the test subset, the others in the training subset."""
    subsets = index["slice_number"].map({1: "train", 2: "train", 3: "test"})
    return index[["patient_id", "slice_number"]].assign(subset=subsets)


def test_table_round_trip_keeps_text_that_looks_like_a_number_or_nan(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "patient_id": ["007", "NA", "nan"],
            "slice_number": [1, 2, 3],
            "subset": ["train", "validation", "test"],
            "fold": [0, None, 1],
        }
    ).astype(COLUMNS)
    write_table(tmp_path / "split.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "split.csv", COLUMNS), table)


@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/"), min_size=1).filter(
                lambda text: text not in (".", "..")
            ),
            st.integers(0, 10**9 - 1),
            st.sampled_from(SUBSETS),
            st.none() | st.integers(0, 99),
        ),
        unique_by=lambda row: row[:2],
    )
)
def test_any_split_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:
    path = tmp_path_factory.mktemp("table") / "split.csv"
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_table(path, table)
    pd.testing.assert_frame_equal(read_table(path, COLUMNS), table)


@given(values=st.lists(st.floats(allow_infinity=False), min_size=1))
def test_numbers_are_read_to_the_digits_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("table") / "history.csv"
    write_table(path, pd.DataFrame({"loss": values}))
    read = read_table(path, {"loss": "float64"})["loss"].tolist()
    expected = [float(f"{value:.9g}") for value in values]
    assert [value if math.isfinite(value) else None for value in read] == [
        value if math.isfinite(value) else None for value in expected
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("patient_id,slice_number\na,1\n", "missing columns: subset"),
        ("", "empty"),
        ("\ufeff", "empty"),
        (HEADER + "a,one,test,0\n", "line 2: slice_number is 'one', expected a whole number from 0"),
        (HEADER + "a,1,test,0\n\na,1.5,test,0\n", "line 4: slice_number is '1.5', expected a whole number"),
        (HEADER + "a,1.0,test,0\n", "slice_number is '1.0'"),
        (HEADER + "a,inf,test,0\n", "slice_number is 'inf'"),
        (HEADER + "a,-1,test,0\n", "slice_number is '-1'"),
        (HEADER + "a,,test,0\n", "slice_number is ''"),
        (HEADER + f"a,{2**64 - 1},test,0\n", f"slice_number is '{2**64 - 1}'"),
        (HEADER + f"a,{'9' * 5000},test,0\n", "slice_number is '9999"),
        (HEADER + "a,1,testing,0\n", "line 2: subset is 'testing', expected train or validation or test"),
        (HEADER + "a,1,Test,0\n", "subset is 'Test'"),
        (HEADER + ",1,test,0\n", "patient_id is ''"),
        (HEADER + "../../../x,1,test,0\n", r"patient_id is '\.\./\.\./\.\./x', expected an identifier"),
        (HEADER + "..,1,test,0\n", r"patient_id is '\.\.'"),
        (HEADER + '"a\nb",1,test,0\n', r"patient_id is 'a\\nb'"),
        (HEADER + "a,1,test,0\na,2,test,0\na,1,train,0\n", "lines 2 and 4 are both of a slice 1"),
        (HEADER + "a,1,test\n", r"line 2: 3 value\(s\) where 4 are expected"),
        (HEADER + "a,1,test,0,5\n", r"line 2: 5 value\(s\) where 4 are expected"),
        (HEADER + "a,1,test,1.5\n", "fold is '1.5'"),
        ("patient_id,slice_number,subset,fold,fold\na,1,test,0,1\n", "columns that occur twice: fold"),
        (HEADER + '"a,1,test,0\n', "unexpected end of data"),
        (HEADER + "a,1,te\0st,0\n", "bytes that are 0"),
        (HEADER.encode() + b"\xe9,1,test,0\n", "0xe9"),
        (HEADER.encode("utf-16"), "0xff"),
        (HEADER + f"{'a' * 200_000},1,test,0\n", "field larger than field limit"),
    ],
)
def test_invalid_table_is_one_message(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=rf"split\.csv: not the expected table \(.*{message}.*dvc repro$"):
        read_table(path, COLUMNS)


@pytest.mark.parametrize("name", ["image_path", "mask_path"])
@pytest.mark.parametrize("text", ["/etc/passwd", "../a.png", "a/../../b.png", ""])
def test_image_outside_the_data_set_is_refused(tmp_path: Path, name: str, text: str) -> None:
    row = {"patient_id": "a", "slice_number": 1, "height": 4, "width": 4, "tumour_pixels": 0, "site": "X"}
    row |= {"image_path": "a/1.png", "mask_path": "a/1_mask.png", "missing_sequences": "", "digest": "0"}
    write_table(tmp_path / "index.csv", pd.DataFrame([row]))
    assert read_table(tmp_path / "index.csv", INDEX_COLUMNS)[name][0] == row[name]
    write_table(tmp_path / "index.csv", pd.DataFrame([row | {name: text}]))
    with pytest.raises(UserError, match=f"line 2: {name} is '{text}', expected a path below data.root"):
        read_table(tmp_path / "index.csv", INDEX_COLUMNS)


@pytest.mark.parametrize(
    ("text", "fits"), [("1e-05", True), ("", True), ("nan", True), ("inf", False), ("1e999", False)]
)
def test_numbers_are_finite_or_missing(tmp_path: Path, text: str, fits: bool) -> None:
    path = tmp_path / "history.csv"
    path.write_text("loss\n" + (text or '""') + "\n")
    if fits:
        assert read_table(path, {"loss": HISTORY_COLUMNS["loss"]}).loss.tolist() == pytest.approx(
            [float(text or "nan")], nan_ok=True
        )
    else:
        with pytest.raises(UserError, match=f"loss is '{text}', expected a finite number, or nothing"):
            read_table(path, {"loss": HISTORY_COLUMNS["loss"]})


def test_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + "a,1,test,0\n").replace("\n", "\r\n").encode())
    assert read_table(path, COLUMNS).iloc[0].tolist() == ["a", 1, "test", 0]


def test_identifier_that_is_part_of_a_file_name() -> None:
    for text in ("TCGA_CS_4941_19960909", "007", "患者 1", "a.b", "...", "$x$"):
        assert check_patient_id(text) == text
    for text in ("", ".", "..", "a/b", "/a", "a\0", "a\n"):
        with pytest.raises(ValueError, match="without / and control characters"):
            check_patient_id(text)


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
