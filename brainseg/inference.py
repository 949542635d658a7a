"""A model and a volume give probability maps on the volume's own grid."""

import keras
import numpy as np

from brainseg.model_file import ModelCard
from brainseg.preprocessing import (
    fit_normalisation,
    mirror_axis,
    mirrored,
    network_input,
    positions_around,
    resize,
)
from brainseg.volumes import FLAIR, FloatArray, Volume


def predict_volume(
    model: keras.Model,
    card: ModelCard,
    volume: Volume,
    slice_numbers: list[int],
    *,
    batch_size: int,
    flips: bool = False,
) -> FloatArray:
    """Probability of tumour, pixel by pixel.

    Args:
        model: from `brainseg.model_file.load_model`.
        card: its card.
        volume: the whole patient, because the normalisation is of the whole.
        slice_numbers: the slices wanted, ascending.
        batch_size: slices at a time.
        flips: average with what the model sees in the mirror, left for right.

    Returns:
        Shape (len(slice_numbers), H, W), float32 in [0, 1], on the grid of the volume.
    """
    normalise = fit_normalisation(volume.image, card.normalisation)
    wanted = np.flatnonzero(np.isin(volume.slice_numbers, slice_numbers))
    flair = volume.image[..., FLAIR]
    height, width = flair.shape[1:]
    axis = mirror_axis(volume.image)  # like the normalisation, of the whole volume
    maps = np.empty((len(wanted), height, width), np.float32)
    for start in range(0, len(wanted), batch_size):
        places = wanted[start : start + batch_size]
        around = [positions_around(place, len(flair), card.neighbours) for place in places.tolist()]
        flair_around = np.moveaxis(flair[np.array(around, np.int64)], 1, -1)
        if card.mirror:
            opposite = mirrored(flair[places], axis)
            flair_around = np.concatenate([flair_around, opposite[..., None]], axis=-1)
        images = network_input(volume.image[places], flair_around, normalise, card.size)
        probability = _apply(model, images)
        if flips:
            flipped = _apply(model, images[:, :, ::-1])[:, :, ::-1]
            probability = np.asarray((probability + flipped) / 2, np.float32)
        maps[start : start + batch_size] = resize(probability, height, width)
    return maps


def _apply(model: keras.Model, images: FloatArray) -> FloatArray:
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False))[..., 0])
