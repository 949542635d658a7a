"""The copy of the network that is trained."""

import numpy as np

from brainseg.model.backend import Runtime
from brainseg.model.unet import unet_from_params
from brainseg.training.fused_norm import FusedBatchNormalization
from brainseg.training.training_copy import training_copy
from tests.training.toy_training import CPU, TRAIN

PARAMS = TRAIN.model_copy(update={"filters": 2})


def test_training_copy_has_other_layers_and_the_same_results() -> None:
    model = unet_from_params(PARAMS)
    network = training_copy(model, PARAMS, CPU)
    assert isinstance(network.get_layer("down1_norm1"), FusedBatchNormalization)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, model.input_shape[-1])).astype(np.float32)
    np.testing.assert_allclose(network(images), model(images), atol=1e-6)


def test_training_copy_has_the_precision_of_the_runtime() -> None:
    model = unet_from_params(PARAMS)
    mixed = training_copy(model, PARAMS, Runtime(backend="tensorflow", gpu=True, precision="bfloat16"))
    assert mixed.get_layer("down1_conv1").compute_dtype == "bfloat16"
    assert mixed.output.dtype == "float32"
    assert unet_from_params(PARAMS).get_layer("down1_conv1").compute_dtype == "float32", "the policy is reset"
