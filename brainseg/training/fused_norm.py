"""Batch normalisation that TensorFlow computes in one operation: for training on a CPU.

Keras' own layer becomes some ten operations, each of which reads and writes all values; the steps of a training are
then a third slower (docs/training.md). With `brainseg.model.backend` the only module that names TensorFlow.
"""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, its weights and its result; channels last, centred and scaled, as the U-Net has it."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise shape (N, H, W, C)."""
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
        # The operation gives the variance of a sample; Keras' layer keeps that of the values as they are.
        values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), "float32")
        variance *= (values - 1) / values
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs
