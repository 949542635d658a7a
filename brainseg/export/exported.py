"""Running an exported file, ONNX or OpenVINO, without Keras and TensorFlow."""

import importlib
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES, FloatArray
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.reading import DamagedFileError, read_json, sha256_of
from brainseg.terminal import printable

ONNX, OPENVINO = ".onnx", ".xml"
SUFFIXES = (ONNX, OPENVINO)  # of files that `open_exported` runs
IMAGE, SLICE_STEP, PROBABILITY = "image", "slice_step", "probability"  # inputs and output of the graph
DIGESTS = "model.json"  # beside an exported file; its key "files" has the SHA-256 of each file
AGAIN = "Write it again: brainseg export"
# A volume of whole numbers that is larger than this as float32, bytes, goes into the ONNX graph as it is.
LARGE = 2**27
WHOLE_NUMBERS = ("uint8", "int16", "uint16")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported file that is ready to run.

    Attributes:
        run: maps a volume, shape (S, H, W, 3), any real dtype, and the distance of the neighbours, shape (1,), int64,
            to the probability of tumour, shape (S, H, W), float32.
        point: threshold and smallest lesion.
        flip: whether the graph averages with the prediction for the slices flipped left to right.
        digest: SHA-256 of the file, hexadecimal; of OpenVINO's two files, that of the .bin with the weights.
    """

    run: Callable[[NDArray[Any], NDArray[np.int64]], FloatArray]
    point: OperatingPoint
    flip: bool
    digest: str

    def probability(self, image: NDArray[Any], *, slice_step: int = 1) -> FloatArray:
        """Probability of tumour in a volume.

        Args:
            image: shape (S, H, W, 3), any real dtype; see `brainseg.apply.segmenter.Segmenter.segment`.
            slice_step: how many slices away the neighbours are that the network sees.

        Returns:
            Shape (S, H, W), float32 in [0, 1].

        Raises:
            ValueError: if the shape or dtype is another.
        """
        if image.ndim != 4 or image.shape[-1] != len(SEQUENCES) or image.dtype.kind not in "uif" or not image.size:
            raise ValueError(f"image: expected (S, H, W, 3), real, found {image.shape} {image.dtype}")
        return self.run(image, np.array([slice_step], np.int64))


def open_exported(path: Path, *, threads: int) -> Exported:
    """Open a file that `brainseg export` wrote.

    Args:
        path: ends in .onnx or .xml.
        threads: CPU threads; another number may change the last digits.

    Raises:
        UserError: if the file is missing, damaged, not what model.json beside it says, or of another program, or if
            the package that runs it is not installed.
    """
    files = [path] if path.suffix == ONNX else [path, path.with_suffix(".bin")]
    digests = [_check_digest(file) for file in files]
    try:
        run, metadata = (_open_onnx if path.suffix == ONNX else _open_openvino)(path, threads)
    except UserError:
        raise
    except Exception as error:  # both runtimes raise classes of their own, for a damaged file any of them
        reason = printable(" ".join(str(error).split())[:200])
        raise UserError(f"{printable(str(path))}: not readable ({reason}). {AGAIN}") from None
    return Exported(run=run, point=_point(path, metadata), flip=metadata.get("flip") == "true", digest=digests[-1])


def _check_digest(path: Path) -> str:
    """The SHA-256 of a file, compared with model.json if that is beside it."""
    shown = printable(str(path))
    try:
        digest = sha256_of(path)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{shown}: not found. {AGAIN}") from None
    try:
        expected = read_json(path.with_name(DIGESTS))["files"][path.name]
    except (FileNotFoundError, LookupError, TypeError):  # not listed
        return digest
    except DamagedFileError as error:
        raise UserError(f"{printable(str(path.with_name(DIGESTS)))}: not readable ({error}). {AGAIN}") from None
    if digest != expected:
        raise UserError(f"{shown}: altered or damaged, because its SHA-256 is not the one in {DIGESTS}. {AGAIN}")
    return digest


def _open_onnx(path: Path, threads: int) -> tuple[Callable[..., FloatArray], Mapping[str, str]]:
    content = path.read_bytes()
    session = _start_onnx(content, threads)
    names = [node.name for node in session.get_inputs()], [node.name for node in session.get_outputs()]
    _check_names(path, *names)

    def run(image: NDArray[Any], slice_step: NDArray[np.int64]) -> FloatArray:
        chosen, dtype = session, np.dtype(np.float32)
        if image.dtype.name in WHOLE_NUMBERS and image.size * dtype.itemsize > LARGE:
            chosen, dtype = _start_onnx(_with_input_type(content, image.dtype), threads), image.dtype
        inputs = {IMAGE: np.ascontiguousarray(image, dtype), SLICE_STEP: slice_step}
        (probability,) = chosen.run([PROBABILITY], inputs)
        return np.asarray(probability)

    return run, session.get_modelmeta().custom_metadata_map


def _start_onnx(content: bytes, threads: int) -> Any:
    """An inference session for the content of a file."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import; otherwise it reports its use to its makers
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    # Threads that wait in a loop take the cores from other programs: four times slower on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it keeps what was freed: 240 MB for 1,000 slices
    options.log_severity_level = 4  # errors are raised, too
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _with_input_type(content: bytes, dtype: np.dtype[Any]) -> bytes:
    """The content of a file whose graph takes the image in another type; the first thing it does is a conversion."""
    import onnx  # takes long, and only large volumes need it

    model: onnx.ModelProto = onnx.load_from_string(content)
    model.graph.input[0].type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return bytes(model.SerializeToString())


def _open_openvino(path: Path, threads: int) -> tuple[Callable[..., FloatArray], Mapping[str, str]]:
    openvino = import_openvino()
    core = openvino.Core()
    model = core.read_model(path)
    _check_names(path, *([port.any_name for port in ports] for ports in (model.inputs, model.outputs)))
    stored = model.get_rt_info(["brainseg"]).value
    metadata = {name: str(getattr(value, "value", value)) for name, value in stored.items()}
    # In bfloat16, which OpenVINO chooses on some CPUs, the grey levels would be rounded before the network sees them.
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    compiled = core.compile_model(model, "CPU", settings)

    def run(image: NDArray[Any], slice_step: NDArray[np.int64]) -> FloatArray:
        inputs = {IMAGE: np.ascontiguousarray(image, np.float32), SLICE_STEP: slice_step}
        return np.array(compiled(inputs)[PROBABILITY])

    return run, metadata


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which sends a message to Google Analytics when it is imported.

    Raises:
        UserError: if it is not installed.
    """
    # None makes `import openvino_telemetry` fail, and OpenVINO does without it.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module("openvino")
    except ImportError:
        raise UserError("OpenVINO is not installed. Install it: pip install 'brain-segmentation[openvino]'") from None


def _check_names(path: Path, inputs: list[str], outputs: list[str]) -> None:
    if sorted(inputs) != [IMAGE, SLICE_STEP] or outputs != [PROBABILITY]:
        found = f"{', '.join(map(printable, inputs))} -> {', '.join(map(printable, outputs))}"
        raise UserError(
            f"{printable(str(path))}: not written by brainseg export. Expected: {IMAGE}, {SLICE_STEP} -> "
            f"{PROBABILITY}; found: {found}"
        )


def _point(path: Path, metadata: Mapping[str, str]) -> OperatingPoint:
    try:
        point = OperatingPoint(threshold=float(metadata["threshold"]), smallest_lesion=int(metadata["smallest_lesion"]))
    except (KeyError, ValueError):
        raise UserError(f"{printable(str(path))}: its metadata have no threshold or smallest_lesion. {AGAIN}") from None
    if not (0 < point.threshold <= 1 and point.smallest_lesion >= 0 and math.isfinite(point.threshold)):
        raise UserError(f"{printable(str(path))}: a threshold of {point.threshold} in its metadata. {AGAIN}")
    return point
