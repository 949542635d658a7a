"""The copy of the network that is trained: same weights, in the form that trains fastest."""

import keras
from keras import layers

from brainseg.model.backend import Runtime
from brainseg.model.unet import unet_from_params
from brainseg.params import TrainParams


def training_copy(model: keras.Model, params: TrainParams, runtime: Runtime) -> keras.Model:
    """Build the network for training; its weights fit the one that is saved, and the other way round.

    Args:
        model: from `brainseg.model.unet.build_unet`, in float32; not changed.
        params: what it was built from.
        runtime: what it will be trained on.

    Returns:
        A network with the weights of `model`, in the precision of `runtime`, not compiled.
    """
    norm: type[layers.Layer] = layers.BatchNormalization
    if runtime.fused_norm:
        # Imports TensorFlow, which the other backends do without.
        from brainseg.training.fused_norm import FusedBatchNormalization

        norm = FusedBatchNormalization
    keras.config.set_dtype_policy(runtime.policy)
    try:
        network = unet_from_params(params, norm)
    finally:
        keras.config.set_dtype_policy("float32")
    network.set_weights(model.get_weights())
    return network
