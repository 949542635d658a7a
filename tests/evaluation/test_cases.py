"""Reading patients for scoring: parts of patients in a split by slice, predictions that do not match."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.evaluation.cases import Case, read_cases
from brainseg.files import select_subset
from brainseg.params import DataParams
from brainseg.prediction.probability_maps import write_probabilities
from tests.evaluation.toy_patients import drawn, run_stage


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


def test_no_rows_yield_no_patients(index: pd.DataFrame, tiny_data: DataParams, tmp_path: Path) -> None:
    assert read(index.iloc[:0], index, tiny_data, tmp_path) == []


def test_rows_of_a_subset_are_in_order_and_all_there(index: pd.DataFrame) -> None:
    split = index[["patient_id", "slice_number"]].assign(subset="train", fold=0).iloc[::-1]
    split.loc[split["slice_number"] == 3, "subset"] = "test"
    rows = select_subset(index, split, "test")
    assert list(rows.columns) == list(index.columns)
    assert rows["patient_id"].is_monotonic_increasing
    assert (len(rows), set(rows["slice_number"])) == (3, {3})
    assert select_subset(index, split, "validation").empty
    with pytest.raises(UserError, match=r"1 test slice\(s\) are listed twice, or are not in the index"):
        select_subset(index.drop(rows.index[0] + 2), split, "test")


def test_predictions_are_matched_by_slice_number(project: Path) -> None:
    _, probability = drawn("TOY_AA_ONE")
    other = np.ones_like(probability[:1])
    more = np.concatenate([other, probability, other])
    expected = run_stage()
    write_probabilities(Path("data/predictions/TOY_AA_ONE.npz"), more, np.array([0, 1, 2, 9]))
    assert run_stage() == expected


@pytest.mark.parametrize(
    ("maps", "numbers", "message"),
    [
        (
            (2, 5, 3),
            [1, 2],
            r"TOY_AA_ONE.npz: maps are 5 x 3 pixels, the patient's slices are 3 x 5.*--force --single-item predict",
        ),
        (
            (1, 3, 5),
            [1],
            "TOY_AA_ONE.npz: 1 of 2 slices to score are not in it, the first is slice 2.*--single-item predict",
        ),
        ((2, 3, 5), [1], r"TOY_AA_ONE.npz: not readable \(maps of shape \(2, 3, 5\) for slice numbers of shape"),
        ((2, 15), [1, 2], r"TOY_AA_ONE.npz: not readable \(maps of shape \(2, 15\) for slice numbers of shape"),
    ],
)
def test_predictions_that_do_not_match_are_refused(
    project: Path, maps: tuple[int, ...], numbers: list[int], message: str
) -> None:
    write_probabilities(Path("data/predictions/TOY_AA_ONE.npz"), np.zeros(maps, np.float32), np.array(numbers))
    with pytest.raises(UserError, match=message):
        run_stage()
    assert not Path("metrics").exists()


def test_invalid_and_missing_predictions_are_refused(project: Path) -> None:
    path = Path("data/predictions/TOY_AA_ONE.npz")
    write_probabilities(path, np.full((2, 3, 5), np.nan, np.float32), np.array([1, 2]))
    with pytest.raises(UserError, match=r"TOY_AA_ONE.npz: not readable \(it contains NaN or a value outside"):
        run_stage()
    path.unlink()
    with pytest.raises(UserError, match=r"TOY_AA_ONE.npz: not found.*dvc repro predict"):
        run_stage()
    assert not Path("metrics").exists()
