"""A copy of the network for training, in the precision and with the layers that train fastest."""

import keras
from keras import layers

from brainseg.model.backend import Runtime
from brainseg.model.unet import unet_from_params
from brainseg.params import TrainParams


def training_copy(model: keras.Model, params: TrainParams, runtime: Runtime) -> keras.Model:
    """Copy a network for training; the weights of the copy can be set on the original.

    Args:
        model: from `brainseg.model.unet.unet_from_params`, in float32; not changed.
        params: those that the model was built from.
        runtime: what the copy will be trained on.

    Returns:
        A network with the weights of `model`, in the precision of `runtime`, not compiled.
    """
    norm: type[layers.Layer] = layers.BatchNormalization
    if runtime.fused_norm:
        # This imports TensorFlow, which the other backends do not need.
        from brainseg.training.fused_norm import FusedBatchNormalization

        norm = FusedBatchNormalization
    keras.config.set_dtype_policy(runtime.policy)
    try:
        network = unet_from_params(params, norm)
    finally:
        keras.config.set_dtype_policy("float32")
    network.set_weights(model.get_weights())
    return network
