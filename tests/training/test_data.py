"""The slices that a training reads: those of the split, and enough of them to learn from."""

from pathlib import Path

import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.params import DataParams
from brainseg.training.data import read_slices
from tests.training.toy_training import TRAIN


def test_slices_come_from_the_split(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first, second, third = index.patient_id.unique()
    subsets = index.patient_id.map({first: "train", second: "validation", third: "test"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    chosen = read_slices(index, split, Path(tiny_data.root), TRAIN, tmp_path)
    assert (len(chosen.train), len(chosen.validation)) == (5, 5)

    leaky = split.assign(subset=split.subset.replace({"validation": "test"}))
    assert len(read_slices(index, leaky, Path(tiny_data.root), TRAIN, tmp_path).validation) == 10

    within = split.assign(subset=["train", "validation", "train", "train", "test"] * 3)
    chosen = read_slices(index, within, Path(tiny_data.root), TRAIN, tmp_path)
    assert (len(chosen.train), len(chosen.validation)) == (9, 3)
    assert all(entry.has_tumour for entry in chosen.validation)  # the second slice


def test_training_without_tumour_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    split = index[["patient_id", "slice_number"]].assign(subset="validation")
    split.loc[index.tumour_pixels == 0, "subset"] = "train"
    with pytest.raises(UserError, match="train slices has tumour"):
        read_slices(index, split, Path(tiny_data.root), TRAIN, tmp_path)


def test_batch_larger_than_the_subset_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first = index.patient_id.unique()[0]
    subsets = (index.patient_id == first).map({True: "train", False: "validation"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    large = TRAIN.model_copy(update={"batch_size": 6})
    with pytest.raises(UserError, match="6 slices a batch, and the training subset has 5"):
        read_slices(index, split, Path(tiny_data.root), large, tmp_path)
