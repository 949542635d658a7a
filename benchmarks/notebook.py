"""The notebook's method on this project's split: what it reaches with the same patients in the same time.

    python -m benchmarks.notebook --minutes 20 --out /tmp/notebook
    python -m stages.evaluate --out /tmp/notebook

docs/steps.md tells the notebook step by step. Here its method is written anew, with its faults: two
ImageDataGenerators, masks with values between, the convolution that does nothing, changes that are next to none. Two
things are ours: data/split.csv says who trains, validates and is tested, and a clock ends the training. `evaluate` goes
by params.yaml: `threshold: 0.5` and `smallest_lesion: 0` are the notebook's.

Reads:  params.yaml, data/index.csv, data/split.csv, the pictures under data.root
Writes: in --out: data/predictions/<patient_id>.npz, data/split.csv, models/history.csv, models/notebook.weights.h5
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from brainseg.errors import UserError
from brainseg.evaluation.cases import subset_rows
from brainseg.files import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table, write_table
from brainseg.imaging.crop import resample, sample_slice, whole_slice
from brainseg.imaging.volume import FloatArray
from brainseg.params import load_params
from brainseg.prediction.probability_maps import write_probabilities
from brainseg.training.losses import PooledDice
from brainseg.training.progress import EpochLines

SIZE, BATCH_SIZE, EPOCHS, FILTERS, DROPOUT = 256, 32, 35, 16, 0.2
SEED = 1  # of both generators, which therefore draw the same order and the same changes
AUGMENTATION = {
    "rotation_range": 0.2,  # degrees
    "width_shift_range": 0.05,
    "height_shift_range": 0.05,
    "shear_range": 0.05,  # degrees
    "zoom_range": 0.05,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


class TimeLimit(keras.callbacks.Callback):
    """Ends training when its time is over; `fit` then validates the cut epoch as it does any other."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.end = time.monotonic() + 60 * self.minutes

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Look at the clock."""
        if time.monotonic() >= self.end:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock again: validation has taken time."""
        self.on_train_batch_end(epoch, logs)


def start(threads: int) -> None:
    """Set TensorFlow's threads; where there are as many cores, these are its own defaults.

    Raises:
        UserError: if Keras is set to another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras' backend is {keras.backend.backend()}, and the notebook's is TensorFlow: "
            "KERAS_BACKEND=tensorflow python -m benchmarks.notebook ..."
        )
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.config.disable_interactive_logging()  # the generators tell how many files they found
    keras.utils.set_random_seed(SEED)


def flow(rows: pd.DataFrame, root: Path, column: str, *, size: int, augment: bool, **options: Any) -> Any:
    """One ImageDataGenerator over a column of paths, read in colour or grey and divided by 255 (step 10).

    Args:
        rows: rows of data/index.csv.
        root: data.root.
        column: image_path or mask_path.
        size: height and width of what comes out, pixels.
        augment: whether to change the pictures.
        options: of flow_from_dataframe.

    Returns:
        Batches, shape (N, size, size, 3 or 1), float32.
    """
    generator = ImageDataGenerator(rescale=1 / 255, **(AUGMENTATION if augment else {}))
    return generator.flow_from_dataframe(
        rows,
        directory=str(root),
        x_col=column,
        class_mode=None,
        color_mode="rgb" if column == "image_path" else "grayscale",
        target_size=(size, size),
        seed=SEED,
        **options,
    )


def pairs(
    rows: pd.DataFrame, root: Path, *, size: int, batch_size: int, augment: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Batches of images and masks without end (step 12); arguments as in `flow`."""
    images, masks = (
        flow(rows, root, column, size=size, augment=augment, batch_size=batch_size)
        for column in ("image_path", "mask_path")
    )
    yield from zip(images, masks, strict=True)


def conv_block(inputs: Any, filters: int, *, alive: bool = False) -> Any:
    """Two convolutions, both of the block's input, so the first does nothing (step 13); `alive`: one after the other.

    Only so is it the network of brainseg.model.unet.
    """
    features = inputs
    for _ in range(2):
        source = features if alive else inputs
        features = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(source)
        features = layers.BatchNormalization()(features)
        features = layers.Activation("relu")(features)
    return features


def build_network(*, size: int = SIZE, filters: int = FILTERS, alive: bool = False) -> keras.Model:
    """The notebook's U-Net, compiled (steps 14 and 15); Dice is for the log; `alive` as in `conv_block`."""
    features = inputs = keras.Input((size, size, 3))
    skips = []
    for level in range(4):
        features = conv_block(features, filters * 2**level, alive=alive)
        skips.append(features)
        features = layers.Dropout(DROPOUT)(layers.MaxPooling2D()(features))
    features = conv_block(features, filters * 2**4, alive=alive)
    for level in reversed(range(4)):
        features = layers.Conv2DTranspose(filters * 2**level, 3, strides=2, padding="same")(features)
        features = layers.Dropout(DROPOUT)(layers.concatenate([features, skips[level]]))
        features = conv_block(features, filters * 2**level, alive=alive)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(features))
    # Without XLA, as Keras was when the notebook was written: on a CPU it is many times slower.
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", PooledDice()], jit_compile=False)
    return model


def train(
    model: keras.Model, rows: dict[str, pd.DataFrame], root: Path, best: Path, *, size: int, minutes: float
) -> pd.DataFrame:
    """Fit for at most so many minutes, validation included, and load the best weights (steps 16 to 18).

    Args:
        model: from `build_network`.
        rows: of "train" and "validation".
        root: data.root.
        best: a .weights.h5 file, which is written.
        size: height and width of the input, pixels.
        minutes: after these the epoch is cut, validated, and the last.

    Returns:
        The history, a row an epoch; columns as in `brainseg.files.HISTORY_COLUMNS`.

    Raises:
        UserError: if the validation loss never was a number.
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
            EpochLines(),
        ],
    )
    if not best.exists():
        raise UserError("the validation loss never was a number, so there is no best epoch; train longer")
    model.load_weights(best)
    table = pd.DataFrame(history.history).rename_axis("epoch").reset_index()
    table["epoch"] += 1
    return table[list(HISTORY_COLUMNS)].astype(HISTORY_COLUMNS)


def write_maps(model: keras.Model, rows: pd.DataFrame, root: Path, folder: Path, *, size: int) -> None:
    """Write the probability maps of each patient, on the patient's own grid.

    Args:
        model: the trained one.
        rows: rows of data/index.csv, by patient and slice number.
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
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for what is written")
    arguments = parser.parse_args()
    out = arguments.out
    if out.resolve() == Path.cwd():
        parser.error("--out: this folder holds the project's own predictions; name another")
    params = load_params()
    start(params.train.threads)
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(Path("data/split.csv"), SPLIT_COLUMNS)
    rows = {subset: subset_rows(index, split, subset) for subset in ("train", "validation", "test")}
    for subset, chosen in rows.items():
        print(f"{subset:<10} {chosen.patient_id.nunique():>4} patients, {len(chosen):>5} slices")
        if not len(chosen):
            raise UserError(f"data/split.csv: no {subset} slice; split.validation: own and patients enough have all")
    root = Path(params.data.root)
    model = build_network()
    history = train(model, rows, root, out / "models/notebook.weights.h5", size=SIZE, minutes=arguments.minutes)
    unseen = pd.concat([rows["validation"], rows["test"]]).sort_values(["patient_id", "slice_number"])
    write_maps(model, unseen, root, out / "data/predictions", size=SIZE)
    write_table(out / "models/history.csv", history)
    shutil.copyfile("data/split.csv", out / "data/split.csv")
    kept = history.loc[history.val_loss.idxmin()]
    print(f"{len(history)} epochs, kept epoch {kept.epoch:.0f}. Its scores: python -m stages.evaluate --out {out}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
