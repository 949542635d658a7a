"""Fit, watch, keep the best: steps 15 to 18 of the notebook."""

from pathlib import Path

import keras
import pandas as pd

from brainseg.batches import Sample, SliceBatches, samples_of
from brainseg.errors import UserError
from brainseg.formats.stack import read_volume
from brainseg.losses import PooledDice, loss_named
from brainseg.params import TrainParams
from brainseg.preprocessing import Method
from brainseg.progress import EpochLines
from brainseg.tables import HISTORY_COLUMNS


def read_samples(index: pd.DataFrame, split: pd.DataFrame, root: Path, method: Method) -> dict[str, list[Sample]]:
    """Decode the training and validation slices, each file once (steps 10 to 12).

    Args:
        index: data/index.csv.
        split: data/split.csv; where it names no validation slices, the test slices are validated on.
        root: the folder that the index's paths are relative to.
        method: of the normalisation.

    Returns:
        The samples of "train" and of "validation", by patient and slice.

    Raises:
        UserError: if either has no slice with tumour.
    """
    subsets = split.subset if (split.subset == "validation").any() else split.subset.replace({"test": "validation"})
    samples: dict[str, list[Sample]] = {"train": [], "validation": []}
    for patient_id, rows in split.assign(subset=subsets).groupby("patient_id"):
        numbers = {subset: set(rows.slice_number[rows.subset == subset]) for subset in samples}
        if any(numbers.values()):
            volume = read_volume(index[index.patient_id == patient_id], root)
            for subset, chosen in samples.items():
                chosen.extend(samples_of(volume, method, numbers[subset]))
    for subset, chosen in samples.items():
        if not any(sample.mask_true.any() for sample in chosen):
            raise UserError(
                f"data/split.csv: none of the {len(chosen)} {subset} slices has tumour, so nothing can be learnt or "
                "chosen. Change split.seed or the shares in params.yaml"
            )
    return samples


def fit(model: keras.Model, samples: dict[str, list[Sample]], train: TrainParams, best: Path) -> pd.DataFrame:
    """Train a model; it ends with the weights of the epoch whose validation loss was least.

    Args:
        model: as built; it is compiled and trained in place.
        samples: of "train" and "validation".
        train: the hyperparameters.
        best: a .weights.h5 file for the best weights so far; it stays if training is killed.

    Returns:
        The history, a row an epoch; columns as in `brainseg.tables.HISTORY_COLUMNS`.

    Raises:
        UserError: if the loss is no longer a number.
    """
    batches = SliceBatches(
        samples["train"],
        size=train.size,
        batch_size=train.batch_size,
        seed=train.seed,
        augmentation=train.augmentation,
    )
    validation = SliceBatches(samples["validation"], size=train.size, batch_size=train.batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(train.learning_rate),
        loss=loss_named(train.loss),
        metrics=["accuracy", PooledDice()],
        jit_compile=False,  # XLA is many times slower on a CPU
    )
    best.parent.mkdir(parents=True, exist_ok=True)
    history = model.fit(
        batches,
        validation_data=validation,
        epochs=train.epochs,
        shuffle=False,  # the batches shuffle themselves, by seed
        callbacks=_callbacks(batches, train, best),
        verbose=0,
    )
    table = pd.DataFrame(history.history).rename_axis("epoch").reset_index()
    table["epoch"] += 1
    if not table[["loss", "val_loss"]].notna().all(axis=None):
        kept = f"the best weights before that are in {best}" if best.exists() else "there were no good weights yet"
        raise UserError(
            f"train: the loss was no number in epoch {len(table)}; {kept}. "
            f"Lower train.learning_rate (now {train.learning_rate})"
        )
    model.load_weights(best)
    return table[list(HISTORY_COLUMNS)].astype(HISTORY_COLUMNS)


def _callbacks(batches: SliceBatches, train: TrainParams, best: Path) -> list[keras.callbacks.Callback]:
    watch = {"monitor": "val_loss", "mode": "min"}

    def tell_epoch(epoch: int, logs: object) -> None:  # noqa: ARG001
        batches.epoch = epoch

    return [
        keras.callbacks.LambdaCallback(on_epoch_begin=tell_epoch),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ModelCheckpoint(str(best), save_best_only=True, save_weights_only=True, **watch),
        keras.callbacks.ReduceLROnPlateau(
            patience=train.plateau_patience, factor=train.plateau_factor, min_lr=train.min_learning_rate, **watch
        ),
        keras.callbacks.EarlyStopping(patience=train.early_stopping_patience, **watch),
        EpochLines(),
    ]
