"""The network behind `brainseg.apply.segmenter`: an exported file, or a Keras model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.volume import FloatArray
from brainseg.model.backend import configure
from brainseg.params import TrainParams

if TYPE_CHECKING:
    import keras

    from brainseg.model.saving import ModelCard


class Network(Protocol):
    """What turns a scan into probabilities, preprocessing included."""

    def probability(self, image: NDArray[Any], *, slice_step: int = 1) -> FloatArray:
        """Probability of tumour, shape (S, H, W), float32 in [0, 1].

        Args:
            image: shape (S, H, W, 3), any real dtype, finite.
            slice_step: how many slices away the neighbours are that the network sees.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasNetwork:
    """A Keras model with its preprocessing.

    Attributes:
        model: the network.
        card: its preprocessing.
        batch_size: slices per batch.
        flip: whether to average with the prediction for the slices flipped left to right.
    """

    model: "keras.Model"
    card: "ModelCard"
    batch_size: int = 16
    flip: bool = True

    def probability(self, image: NDArray[Any], *, slice_step: int = 1) -> FloatArray:
        """See `Network`."""
        from brainseg.prediction.inference import predict_image  # imports Keras

        return predict_image(
            self.model,
            self.card,
            image,
            np.arange(len(image)),
            batch_size=self.batch_size,
            test_time_flip=self.flip,
            slice_step=slice_step,
        )


def load_keras_network(path: Path, *, flip: bool, batch_size: int, threads: int, device: str) -> KerasNetwork:
    """Configure Keras and load a model; arguments as for `brainseg.apply.segmenter.load_segmenter`.

    Raises:
        UserError: if the model is missing or damaged, or TensorFlow has started with other settings.
    """
    # `configure` reads these four only; the arithmetic is float32, so that results agree between computers.
    runtime = TrainParams.model_construct(backend="tensorflow", device=device, threads=threads, precision="float32")
    try:
        configure(runtime)
    except RuntimeError as error:  # TensorFlow has started, with other threads
        raise UserError(f"{error} Call load_segmenter before anything else uses TensorFlow.") from None
    from brainseg.model.saving import load_model  # imports Keras

    model, card = load_model(path)
    return KerasNetwork(model=model, card=card, batch_size=batch_size, flip=flip)
