"""OpenVINO gives the same result for a volume whatever the volumes before were."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from brainseg.export.exported import import_openvino
from brainseg.export.onnx_ops import OnnxOps, Tensor
from brainseg.export.volume import outline_volume
from tests.model_card import make_card


def noisy_head(slices: int, size: int) -> NDArray[np.float32]:
    """A bright ellipse in noise."""
    rng = np.random.default_rng(1)
    row, column = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    inside = (column**2 / 0.5 + row**2 / 0.7 < 1)[None, :, :, None]
    levels = rng.normal(3, 2, (slices, size, size, 3)) + inside * rng.normal(80, 15, (slices, size, size, 3))
    return np.clip(levels, 0, 255).astype(np.float32)


def graph_without_network() -> bytes:
    """The graph of an export whose network, with an input of 128 x 128, adds its channels."""
    ops = OnnxOps()
    image, step = Tensor(ops, "image", TensorProto.FLOAT), ops.tensor(np.array([1]))
    result = outline_volume(
        ops, lambda images: ops.node("Sigmoid", ops.sum(images, -1)), make_card(input_size=128), image, step, flip=True
    )
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("slices", "height", "width", 3))]
    outputs = [helper.make_tensor_value_info(result.name, TensorProto.FLOAT, ("slices", "height", "width"))]
    graph = helper.make_graph(ops.nodes, "without_network", inputs, outputs, list(ops.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


def test_volumes_of_one_shape_may_follow_each_other() -> None:
    """A loop that reads the result of another, both in a loop, reads freed memory from the second volume on."""
    content = graph_without_network()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    volumes = [noisy_head(12, 192), noisy_head(20, 256), noisy_head(12, 192)[::-1].copy()]
    expected = [session.run(None, {"image": volume})[0] for volume in volumes]
    core = import_openvino().Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(content, b""), "CPU", settings)
    for index in (0, 0, 2, 1, 1, 0, 2):
        assert np.abs(compiled({"image": volumes[index]})[0] - expected[index]).max() < 1e-3
