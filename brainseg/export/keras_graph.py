"""The computation of `brainseg.export.volume` as a Keras model, for the formats that Keras writes."""

from pathlib import Path
from typing import Any

import keras

from brainseg.export.exported import IMAGE, PROBABILITY, SLICE_STEP
from brainseg.export.volume import outline_volume
from brainseg.imaging.volume import SEQUENCES
from brainseg.model.saving import ModelCard


class VolumeModel(keras.Model):
    """A network with its preprocessing: raw volumes in, probabilities out."""

    def __init__(self, network: keras.Model, card: ModelCard, *, flip: bool) -> None:
        super().__init__(name="brain_segmentation")
        self.network, self.card, self.flip = network, card, flip

    def call(self, image: Any, slice_step: Any) -> dict[str, Any]:
        """See `brainseg.export.volume.outline_volume`."""
        result = outline_volume(keras.ops, self._apply, self.card, image, slice_step, flip=self.flip)
        return {PROBABILITY: result}

    def _apply(self, images: Any) -> Any:
        return self.network(images, training=False)


def write_with_keras(model: keras.Model, card: ModelCard, path: Path, *, format_name: str, flip: bool) -> None:
    """Write a model with its preprocessing in a format of Keras.

    Args:
        model: from `brainseg.model.saving.load_model`.
        card: its card.
        path: a file, or a folder for "tf_saved_model".
        format_name: as `keras.Model.export` has it.
        flip: whether to average with the prediction for the slices flipped left to right.
    """
    volume_model = VolumeModel(model, card, flip=flip)
    signature = [
        keras.InputSpec(shape=(None, None, None, len(SEQUENCES)), dtype="float32", name=IMAGE),
        keras.InputSpec(shape=(1,), dtype="int64", name=SLICE_STEP),
    ]
    side = card.input_size
    volume_model(keras.ops.zeros((1, side, side, len(SEQUENCES))), keras.ops.ones(1, "int64"))  # Keras must know it
    volume_model.export(path, format=format_name, input_signature=signature, verbose=False)
