"""Deep supervision: extra outputs on the coarser grids, which the loss is taken on as well while training."""

import keras
from keras import layers

from brainseg.model.unet import probability_head

# Levels of the U-Net, from 1, with an output of their own: the grids of half and a quarter of the input's size.
SUPERVISED_LEVELS = (2, 3)


def with_deep_supervision(network: keras.Model) -> keras.Model:
    """A U-Net that is taught on its coarser grids too: deep supervision, for training only.

    Args:
        network: from `build_unet`; its layers are shared, so that it learns as the result is trained.

    Returns:
        A model whose channel 0 is the network's probability, shape (N, H, W, 1); the next ones are those on the grids
        of `SUPERVISED_LEVELS`, each from a 1 x 1 convolution of its own, repeated to the full grid.

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
