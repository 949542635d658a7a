"""Outlining the tumour in an array of grey levels, with the model that ships or with another one."""

import hashlib
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.preprocessing import fill_missing_sequences
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, FloatArray
from brainseg.model.backend import configure
from brainseg.params import TrainParams
from brainseg.prediction.operating_point import OperatingPoint, read_operating_point

if TYPE_CHECKING:
    import keras

    from brainseg.model.saving import ModelCard

MODEL, POINT = "unet.keras", "operating_point.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmenter:
    """A model that is ready to outline.

    Attributes:
        model: the network.
        card: its preprocessing.
        point: threshold and smallest lesion.
        digest: SHA-256 of the model's file, hexadecimal.
        batch_size: slices per batch.
        flip: whether to average with the prediction for the slices flipped left to right.
    """

    model: "keras.Model"
    card: "ModelCard"
    point: OperatingPoint
    digest: str
    batch_size: int = 16
    flip: bool = True

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
        if not np.isfinite(image[..., FLAIR]).all():
            raise ValueError("image: expected finite numbers, found NaN or infinite ones")
        if missing:
            image = fill_missing_sequences(image, tuple(map(SEQUENCES.index, missing)))
        from brainseg.prediction.inference import predict_image  # imports Keras

        probability = predict_image(
            self.model,
            self.card,
            image,
            np.arange(len(image)),
            batch_size=self.batch_size,
            test_time_flip=self.flip,
            slice_step=slice_step,
        )
        return self.point.mask_of(probability), probability


def load_segmenter(
    path: Path | None = None,
    *,
    threshold: float | None = None,
    flip: bool = True,
    batch_size: int = 16,
    threads: int = 2,
    device: str = "any",
) -> Segmenter:
    """Load a model and configure Keras; call it before anything else imports Keras.

    Args:
        path: a unet.keras, or the folder that holds one, with operating_point.json beside it; None: the model that
            ships with the package.
        threshold: replaces that of the operating point, in (0, 1].
        flip: whether to average with the prediction for the slices flipped left to right.
        batch_size: slices per batch.
        threads: CPU threads of one operation.
        device: "any", or "gpu" to refuse to run without one.

    Raises:
        UserError: if the model is missing, damaged or of another project.
    """
    # `configure` reads these four only; the arithmetic is float32, so that results agree between computers.
    runtime = TrainParams.model_construct(
        backend="tensorflow",
        device=device,
        threads=threads,
        precision="float32",
    )
    try:
        configure(runtime)
    except RuntimeError as error:  # TensorFlow has started, with other threads
        raise UserError(f"{error} Call load_segmenter before anything else uses TensorFlow.") from None
    from brainseg.model.saving import load_model  # imports Keras

    with as_file(files("brainseg.released")) as released:
        folder = released if path is None else path
        model_path = folder if folder.suffix == ".keras" else folder / MODEL
        if path is not None and not model_path.is_file():
            raise UserError(f"--model {path}: expected a .keras file, or a folder with {MODEL} and {POINT}")
        model, card = load_model(model_path)
        point = read_operating_point(model_path.with_name(POINT))
        digest = hashlib.sha256(model_path.read_bytes()).hexdigest()
    if threshold is not None:
        point = OperatingPoint(threshold=threshold, smallest_lesion=point.smallest_lesion)
    return Segmenter(model=model, card=card, point=point, digest=digest, batch_size=batch_size, flip=flip)
