"""The generators and the network of the notebook, as they are, for `benchmarks.notebook` and `benchmarks.training`.

Its faults are kept: two ImageDataGenerators with the same seed, which interpolate the masks, so that they get values
between 0 and 1; a convolution without effect in every block; rotation and shear by so little that they have next to no
effect.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from brainseg.errors import UserError
from brainseg.imaging.volume import FloatArray
from brainseg.training.losses import PooledDice

SIZE, FILTERS, DROPOUT = 256, 16, 0.2
SEED = 1  # of both generators, so that they draw the same order and the same changes
AUGMENTATION = {
    "rotation_range": 0.2,  # degrees
    "width_shift_range": 0.05,
    "height_shift_range": 0.05,
    "shear_range": 0.05,  # degrees
    "zoom_range": 0.05,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


def configure_tensorflow(threads: int) -> None:
    """Set the threads and the seed of TensorFlow.

    Args:
        threads: per pool; the number of cores is TensorFlow's default.

    Raises:
        UserError: if Keras is set to another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras uses the backend {keras.backend.backend()}, and the notebook needs TensorFlow: "
            "KERAS_BACKEND=tensorflow python -m benchmarks.notebook ..."
        )
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.config.disable_interactive_logging()  # the generators print how many files they found
    keras.utils.set_random_seed(SEED)


def flow(rows: pd.DataFrame, root: Path, column: str, *, size: int, augment: bool, **options: Any) -> Any:
    """Make an ImageDataGenerator over a column of paths, read in colour or grey and divided by 255 (step 10).

    Args:
        rows: rows of data/index.csv.
        root: data.root.
        column: image_path or mask_path.
        size: height and width of the output, pixels.
        augment: whether to augment.
        options: of flow_from_dataframe.

    Returns:
        An iterator over batches, shape (N, size, size, 3 or 1), float32.
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
    """Yield batches of images and masks without end (step 12); arguments as in `flow`."""
    images, masks = (
        flow(rows, root, column, size=size, augment=augment, batch_size=batch_size)
        for column in ("image_path", "mask_path")
    )
    yield from zip(images, masks, strict=True)


def conv_block(inputs: Any, filters: int, *, stack_convolutions: bool = False) -> Any:
    """Apply two convolutions to the input of the block, so that the first has no effect (step 13).

    Args:
        inputs: feature maps.
        filters: channels of the output.
        stack_convolutions: apply the second convolution to the output of the first, as in brainseg.model.unet.
    """
    features = inputs
    for _ in range(2):
        source = features if stack_convolutions else inputs
        features = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(source)
        features = layers.BatchNormalization()(features)
        features = layers.Activation("relu")(features)
    return features


def build_network(*, size: int = SIZE, filters: int = FILTERS, stack_convolutions: bool = False) -> keras.Model:
    """Build and compile the notebook's U-Net (steps 14 and 15), with Dice as a metric for the log.

    Args:
        size: height and width of the input, pixels.
        filters: channels of the first level.
        stack_convolutions: see `conv_block`.
    """
    options = {"stack_convolutions": stack_convolutions}
    features = inputs = keras.Input((size, size, 3))
    skips = []
    for level in range(4):
        features = conv_block(features, filters * 2**level, **options)
        skips.append(features)
        features = layers.Dropout(DROPOUT)(layers.MaxPooling2D()(features))
    features = conv_block(features, filters * 2**4, **options)
    for level in reversed(range(4)):
        features = layers.Conv2DTranspose(filters * 2**level, 3, strides=2, padding="same")(features)
        features = layers.Dropout(DROPOUT)(layers.concatenate([features, skips[level]]))
        features = conv_block(features, filters * 2**level, **options)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(features))
    # Without XLA, as in Keras when the notebook was written; on a CPU, XLA is many times slower.
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", PooledDice()], jit_compile=False)
    return model
