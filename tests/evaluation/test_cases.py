"""Patients as they are scored: what is read of them, also where a split by slice scores a part."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.evaluation.cases import Case, read_cases, subset_rows
from brainseg.params import DataParams
from brainseg.prediction.probability_maps import write_probabilities


@pytest.fixture
def index(tiny_data: DataParams, tmp_path: Path) -> pd.DataFrame:
    """data/index.csv of the tiny set, with a map for each slice whose value is the slice's number in hundredths."""
    table = index_folder(tiny_data)
    for patient_id in table["patient_id"].unique():
        maps = np.ones((5, 32, 32), np.float32) * np.arange(1, 6, dtype=np.float32)[:, None, None] / 100
        write_probabilities(tmp_path / f"predictions/{patient_id}.npz", maps, np.arange(1, 6))
    return table


def read(rows: pd.DataFrame, index: pd.DataFrame, tiny_data: DataParams, tmp_path: Path) -> list[Case]:
    return list(read_cases(rows, index=index, root=Path(tiny_data.root), predictions=tmp_path / "predictions"))


def test_part_of_a_patient_is_normalised_as_the_whole(
    index: pd.DataFrame, tiny_data: DataParams, tmp_path: Path
) -> None:
    whole = read(index, index, tiny_data, tmp_path)
    part = read(index[index["slice_number"].isin([2, 5])], index, tiny_data, tmp_path)
    assert [case.volume.patient_id for case in part] == sorted(index["patient_id"].unique())
    for a, b in zip(whole, part, strict=True):
        assert b.volume.slice_numbers.tolist() == [2, 5]
        np.testing.assert_array_equal(b.normalisation.offset, a.normalisation.offset)
        np.testing.assert_array_equal(b.head, a.head[[1, 4]])
        np.testing.assert_array_equal(b.volume.mask_true, a.volume.mask_true[[1, 4]])
        np.testing.assert_allclose(b.probability[:, 0, 0], [0.02, 0.05], rtol=1e-3)


def test_no_rows_are_no_patients(index: pd.DataFrame, tiny_data: DataParams, tmp_path: Path) -> None:
    assert read(index.iloc[:0], index, tiny_data, tmp_path) == []


def test_rows_of_a_subset_are_in_order_and_all_there(index: pd.DataFrame) -> None:
    split = index[["patient_id", "slice_number"]].assign(subset="train", fold=0).iloc[::-1]
    split.loc[split["slice_number"] == 3, "subset"] = "test"
    rows = subset_rows(index, split, "test")
    assert list(rows.columns) == list(index.columns)
    assert rows["patient_id"].is_monotonic_increasing
    assert (len(rows), set(rows["slice_number"])) == (3, {3})
    assert subset_rows(index, split, "validation").empty
    with pytest.raises(UserError, match=r"1 test slice\(s\) stand there twice or not at all"):
        subset_rows(index.drop(rows.index[0] + 2), split, "test")
