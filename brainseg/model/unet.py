"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597), with batch normalisation and dropout."""

import math
import os
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from brainseg.imaging.preprocessing import channel_names
from brainseg.params import POOLINGS, TrainParams

# Of the running mean and variance that validation uses. Keras' 0.99 needs hundreds of steps to settle, more than the
# first epochs of a small set have.
BATCH_NORM_MOMENTUM = 0.97

# Values are dropped on the grids of an eighth of the input and below: there most of the weights are, and few of the
# values. On the full grid dropout took a sixth of a training step (docs/training.md).
DROPOUT_FROM_LEVEL = 2

# Of the pixels of a balanced epoch, about; of all pixels it is half as many. The last bias starts there: from 0, a
# short training ends with a probability near 0.01 on all that is no tumour, and soft Dice counts every pixel of it.
# Source: Lin et al. 2017, Focal Loss, arXiv:1708.02002, section 3.3.
TUMOUR_SHARE = 0.02


def conv_block(
    features: Any,
    filters: int,
    name: str,
    *,
    residual: bool = False,
    norm: type[layers.Layer] = layers.BatchNormalization,
) -> Any:
    """Two 3 x 3 convolutions, each with batch normalisation and ReLU; the second reads the first.

    Args:
        features: shape (N, H, W, C).
        filters: channels of the result.
        name: starts the layers' names.
        residual: whether the block's input, through a 1 x 1 convolution, is added before the last ReLU.
        norm: the batch normalisation; see `build_unet`.

    Returns:
        Shape (N, H, W, filters).

    Source of the residual block: He et al. 2016, arXiv:1512.03385, with the shortcut of section 3.3, B.
    """
    given = features
    for number in (1, 2):
        # Batch normalisation adds the bias.
        features = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer="he_normal", use_bias=False, name=f"{name}_conv{number}"
        )(features)
        features = norm(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm{number}")(features)
        if residual and number == 2:
            given = layers.Conv2D(filters, 1, kernel_initializer="he_normal", use_bias=False, name=f"{name}_shortcut")(
                given
            )
            given = norm(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_shortcut_norm")(given)
            features = layers.Add(name=f"{name}_add")([features, given])
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
    """A four-level U-Net that gives each pixel its probability of tumour.

    Args:
        input_size: height and width of the input, pixels; a multiple of 16.
        filters: channels of the first level; they double with each pooling.
        dropout: share of values dropped while training, after the poolings and concatenations of the two lowest levels.
        channels: of the input.
        residual: whether the blocks of convolutions have shortcuts; see `conv_block`.
        norm: the batch normalisation's class; to train on a CPU there is a quicker one with the same weights
            (brainseg.training.fused_norm).

    Returns:
        A functional model from (N, input_size, input_size, channels) float32, normalised, to (N, input_size, input_size, 1) float32 in [0, 1].
    """
    inputs = keras.Input((input_size, input_size, channels), name="image")

    # Down: keep each level's features for the way up.
    features, skips = inputs, []
    for level in range(POOLINGS):
        features = conv_block(features, filters * 2**level, f"down{level + 1}", residual=residual, norm=norm)
        skips.append(features)
        features = layers.MaxPooling2D(name=f"down{level + 1}_pool")(features)
        if level >= DROPOUT_FROM_LEVEL:
            features = layers.Dropout(dropout, name=f"down{level + 1}_dropout")(features)

    # The bottom.
    features = conv_block(features, filters * 2**POOLINGS, "bottom", residual=residual, norm=norm)

    # Up: double the grid, join the features of the same grid.
    for level in reversed(range(POOLINGS)):
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
    """A 1 x 1 convolution and a sigmoid: shape (N, H, W, C) to (N, H, W, 1), in [0, 1].

    float32 whatever the precision before it: probabilities near 0 and 1 matter.
    """
    return layers.Conv2D(
        1,
        1,
        activation="sigmoid",
        bias_initializer=keras.initializers.Constant(math.log(TUMOUR_SHARE / (1 - TUMOUR_SHARE))),
        dtype="float32",
        name=name,
    )(features)


def average_ensemble(networks: Sequence[keras.Model]) -> keras.Model:
    """One model that gives the mean of the probabilities of several, which have the same input; one is left as it is.

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
    """The network that the parameters describe."""
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
    """`unet_from_params`, the first weights of which are drawn from the seed, as is the dropout of its training."""
    keras.utils.set_random_seed(params.seed)
    return unet_from_params(params)


def summary_text(model: keras.Model, width: int = 110) -> str:
    """`model.summary()` as text, `width` characters wide whatever the terminal's width."""
    lines: list[str] = []
    terminal = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)  # cuts the lines, also where line_length is given
    try:
        model.summary(line_length=width, print_fn=lines.append)
    finally:
        del os.environ["COLUMNS"]
        if terminal is not None:
            os.environ["COLUMNS"] = terminal
    return "\n".join(lines)
