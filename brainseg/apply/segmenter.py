"""Outlining the tumour in an array of grey levels, with the model that ships or with another one."""

from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.apply.network import Network, load_keras_network
from brainseg.errors import UserError
from brainseg.export.bundle import EXPORTED, MODEL, POINT, is_bundle, read_bundle
from brainseg.export.exported import SUFFIXES, open_exported
from brainseg.imaging.preprocessing import fill_missing_sequences
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, FloatArray
from brainseg.prediction.operating_point import OperatingPoint, read_operating_point
from brainseg.reading import sha256_of
from brainseg.terminal import printable


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmenter:
    """A model that is ready to outline.

    Attributes:
        network: gives the probabilities.
        point: threshold and smallest lesion.
        digest: SHA-256 of the model's file, hexadecimal.
        flip: whether the network averages with the prediction for the slices flipped left to right.
    """

    network: Network
    point: OperatingPoint
    digest: str
    flip: bool

    def segment(
        self, image: NDArray[Any], *, missing: tuple[str, ...] = (), slice_step: int = 1
    ) -> tuple[BoolArray, FloatArray]:
        """Outline the tumour in one scan.

        Args:
            image: shape (S, H, W, 3), any real dtype, finite; axial slices from the lowest up, row 0 anterior, column 0
                the patient's right; channels pre-contrast T1, FLAIR, post-contrast T1.
            missing: names of channels without content, see `brainseg.imaging.volume.SEQUENCES`; they are replaced by
                FLAIR, as in training.
            slice_step: how many slices away the next slice is that the network compares; about 5 mm.

        Returns:
            The mask, shape (S, H, W), bool, and the probability of tumour, same shape, float32.

        Raises:
            ValueError: if the shape or dtype is another, a number is not finite, or a name is unknown.
        """
        if image.ndim != 4 or image.shape[-1] != len(SEQUENCES) or image.dtype.kind not in "uif" or not image.size:
            raise ValueError(f"image: expected (S, H, W, 3), real, found {image.shape} {image.dtype}")
        if image.dtype.kind == "f" and not np.isfinite(image[..., FLAIR]).all():
            raise ValueError("image: expected finite numbers, found NaN or infinite ones")
        if missing:
            image = fill_missing_sequences(image, tuple(map(SEQUENCES.index, missing)))
        probability = self.network.probability(image, slice_step=slice_step)
        return self.point.mask_of(probability), probability


def load_segmenter(
    path: Path | None = None,
    *,
    threshold: float | None = None,
    flip: bool | None = None,
    batch_size: int = 16,
    threads: int = 2,
    device: str = "any",
) -> Segmenter:
    """Load a model: the exported file, which starts without TensorFlow, or else the Keras model.

    Args:
        path: an exported file, .onnx or .xml; a .keras file; or a folder with unet.onnx or unet.keras, such as a
            bundle. None: the model that ships with the package.
        threshold: replaces that of the operating point, in (0, 1].
        flip: whether to average with the prediction for the slices flipped left to right; None: as the exported file
            does, else yes. Where it does not what is wanted, the Keras model in its folder is loaded.
        batch_size: slices per batch; of the Keras model only.
        threads: CPU threads of one operation.
        device: "any": the CPU for an exported file; "gpu": the Keras model, and refuse to run without a GPU.

    Raises:
        UserError: if the model is missing, damaged or of another project.
    """
    with as_file(files("brainseg.released")) as released:
        exported, keras_model = _find_files(released if path is None else path)
        if exported is not None and device == "any":
            found = open_exported(exported, threads=threads)
            if flip in (None, found.flip):
                point = _with_threshold(found.point, threshold)
                return Segmenter(network=found, point=point, digest=found.digest, flip=found.flip)
        if keras_model is None:
            wish = "a GPU" if device == "gpu" else f"--{'' if flip else 'no-'}flip"
            raise UserError(
                f"{wish} needs the Keras model, because {printable(str(exported))} is for the CPU and exported the "
                f"other way. Expected: --model with a .keras file, or a folder with {MODEL}"
            )
        averaged = flip is not False
        network = load_keras_network(keras_model, flip=averaged, batch_size=batch_size, threads=threads, device=device)
        point = _with_threshold(read_operating_point(keras_model.with_name(POINT)), threshold)
        digest = sha256_of(keras_model)
        return Segmenter(network=network, point=point, digest=digest, flip=averaged)


def _with_threshold(point: OperatingPoint, threshold: float | None) -> OperatingPoint:
    return point if threshold is None else replace(point, threshold=threshold)


def _find_files(path: Path) -> tuple[Path | None, Path | None]:
    """The exported file and the .keras file that a path names or contains, at least one of them."""
    if path.is_file() and path.suffix in (*SUFFIXES, ".keras"):
        return (path, None) if path.suffix in SUFFIXES else (None, path)
    if is_bundle(path) and (path / POINT).is_file():
        read_bundle(path)  # all parts are there and unaltered
    exported, keras_model = path / EXPORTED, path / MODEL
    if not (exported.is_file() or keras_model.is_file()):
        raise UserError(
            f"--model {printable(str(path))}: expected a .onnx, .xml or .keras file, or a folder with {EXPORTED} or "
            f"{MODEL}"
        )
    return exported if exported.is_file() else None, keras_model if keras_model.is_file() else None
