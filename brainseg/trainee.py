"""The forms that the network takes while it trains; what is kept and saved is the network itself (brainseg.network)."""

import keras
from keras import layers

from brainseg.network import probability_of, unet_of
from brainseg.params import TrainParams
from brainseg.runtime import Runtime

# Levels of the U-Net, from 1, that deep supervision looks at: the grids of half and a quarter of the size.
COARSE_LEVELS = (2, 3)


def build_trainee(model: keras.Model, train: TrainParams, runtime: Runtime) -> keras.Model:
    """The same network with the same weights, in the form that trains fastest; the weights go back and forth.

    Args:
        model: from `build_unet`, in float32.
        train: what it was built by.
        runtime: what it trains on.
    """
    norm: type[layers.Layer] = layers.BatchNormalization
    if runtime.fused_norm:
        from brainseg.fused_norm import FusedBatchNormalization  # imports TensorFlow, which other backends do without

        norm = FusedBatchNormalization
    keras.config.set_dtype_policy(runtime.policy)
    try:
        trainee = unet_of(train, norm)
    finally:
        keras.config.set_dtype_policy("float32")
    trainee.set_weights(model.get_weights())
    return trainee


def with_coarse_outputs(network: keras.Model) -> keras.Model:
    """A U-Net that is taught on its coarser grids too: deep supervision, for training only.

    Args:
        network: from `build_unet`; its layers are shared, so that it learns as the result is trained.

    Returns:
        A model whose channel 0 is the network's probability, shape (N, H, W, 1); the next ones are those on the grids
        of `COARSE_LEVELS`, each from a 1 x 1 convolution of its own, repeated to the full grid.

    Source: Lee et al. 2015, Deeply-Supervised Nets, arXiv:1409.5185; as in nnU-Net, Isensee et al. 2021.
    """
    outputs = [network.outputs[0]]
    for level in COARSE_LEVELS:
        features = network.get_layer(f"up{level}_relu2").output
        coarse = probability_of(features, f"up{level}_probability")
        outputs.append(layers.UpSampling2D(2 ** (level - 1), dtype="float32", name=f"up{level}_repeat")(coarse))
    return keras.Model(
        network.inputs[0], layers.Concatenate(dtype="float32", name="all_grids")(outputs), name="deeply_supervised"
    )
