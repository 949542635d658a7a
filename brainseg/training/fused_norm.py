"""Batch normalisation in a single TensorFlow operation, for faster training on a CPU.

Keras' own layer becomes about ten operations, each of which reads and writes all values; a training step then takes a
third longer (docs/training.md). Only this module and `brainseg.model.backend` depend on TensorFlow.
"""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer with the same weights and results; channels last, with scale and offset, as in the U-Net."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise features, shape (N, H, W, C)."""
        if not training:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, "float32"),
            offset=tf.cast(self.beta, "float32"),
            mean=tf.zeros((0,)),
            variance=tf.zeros((0,)),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The operation returns the unbiased variance, divided by N - 1; Keras' layer averages the one divided by N.
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), "float32")
        variance *= (count - 1) / count
        for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + current * (1 - self.momentum))
        return outputs
