"""Deep supervision: extra outputs at lower resolutions, to which the loss is applied as well during training."""

import keras
from keras import layers

from brainseg.model.unet import probability_head

# Decoder levels with an extra output, numbered from 1: half and a quarter of the input's resolution.
SUPERVISED_LEVELS = (2, 3)


def with_deep_supervision(network: keras.Model) -> keras.Model:
    """Add outputs at lower resolutions to a U-Net, for training only.

    Args:
        network: from `brainseg.model.unet.build_unet`. Its layers are shared with the result, so training the result
            trains the network.

    Returns:
        A model with output shape (N, H, W, 1 + len(SUPERVISED_LEVELS)), float32 in [0, 1]. Channel 0 is the network's
        probability. Each other channel is the probability at one of the `SUPERVISED_LEVELS`, from a 1 x 1 convolution
        of its own, repeated to the full resolution.

    Source: Lee et al. 2015, Deeply-Supervised Nets, arXiv:1409.5185; as in nnU-Net, Isensee et al. 2021.
    """
    outputs = [network.outputs[0]]
    for level in SUPERVISED_LEVELS:
        features = network.get_layer(f"up{level}_relu2").output
        coarse = probability_head(features, f"up{level}_probability")
        outputs.append(layers.UpSampling2D(2 ** (level - 1), dtype="float32", name=f"up{level}_repeat")(coarse))
    return keras.Model(
        network.inputs[0], layers.Concatenate(dtype="float32", name="all_grids")(outputs), name="deeply_supervised"
    )
