"""What a training learns from: the slices of the split, decoded once, and their batches (steps 10 to 12)."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.imaging.stack import read_volume
from brainseg.params import TrainParams
from brainseg.training.batches import SliceBatches
from brainseg.training.slice_store import SliceStore, StoredSlice


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The slices to learn from.

    Attributes:
        store: holds them.
        train: those to train on.
        validation: those to choose the epoch by.
    """

    store: SliceStore
    train: list[StoredSlice]
    validation: list[StoredSlice]


def read_slices(
    index: pd.DataFrame, split: pd.DataFrame, root: Path, params: TrainParams, folder: Path
) -> TrainingData:
    """Decode the training and validation slices, each file once (steps 10 to 12).

    Args:
        index: data/index.csv.
        split: data/split.csv; where it names no validation slices, the test slices are validated on.
        root: the folder that the index's paths are relative to.
        params: the hyperparameters.
        folder: for the decoded slices while training.

    Returns:
        Training and validation slices, by patient and slice.

    Raises:
        UserError: if either has no slice with tumour, or a batch is larger than the training subset.
    """
    subsets = split.subset if (split.subset == "validation").any() else split.subset.replace({"test": "validation"})
    store = SliceStore(
        folder,
        context_slices=params.context_slices,
        normalisation=params.normalisation,
        crop=params.crop,
        contralateral_flair=params.contralateral_flair,
        brain_masks=params.augmentation.skull_stripping > 0 or params.augmentation.pasted_lesion > 0,
    )
    data = TrainingData(store=store, train=[], validation=[])
    for patient_id, rows in split.assign(subset=subsets).groupby("patient_id"):
        numbers = {name: set(rows.slice_number[rows.subset == name]) for name in ("train", "validation")}
        if any(numbers.values()):
            volume = read_volume(index[index.patient_id == patient_id], root)
            wanted = {entry_number: None for name in numbers for entry_number in numbers[name]}
            entries = dict(zip(sorted(wanted), store.add(volume, set(wanted)), strict=True))
            data.train.extend(entries[number] for number in sorted(numbers["train"]))
            data.validation.extend(entries[number] for number in sorted(numbers["validation"]))
    for name, entries_of in (("train", data.train), ("validation", data.validation)):
        if not any(entry.has_tumour for entry in entries_of):
            raise UserError(
                f"data/split.csv: none of the {len(entries_of)} {name} slices has tumour, so nothing can be learnt or "
                "chosen. Change split.seed or the shares in params.yaml"
            )
    if params.batch_size > len(data.train):
        raise UserError(
            f"train.batch_size: {params.batch_size} slices a batch, and the training subset has {len(data.train)}. "
            "Lower train.batch_size, or add patients"
        )
    return data


def training_batches(data: TrainingData, params: TrainParams) -> SliceBatches:
    """The batches that a training learns from."""
    return SliceBatches(
        data.store,
        data.train,
        input_size=params.input_size,
        batch_size=params.batch_size,
        seed=params.seed,
        balanced=params.sampling == "balanced",
        augmentation=params.augmentation,
        workers=params.threads,
    )


def validation_batches(data: TrainingData, params: TrainParams) -> SliceBatches:
    """The batches that the epoch is chosen by."""
    return SliceBatches(
        data.store, data.validation, input_size=params.input_size, batch_size=params.batch_size, workers=params.threads
    )
