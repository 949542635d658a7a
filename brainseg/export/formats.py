"""The formats of `brainseg export`: how each is written, and how it is run to compare it with Keras."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brainseg.export.exported import IMAGE, PROBABILITY, SLICE_STEP, import_openvino, open_exported
from brainseg.export.keras_graph import write_with_keras
from brainseg.export.onnx_file import make_graph, make_metadata, write_onnx
from brainseg.imaging.volume import FloatArray
from brainseg.model.saving import ModelCard
from brainseg.prediction.operating_point import OperatingPoint


class Predict(Protocol):
    """Runs an exported file on a volume; see `brainseg.export.exported.Exported.probability`."""

    def __call__(self, image: NDArray[Any], *, slice_step: int = 1) -> FloatArray:
        """Probability of tumour, shape (S, H, W), in an image of shape (S, H, W, 3), float32."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is exported.

    Attributes:
        model: from `brainseg.model.saving.load_model`.
        card: its card.
        point: threshold and smallest lesion.
        digest: SHA-256 of the .keras file, hexadecimal.
        flip: whether the result averages with the prediction for the slices flipped left to right.
        model_card: Markdown; may be empty.
        precision: of the network, float32 or, for OpenVINO only, bfloat16; everything else is float32.
        measured: more for the metadata of the result.
    """

    model: Any
    card: ModelCard
    point: OperatingPoint
    digest: str
    flip: bool
    model_card: str
    precision: str = "float32"
    measured: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, str]:
        """What the result says about itself."""
        usual = make_metadata(self.card, self.point, digest=self.digest, flip=self.flip, model_card=self.model_card)
        return {**usual, "precision": self.precision, **self.measured}


def write_as_onnx(source: Source, path: Path) -> Predict:
    """Write unet.onnx; the functions below write their format in the same way. Returns what runs the result."""
    write_onnx(
        source.model,
        source.card,
        source.point,
        path,
        digest=source.digest,
        flip=source.flip,
        model_card=source.model_card,
    )
    return open_exported(path, threads=source.card.threads).probability


def write_as_openvino(source: Source, path: Path) -> Predict:
    """Write unet.xml and unet.bin, from the ONNX graph.

    OpenVINO keeps the types of the file: a network in bfloat16 is computed so, on processors that can, although
    `open_exported` asks for float32 where the file does not say.
    """
    openvino = import_openvino()
    graph = make_graph(source.model, source.card, flip=source.flip, precision=source.precision)
    model = openvino.Core().read_model(graph.SerializeToString(), b"")
    for name, value in source.metadata.items():
        model.set_rt_info(value, ["brainseg", name])
    openvino.save_model(model, path, compress_to_fp16=False)
    return open_exported(path, threads=source.card.threads).probability


def write_as_litert(source: Source, path: Path) -> Predict:
    """Write unet.tflite."""
    from ai_edge_litert.interpreter import Interpreter

    write_with_keras(source.model, source.card, path, format_name="litert", flip=source.flip)
    run = Interpreter(str(path), num_threads=source.card.threads).get_signature_runner()
    return lambda image, slice_step=1: np.array(run(**_inputs(image, slice_step))[PROBABILITY])


def write_as_saved_model(source: Source, path: Path) -> Predict:
    """Write the folder saved_model."""
    import tensorflow

    write_with_keras(source.model, source.card, path, format_name="tf_saved_model", flip=source.flip)
    run = tensorflow.saved_model.load(path).signatures["serving_default"]
    return lambda image, slice_step=1: np.array(
        run(**{name: tensorflow.constant(value) for name, value in _inputs(image, slice_step).items()})[PROBABILITY]
    )


def _inputs(image: NDArray[Any], slice_step: int) -> dict[str, NDArray[Any]]:
    return {IMAGE: image, SLICE_STEP: np.array([slice_step], np.int64)}


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of `brainseg export`.

    Attributes:
        files: names of what is written.
        write: writes the first of the files, and returns what runs it.
    """

    files: tuple[str, ...]
    write: Callable[[Source, Path], Predict]


FORMATS = {
    "onnx": Format(files=("unet.onnx",), write=write_as_onnx),
    "openvino": Format(files=("unet.xml", "unet.bin"), write=write_as_openvino),
    "litert": Format(files=("unet.tflite",), write=write_as_litert),
    "saved_model": Format(files=("saved_model",), write=write_as_saved_model),
}
