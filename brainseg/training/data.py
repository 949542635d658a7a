"""The slices to train and validate on, decoded once, and their batches (steps 10 to 12)."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.files import select_subset
from brainseg.imaging.stack import read_volume
from brainseg.params import TrainParams
from brainseg.training.batches import SliceBatches
from brainseg.training.slice_store import SliceStore, StoredSlice


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The slices of the training and validation subsets.

    Attributes:
        store: holds the decoded slices.
        train: the slices to train on.
        validation: the slices on which the best epoch is chosen.
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
        split: data/split.csv; if it has no validation slices, the test slices are used for validation.
        root: the folder that the paths in the index are relative to.
        params: the hyperparameters.
        folder: for the decoded slices, while training.

    Returns:
        Training and validation slices, sorted by patient and slice number.

    Raises:
        UserError: if either subset has no slice with tumour, if a batch is larger than the training subset, or if the
            split does not match the index.
    """
    validation = "validation" if (split["subset"] == "validation").any() else "test"
    subsets = {"train": select_subset(index, split, "train"), "validation": select_subset(index, split, validation)}
    rows = pd.concat(subsets, names=["subset"]).reset_index("subset")
    store = SliceStore(
        folder,
        context_slices=params.context_slices,
        normalisation=params.normalisation,
        crop=params.crop,
        contralateral_flair=params.contralateral_flair,
        brain_masks=params.augmentation.skull_stripping > 0 or params.augmentation.pasted_lesion > 0,
    )
    slices: dict[str, list[StoredSlice]] = {subset: [] for subset in subsets}
    for patient_id, patient_rows in rows.groupby("patient_id"):
        volume = read_volume(index[index["patient_id"] == patient_id], root)
        subset_of = dict(zip(patient_rows["slice_number"], patient_rows["subset"], strict=True))
        for number, stored in zip(sorted(subset_of), store.add(volume, set(subset_of)), strict=True):
            slices[subset_of[number]].append(stored)
    _check(slices["train"], slices["validation"], params.batch_size)
    return TrainingData(store=store, **slices)


def _check(train: list[StoredSlice], validation: list[StoredSlice], batch_size: int) -> None:
    """Refuse subsets that nothing can be learnt from."""
    for name, slices in (("training", train), ("validation", validation)):
        if not any(stored.has_tumour for stored in slices):
            raise UserError(
                f"data/split.csv: none of the {len(slices)} {name} slices has tumour, so the network cannot be "
                "trained. Change split.seed or the sizes of the subsets in params.yaml"
            )
    if batch_size > len(train):
        raise UserError(
            f"train.batch_size: a batch has {batch_size} slices, but the training subset has only {len(train)}. "
            "Lower train.batch_size, or add patients"
        )


def training_batches(data: TrainingData, params: TrainParams) -> SliceBatches:
    """The batches to train on."""
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
    """The batches on which the best epoch is chosen."""
    return SliceBatches(
        data.store, data.validation, input_size=params.input_size, batch_size=params.batch_size, workers=params.threads
    )
