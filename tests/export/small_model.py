"""A small network with random weights, and what runs its graph."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from brainseg.export.onnx_file import make_graph
from brainseg.model.saving import ModelCard
from brainseg.model.unet import build_unet
from brainseg.prediction.inference import predict_image


def make_network(card: ModelCard, seed: int = 1) -> keras.Model:
    """A U-Net whose probabilities cover the whole range, with moving statistics as after a training."""
    keras.utils.set_random_seed(seed)
    network = build_unet(input_size=card.input_size, filters=2, dropout=0.1, channels=len(card.channels), residual=True)
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (rng.normal(size=weight.shape) for weight in layer.get_weights())
            layer.set_weights([1 + 0.2 * gamma, 0.2 * beta, 0.1 * mean, 0.8 + 0.2 * np.abs(variance)])
    kernel, _ = network.get_layer("probability").get_weights()
    network.get_layer("probability").set_weights([3 * kernel, np.zeros(1)])
    return network


def run_graph(network: keras.Model, card: ModelCard, *, flip: bool = True) -> Callable[..., NDArray[np.float32]]:
    """The ONNX graph of a network as a function of a volume and the distance of the neighbours."""
    graph = make_graph(network, card, flip=flip)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(image: NDArray[Any], slice_step: int = 1) -> NDArray[np.float32]:
        inputs = {"image": image.astype(np.float32), "slice_step": np.array([slice_step])}
        return np.asarray(session.run(["probability"], inputs)[0])

    return run


def run_keras(
    network: keras.Model, card: ModelCard, image: NDArray[Any], *, flip: bool = True, slice_step: int = 1
) -> NDArray[np.float32]:
    positions = np.arange(len(image))
    return predict_image(network, card, image, positions, batch_size=8, test_time_flip=flip, slice_step=slice_step)
