"""Train the notebook's network on this project's split for a limited time, and predict the test patients.

    python -m benchmarks.notebook --minutes 20 --out /tmp/notebook
    python -m stages.evaluate --out /tmp/notebook

docs/steps.md describes the notebook step by step. `benchmarks.notebook_method` has its generators and its network, with
their faults. Two things differ from the notebook: data/split.csv assigns the patients to the subsets, and the training
ends when the time is over. `evaluate` uses params.yaml: set `threshold: 0.5` and `smallest_lesion: 0`, as in the
notebook.

Reads:  params.yaml, data/index.csv, data/split.csv, the images under data.root
Writes: in --out: data/predictions/<patient_id>.npz, data/split.csv, models/history.csv, models/notebook.weights.h5
"""

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from benchmarks.notebook_method import SIZE, build_network, configure_tensorflow, flow, pairs
from brainseg.errors import UserError
from brainseg.files import (
    HISTORY_COLUMNS,
    INDEX_COLUMNS,
    SPLIT_COLUMNS,
    SUBSETS,
    read_table,
    select_subset,
    write_table,
)
from brainseg.imaging.crop import resample, sample_slice, whole_slice
from brainseg.params import load_params
from brainseg.prediction.probability_maps import write_probabilities
from brainseg.training.progress import ProgressPrinter

BATCH_SIZE, EPOCHS = 32, 35


class TimeLimit(keras.callbacks.Callback):
    """Stop training when the time is over; `fit` still validates the epoch that was cut short."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.end = time.monotonic() + 60 * self.minutes

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Check the time."""
        if time.monotonic() >= self.end:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the time again, because validation has taken some."""
        self.on_train_batch_end(epoch, logs)


def train(
    model: keras.Model, rows: dict[str, pd.DataFrame], root: Path, best: Path, *, size: int, minutes: float
) -> pd.DataFrame:
    """Train for a limited time, validation included, and load the best weights (steps 16 to 18).

    Args:
        model: from `build_network`.
        rows: rows of data/index.csv of the subsets "train" and "validation".
        root: data.root.
        best: the .weights.h5 file to write.
        size: height and width of the input, pixels.
        minutes: after this time the current epoch is cut short and validated.

    Returns:
        The history, one row per epoch; columns as in `brainseg.files.HISTORY_COLUMNS`.

    Raises:
        UserError: if the validation loss was NaN in every epoch.
    """
    best.parent.mkdir(parents=True, exist_ok=True)
    best.unlink(missing_ok=True)
    batches, validation = (
        pairs(rows[subset], root, size=size, batch_size=BATCH_SIZE, augment=subset == "train")
        for subset in ("train", "validation")
    )
    history = model.fit(
        batches,
        steps_per_epoch=max(1, len(rows["train"]) // BATCH_SIZE),
        validation_data=validation,
        validation_steps=max(1, len(rows["validation"]) // BATCH_SIZE),
        epochs=EPOCHS,
        shuffle=False,  # the generators shuffle
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=10),
            keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=5, min_lr=1e-5),
            keras.callbacks.ModelCheckpoint(str(best), save_best_only=True, save_weights_only=True),
            TimeLimit(minutes),
            ProgressPrinter(),
        ],
    )
    if not best.exists():
        raise UserError("the validation loss was NaN in every epoch, so there is no best epoch. Train longer")
    model.load_weights(best)
    table = pd.DataFrame(history.history).rename_axis("epoch").reset_index()
    table["epoch"] += 1
    return table[list(HISTORY_COLUMNS)].astype(HISTORY_COLUMNS)


def write_maps(model: keras.Model, rows: pd.DataFrame, root: Path, folder: Path, *, size: int) -> None:
    """Write the probability maps of each patient, on the patient's own grid.

    Args:
        model: the trained model.
        rows: rows of data/index.csv, sorted by patient and slice number.
        root: data.root.
        folder: for <patient_id>.npz.
        size: height and width of the input, pixels.
    """
    for patient_id, slices in rows.groupby("patient_id"):
        images = flow(slices, root, "image_path", size=size, augment=False, batch_size=BATCH_SIZE, shuffle=False)
        probability = model.predict(images, verbose=0)[..., 0]
        grid = slices["height"].iloc[0], slices["width"].iloc[0]
        maps = resample(probability, *sample_slice(whole_slice(*grid), grid, size))
        write_probabilities(folder / f"{patient_id}.npz", maps, slices["slice_number"].to_numpy(np.int64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20, help="of training and validation (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the output")
    arguments = parser.parse_args()
    out = arguments.out
    if out.resolve() == Path.cwd():
        parser.error("--out: this folder contains the project's own predictions; choose another")
    params = load_params()
    configure_tensorflow(params.train.threads)
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(Path("data/split.csv"), SPLIT_COLUMNS)
    rows = {subset: select_subset(index, split, subset) for subset in SUBSETS}
    for subset, chosen in rows.items():
        print(f"{subset:<10} {chosen.patient_id.nunique():>4} patients, {len(chosen):>5} slices")
        if not len(chosen):
            raise UserError(f"data/split.csv: no {subset} slice. Set split.validation: own, or add patients")
    root = Path(params.data.root)
    model = build_network()
    history = train(model, rows, root, out / "models/notebook.weights.h5", size=SIZE, minutes=arguments.minutes)
    unseen = pd.concat([rows["validation"], rows["test"]]).sort_values(["patient_id", "slice_number"])
    write_maps(model, unseen, root, out / "data/predictions", size=SIZE)
    write_table(out / "models/history.csv", history)
    shutil.copyfile("data/split.csv", out / "data/split.csv")
    best = history.loc[history.val_loss.idxmin()]
    print(f"{len(history)} epochs, kept epoch {best.epoch:.0f}. To score it: python -m stages.evaluate --out {out}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
