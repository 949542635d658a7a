"""The fused batch normalisation is equivalent to Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from brainseg.training.fused_norm import FusedBatchNormalization


@pytest.mark.parametrize("training", [True, False])
def test_fused_norm_equals_keras_norm(training: bool) -> None:
    """The results, gradients and moving statistics are the same."""
    values = np.random.default_rng(0).normal(2, 3, (4, 6, 5, 7)).astype(np.float32)
    results = []
    for norm in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = norm(momentum=0.9)
        layer.build(values.shape)
        layer.set_weights([np.linspace(1, 2, 7), np.linspace(-1, 1, 7), np.linspace(0, 1, 7), np.linspace(1, 3, 7)])
        with tf.GradientTape() as tape:
            inputs = tf.constant(values)
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(outputs * values**2)
        results.append([outputs, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])])
        results[-1] += [np.array(weight) for weight in layer.weights]
    for expected, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
