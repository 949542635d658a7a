"""A model and a volume give probability maps on the volume's own grid."""

import keras
import numpy as np

from brainseg.model_file import ModelCard
from brainseg.preprocessing import fit_normalisation, resize
from brainseg.volumes import FloatArray, Volume


def predict_volume(
    model: keras.Model, card: ModelCard, volume: Volume, slice_numbers: list[int], *, batch_size: int
) -> FloatArray:
    """Probability of tumour, pixel by pixel.

    Args:
        model: from `brainseg.model_file.load_model`.
        card: its card.
        volume: the whole patient, because the normalisation is of the whole.
        slice_numbers: the slices wanted, ascending.
        batch_size: slices at a time.

    Returns:
        Shape (len(slice_numbers), H, W), float32 in [0, 1], on the grid of the volume.
    """
    normalise = fit_normalisation(volume.image, card.normalisation)
    wanted = volume.image[np.isin(volume.slice_numbers, slice_numbers)]
    maps = np.empty(wanted.shape[:3], np.float32)
    for start in range(0, len(wanted), batch_size):
        images = resize(normalise(wanted[start : start + batch_size]), card.size, card.size)
        probability = keras.ops.convert_to_numpy(model(images, training=False))[..., 0]
        maps[start : start + batch_size] = resize(probability, *wanted.shape[1:3])
    return maps
