"""Applying a model to a volume: probability maps on the grid of the volume."""

import keras
import numpy as np

from brainseg.imaging.head import mirror_axis
from brainseg.imaging.preprocessing import context, fit_normalisation, network_input, resize
from brainseg.imaging.volume import FLAIR, FloatArray, Volume
from brainseg.model.saving import ModelCard


def predict_volume(
    model: keras.Model,
    card: ModelCard,
    volume: Volume,
    slice_numbers: list[int],
    *,
    batch_size: int,
    test_time_flip: bool = False,
) -> FloatArray:
    """Predict the probability of tumour for each pixel.

    Args:
        model: from `brainseg.model.saving.load_model`.
        card: its card.
        volume: the whole patient, because normalisation is per volume.
        slice_numbers: the slices to predict, ascending.
        batch_size: slices per batch.
        test_time_flip: whether to average with the prediction for the slices flipped left to right.

    Returns:
        Shape (len(slice_numbers), H, W), float32 in [0, 1], on the grid of the volume.
    """
    normalise = fit_normalisation(volume.image, card.normalisation)
    selected = np.flatnonzero(np.isin(volume.slice_numbers, slice_numbers))
    flair = volume.image[..., FLAIR]
    slices, height, width = flair.shape
    axis = mirror_axis(volume.image) if card.contralateral_flair else None
    maps = np.empty((len(selected), height, width), np.float32)
    for start in range(0, len(selected), batch_size):
        positions = selected[start : start + batch_size]
        contexts = [
            context(flair.__getitem__, position, slices, context_slices=card.context_slices, mirror_axis=axis)
            for position in positions.tolist()
        ]
        images = network_input(volume.image[positions], np.stack(contexts), normalise, card.input_size)
        probability = _apply(model, images)
        if test_time_flip:
            flipped = _apply(model, images[:, :, ::-1])[:, :, ::-1]
            probability = np.asarray((probability + flipped) / 2, np.float32)
        maps[start : start + batch_size] = resize(probability, height, width)
    return maps


def _apply(model: keras.Model, images: FloatArray) -> FloatArray:
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False))[..., 0])
