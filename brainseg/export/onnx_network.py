"""A Keras network as ONNX nodes: channels first, batch normalisation folded into the convolutions."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers
from onnx import TensorProto

from brainseg.errors import UserError
from brainseg.export.onnx_ops import OnnxOps, Tensor


def add_network(ops: OnnxOps, network: keras.Model, images: Tensor, precision: str) -> Tensor:
    """Add a network of `brainseg.model.unet` to a graph.

    Args:
        ops: the graph.
        network: a functional model, or an ensemble of them.
        images: shape (N, H, W, C), float32.
        precision: float32 or bfloat16, of everything but the sigmoid: bfloat16 rounds all above 0.998 to 1.

    Returns:
        The probabilities, shape (N, H, W, 1), float32.

    Raises:
        UserError: if the network has a layer for which there is no rule here.
    """
    planes = _add_layers(ops, network, ops.cast(ops.transpose(images, (0, 3, 1, 2)), precision))
    return ops.transpose(planes, (0, 2, 3, 1))


def _add_layers(ops: OnnxOps, network: keras.Model, images: Tensor) -> Tensor:
    """Add the layers in their order, in which each comes after its inputs; shape (N, C, H, W) in and out."""
    config = network.get_config()
    inputs = {layer["name"]: tuple(_inputs(layer["inbound_nodes"])) for layer in config["layers"]}
    norms = {inputs[layer.name][0]: layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)}
    results: dict[str, Tensor] = {}
    for name, sources in inputs.items():
        layer, values = network.get_layer(name), [results[source] for source in sources]
        if isinstance(layer, layers.InputLayer):
            results[name] = images
        elif isinstance(layer, keras.Model):
            results[name] = _add_layers(ops, layer, *values)
        elif isinstance(layer, layers.Conv2D):
            results[name] = _convolution(ops, layer, norms.pop(name, None), f"{network.name}/{name}", *values)
        elif isinstance(layer, layers.Dropout) or (
            isinstance(layer, layers.BatchNormalization) and layer not in norms.values()
        ):
            results[name] = values[0]  # the convolution before it has the normalisation already
        elif type(layer) in RULES:
            results[name] = RULES[type(layer)](ops, layer, f"{network.name}/{name}", *values)
        else:
            raise _refusal(layer, f"a {type(layer).__name__} in this place")
    output = config["output_layers"]
    return results[output[0] if isinstance(output[0], str) else output[0][0]]


def _refusal(layer: Any, what: str) -> UserError:
    return UserError(
        f"The layer {layer.name} is {what}, which brainseg cannot export. Expected: the layers of brainseg.model.unet; "
        "brainseg/export/onnx_network.py has their rules"
    )


def _inputs(nodes: Any) -> Iterator[str]:
    """The names of the layers whose results a layer takes, in the order of its arguments."""
    if isinstance(nodes, dict) and nodes.get("class_name") == "__keras_tensor__":
        yield nodes["config"]["keras_history"][0]
    elif isinstance(nodes, dict):
        yield from _inputs(list(nodes.values()))
    elif isinstance(nodes, list | tuple):
        for node in nodes:
            yield from _inputs(node)


def _convolution(ops: OnnxOps, layer: Any, norm: Any, name: str, images: Tensor) -> Tensor:
    """A convolution with the batch normalisation that follows it, if there is one."""
    keeps_size = layer.padding == "same" or layer.kernel_size == (1, 1)
    odd = all(size % 2 for size in layer.kernel_size)
    if not (keeps_size and odd) or layer.strides != (1, 1) or layer.dilation_rate != (1, 1) or layer.groups != 1:
        raise _refusal(layer, "a convolution that changes the size, or is dilated or grouped")
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(layer.filters)
    scale = None
    if norm is not None:
        if layer.activation is not keras.activations.linear:
            raise _refusal(layer, "a convolution with an activation before the batch normalisation")
        gamma, beta, mean, variance = (
            np.asarray(value, np.float64) for value in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        )
        scale = gamma / np.sqrt(variance + norm.epsilon)
        bias = (bias - mean) * scale + beta
    kernel, shift = _kernel(ops, layer, name, scale, images.kind), ops.constant(f"{name}.bias", bias, images.kind)
    pads = [size // 2 for size in layer.kernel_size] * 2
    result = ops.node("Conv", images, kernel, shift, name=name, pads=pads)
    return _activate(ops, layer, result)


def _transposed_convolution(ops: OnnxOps, layer: Any, name: str, images: Tensor) -> Tensor:
    """Doubles height and width, as Keras does with padding "same": the last row and column are cut off."""
    if layer.padding != "same" or layer.strides != (2, 2) or layer.kernel_size != (3, 3):
        raise _refusal(layer, "a transposed convolution other than 3 x 3 with strides of 2")
    kernel = _kernel(ops, layer, name, None, images.kind)
    bias = ops.constant(f"{name}.bias", np.asarray(layer.bias), images.kind)
    result = ops.node("ConvTranspose", images, kernel, bias, name=name, strides=[2, 2], pads=[0, 0, 1, 1])
    return _activate(ops, layer, result)


def _kernel(ops: OnnxOps, layer: Any, name: str, scale: Any, kind: int) -> Tensor:
    """The weights, in half precision where that loses nothing; runtimes compute what follows once, when they start.

    Those of a network in bfloat16 are multiplied first and then rounded, once.
    """
    weights = np.asarray(layer.kernel).transpose(3, 2, 0, 1)
    half = weights.astype(np.float16)
    if kind != TensorProto.FLOAT or not np.array_equal(half, weights):
        scaled = weights if scale is None else weights * scale[:, None, None, None]
        return ops.constant(f"{name}.kernel", scaled, kind)
    kernel = ops.cast(ops.constant(f"{name}.kernel", half, TensorProto.FLOAT16), "float32")
    return kernel if scale is None else kernel * ops.constant(f"{name}.scale", scale[:, None, None, None])


def _activate(ops: OnnxOps, layer: Any, result: Tensor) -> Tensor:
    if layer.activation is keras.activations.linear:
        return result
    if layer.activation is keras.activations.sigmoid:
        return ops.node("Sigmoid", ops.cast(result, "float32"))
    raise _refusal(layer, "a convolution with an activation other than sigmoid")


RULES: dict[type, Callable[..., Tensor]] = {
    layers.Conv2DTranspose: _transposed_convolution,
    layers.MaxPooling2D: lambda ops, layer, name, images: ops.node(
        "MaxPool", images, name=name, kernel_shape=list(layer.pool_size), strides=list(layer.strides)
    ),
    layers.Add: lambda ops, _, name, *parts: ops.node("Add", *parts, name=name),
    layers.Average: lambda ops, _, name, *members: ops.node("Mean", *members, name=name),
    layers.Concatenate: lambda ops, _, name, *parts: ops.node("Concat", *parts, name=name, axis=1),
    layers.ReLU: lambda ops, _, name, images: ops.node("Relu", images, name=name),
}
