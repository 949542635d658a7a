"""The model as one ONNX file that takes a raw volume and gives probabilities."""

import re
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from brainseg.export.agreement import Agreement, compare
from brainseg.export.exported import IMAGE, PROBABILITY, SLICE_STEP, open_exported
from brainseg.export.onnx_network import add_network
from brainseg.export.onnx_ops import OPSETS, OnnxOps, Tensor
from brainseg.export.volume import outline_volume
from brainseg.imaging.volume import SEQUENCES
from brainseg.model.saving import ModelCard
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.writing import atomic_write

IR_VERSION = 8  # of 2021, so that older runtimes and browsers read the file
ORIENTATION = (
    "axial slices from the lowest up; row 0 is anterior, column 0 the patient's right; any numeric scale; a missing "
    "sequence is a copy of FLAIR"
)


def write_onnx(
    model: Any,
    card: ModelCard,
    point: OperatingPoint,
    path: Path,
    *,
    digest: str,
    flip: bool = True,
    model_card: str = "",
) -> Agreement:
    """Write a model with its preprocessing as an ONNX file; equal models give equal bytes.

    The file is compared with Keras before it gets its name.

    Args:
        model: from `brainseg.model.saving.load_model`.
        card: its card.
        point: threshold and smallest lesion, for the file's metadata.
        path: ends in .onnx.
        digest: SHA-256 of the .keras file, hexadecimal, for the file's metadata.
        flip: whether the graph averages with the prediction for the slices flipped left to right.
        model_card: Markdown for the file's metadata.

    Returns:
        How far the file is from Keras.

    Raises:
        UserError: if that is too far, or the network has a layer that cannot be exported.
    """
    exported = make_graph(model, card, flip=flip)
    helper.set_model_props(exported, make_metadata(card, point, digest=digest, flip=flip, model_card=model_card))
    with atomic_write(path) as temporary:
        temporary.write_bytes(exported.SerializeToString(deterministic=True))
        return compare(open_exported(temporary, threads=card.threads).probability, model, card, point, flip=flip)


def make_graph(model: Any, card: ModelCard, *, flip: bool, precision: str = "float32") -> onnx.ModelProto:
    """Make the graph, without metadata.

    Args:
        model: as for `write_onnx`, like the others.
        card: of the model.
        flip: whether to average.
        precision: of the network, float32 or bfloat16; everything else is float32.
    """
    ops = OnnxOps()
    # The graph does not count on the type of the image: it is float32 here, and a reader may declare another one.
    image, slice_step = Tensor(ops, IMAGE, TensorProto.UNDEFINED), Tensor(ops, SLICE_STEP, TensorProto.INT64)

    def network(images: Tensor) -> Tensor:
        return add_network(ops, model, images, precision)

    result = outline_volume(ops, network, card, image, slice_step, flip=flip)
    ops.node("Identity", result, name=PROBABILITY)
    graph = helper.make_graph(
        ops.nodes,
        "brain_segmentation",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ("slices", "height", "width", len(SEQUENCES))),
            helper.make_tensor_value_info(SLICE_STEP, TensorProto.INT64, (1,)),
        ],
        [helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, ("slices", "height", "width"))],
        list(ops.constants.values()),
    )
    opset = helper.make_opsetid("", OPSETS[precision])
    exported: onnx.ModelProto = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(exported)
    return exported


def make_metadata(
    card: ModelCard, point: OperatingPoint, *, digest: str, flip: bool, model_card: str = ""
) -> dict[str, str]:
    """What a file says about itself, whatever its format; arguments as for `write_onnx`."""
    licence = re.search(r"^license: *(\S+)", model_card, re.MULTILINE)
    return {
        "threshold": repr(point.threshold),
        "smallest_lesion": str(point.smallest_lesion),
        "flip": str(flip).lower(),
        "channels": ", ".join(SEQUENCES),
        "orientation": ORIENTATION,
        "slice_step": "1; for slices much thinner than 5 mm, 5 mm over their distance",
        "model_sha256": digest,
        "preprocessing": card.model_dump_json(),
        "licence_of_weights": licence[1] if licence else "see model_card",
        "model_card": model_card,
        "not_for": "diagnosis",
    }
