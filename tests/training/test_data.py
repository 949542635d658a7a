"""The slices that a training reads: those of the split, with tumour, and enough for a batch."""

from pathlib import Path

import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.params import DataParams
from brainseg.training.data import TrainingData, read_slices
from tests.training.toy_training import TRAIN


def read(index: pd.DataFrame, split: pd.DataFrame, data: DataParams, folder: Path) -> TrainingData:
    return read_slices(index, split, Path(data.root), TRAIN, folder)


def test_slices_come_from_the_split(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first, second, third = index.patient_id.unique()
    subsets = index.patient_id.map({first: "train", second: "validation", third: "test"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    data = read(index, split, tiny_data, tmp_path)
    assert (len(data.train), len(data.validation)) == (5, 5)

    without_validation = split.assign(subset=split.subset.replace({"validation": "test"}))
    assert len(read(index, without_validation, tiny_data, tmp_path).validation) == 10

    by_slice = split.assign(subset=["train", "validation", "train", "train", "test"] * 3)
    data = read(index, by_slice, tiny_data, tmp_path)
    assert (len(data.train), len(data.validation)) == (9, 3)
    assert [stored.position for stored in data.train] == [0, 2, 3] * 3
    assert all(stored.has_tumour for stored in data.validation)  # the second slice of each patient


def test_subset_without_tumour_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    split = index[["patient_id", "slice_number"]].assign(subset="validation")
    with pytest.raises(UserError, match="none of the 0 training slices has tumour"):
        read(index, split, tiny_data, tmp_path)
    split.loc[index.tumour_pixels == 0, "subset"] = "train"
    with pytest.raises(UserError, match="none of the 9 training slices has tumour"):
        read(index, split, tiny_data, tmp_path)
    with pytest.raises(UserError, match="none of the 0 validation slices has tumour"):
        read(index, split.assign(subset="train"), tiny_data, tmp_path)


def test_batch_larger_than_the_subset_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first = index.patient_id.unique()[0]
    subsets = (index.patient_id == first).map({True: "train", False: "validation"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    params = TRAIN.model_copy(update={"batch_size": 6})
    with pytest.raises(UserError, match="a batch has 6 slices, but the training subset has only 5"):
        read_slices(index, split, Path(tiny_data.root), params, tmp_path)
