"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597), with batch normalisation and dropout."""

import io
import math
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import keras
from keras import layers

from brainseg.imaging.preprocessing import channel_names
from brainseg.params import DOWNSAMPLING_STEPS, TrainParams

# Of the moving mean and variance that validation uses. Keras' default, 0.99, needs hundreds of steps to settle, more
# than the first epochs of a small data set have.
BATCH_NORM_MOMENTUM = 0.97

# Dropout is used at a quarter of the input's resolution and below, where most of the weights are, but few of the
# activations. At full resolution it took a sixth of a training step (docs/training.md).
DROPOUT_FROM_LEVEL = 2

# Approximate fraction of tumour pixels in a balanced epoch; it is half of that over all slices. The last bias starts at
# this probability. If it started at 0, a short training would end with a probability near 0.01 on healthy pixels, and
# soft Dice sums over all of them. Source: Lin et al. 2017, Focal Loss, arXiv:1708.02002, section 3.3.
TUMOUR_FRACTION = 0.02


def conv_block(
    features: Any,
    filters: int,
    name: str,
    *,
    residual: bool = False,
    norm: type[layers.Layer] = layers.BatchNormalization,
) -> Any:
    """Two 3 x 3 convolutions in sequence, each followed by batch normalisation and ReLU.

    Args:
        features: shape (N, H, W, C).
        filters: channels of the result.
        name: prefix of the layers' names.
        residual: whether the input of the block, after a 1 x 1 convolution, is added before the last ReLU.
        norm: class of the batch normalisation, see `build_unet`.

    Returns:
        Shape (N, H, W, filters).

    Source: He et al. 2016, arXiv:1512.03385, for the residual block, with the shortcut B of section 3.3.
    """
    shortcut = features
    for number in (1, 2):
        # No bias: batch normalisation adds one.
        features = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer="he_normal", use_bias=False, name=f"{name}_conv{number}"
        )(features)
        features = norm(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm{number}")(features)
        if residual and number == 2:
            shortcut = layers.Conv2D(
                filters, 1, kernel_initializer="he_normal", use_bias=False, name=f"{name}_shortcut"
            )(shortcut)
            shortcut = norm(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_shortcut_norm")(shortcut)
            features = layers.Add(name=f"{name}_add")([features, shortcut])
        features = layers.ReLU(name=f"{name}_relu{number}")(features)
    return features


def build_unet(
    *,
    input_size: int,
    filters: int,
    dropout: float,
    channels: int = 3,
    residual: bool = False,
    norm: type[layers.Layer] = layers.BatchNormalization,
) -> keras.Model:
    """Build a four-level U-Net that predicts the probability of tumour for each pixel.

    Args:
        input_size: height and width of the input, pixels; a multiple of 16.
        filters: channels of the first level; they double with each downsampling step.
        dropout: fraction of activations dropped while training, after pooling and concatenation on the two lowest
            levels.
        channels: of the input.
        residual: whether the convolution blocks have shortcuts, see `conv_block`.
        norm: class of the batch normalisation. `brainseg.training.fused_norm` has one with the same weights that
            trains faster on a CPU.

    Returns:
        A functional model, not compiled. Its input has shape (N, input_size, input_size, channels), float32,
        normalised; its output has shape (N, input_size, input_size, 1), float32 in [0, 1].
    """
    inputs = keras.Input((input_size, input_size, channels), name="image")

    # Encoder: keep the features of each level for the decoder.
    features, skips = inputs, []
    for level in range(DOWNSAMPLING_STEPS):
        features = conv_block(features, filters * 2**level, f"down{level + 1}", residual=residual, norm=norm)
        skips.append(features)
        features = layers.MaxPooling2D(name=f"down{level + 1}_pool")(features)
        if level >= DROPOUT_FROM_LEVEL:
            features = layers.Dropout(dropout, name=f"down{level + 1}_dropout")(features)

    # Bottleneck.
    features = conv_block(features, filters * 2**DOWNSAMPLING_STEPS, "bottom", residual=residual, norm=norm)

    # Decoder: double the resolution, and concatenate the encoder's features of the same level.
    for level in reversed(range(DOWNSAMPLING_STEPS)):
        name = f"up{level + 1}"
        features = layers.Conv2DTranspose(filters * 2**level, 3, strides=2, padding="same", name=f"{name}_conv")(
            features
        )
        features = layers.Concatenate(name=f"{name}_join")([features, skips[level]])
        if level >= DROPOUT_FROM_LEVEL:
            features = layers.Dropout(dropout, name=f"{name}_dropout")(features)
        features = conv_block(features, filters * 2**level, name, residual=residual, norm=norm)

    return keras.Model(inputs, probability_head(features, "probability"), name="unet")


def probability_head(features: Any, name: str) -> Any:
    """Map features to probabilities with a 1 x 1 convolution and a sigmoid.

    It computes in float32 at any training precision, because probabilities near 0 and 1 matter.

    Args:
        features: shape (N, H, W, C).
        name: of the layer.

    Returns:
        Shape (N, H, W, 1), float32 in [0, 1].
    """
    return layers.Conv2D(
        1,
        1,
        activation="sigmoid",
        bias_initializer=keras.initializers.Constant(math.log(TUMOUR_FRACTION / (1 - TUMOUR_FRACTION))),
        dtype="float32",
        name=name,
    )(features)


def average_ensemble(networks: Sequence[keras.Model]) -> keras.Model:
    """Combine networks into one model that predicts the mean of their probabilities.

    Args:
        networks: from `build_unet`, at least one, all with the same input shape.

    Returns:
        The combined model; a single network is returned as it is.

    Source: Lakshminarayanan et al. 2017, Deep Ensembles, arXiv:1612.01474.
    """
    if len(networks) == 1:
        return networks[0]
    inputs = keras.Input(networks[0].input_shape[1:], name="image")
    members = []
    for number, network in enumerate(networks, start=1):
        member = keras.Model(network.inputs[0], network.outputs[0], name=f"unet{number}")
        members.append(member(inputs))
    return keras.Model(inputs, layers.Average(name="probability")(members), name="ensemble")


def unet_from_params(params: TrainParams, norm: type[layers.Layer] = layers.BatchNormalization) -> keras.Model:
    """Build the network that the parameters describe; `norm` as in `build_unet`."""
    channels = len(channel_names(params.context_slices, params.contralateral_flair))
    return build_unet(
        input_size=params.input_size,
        filters=params.filters,
        dropout=params.dropout,
        channels=channels,
        residual=params.block == "residual",
        norm=norm,
    )


def seeded_unet(params: TrainParams) -> keras.Model:
    """Set the seed of Python, NumPy and the backend to `params.seed`, and build the network.

    The initial weights depend on the seed. So does the dropout of the training that follows, because each dropout layer
    draws a seed of its own when it is built.
    """
    keras.utils.set_random_seed(params.seed)
    return unet_from_params(params)


def summary_text(model: keras.Model, width: int = 110) -> str:
    """Return `model.summary()` as text: UTF-8 and `width` characters wide, on every terminal and in every locale."""
    lines: list[str] = []
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)  # truncates the lines even if line_length is given
    try:
        with redirect_stdout(io.StringIO()):  # the lines of its table depend on the encoding of the output
            model.summary(line_length=width, print_fn=lines.append)
    finally:
        del os.environ["COLUMNS"]
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return "\n".join(lines)
