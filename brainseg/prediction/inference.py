"""Applying a model to a volume: probability maps on the grid of the volume."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.crop import resample, sample_slice
from brainseg.imaging.preprocessing import context, fit_preprocessing, network_input
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
        volume: the whole patient, because preprocessing is per volume.
        slice_numbers: the slices to predict, ascending.
        batch_size: slices per batch.
        test_time_flip: whether to average with the prediction for the slices flipped left to right.

    Returns:
        Shape (len(slice_numbers), H, W), float32 in [0, 1], on the grid of the volume; 0 outside the head's box.
    """
    positions = np.flatnonzero(np.isin(volume.slice_numbers, slice_numbers))
    return predict_image(model, card, volume.image, positions, batch_size=batch_size, test_time_flip=test_time_flip)


def predict_image(
    model: keras.Model,
    card: ModelCard,
    image: NDArray[Any],
    positions: NDArray[np.int64],
    *,
    batch_size: int,
    test_time_flip: bool,
    slice_step: int = 1,
) -> FloatArray:
    """Predict the probability of tumour for each pixel of some slices of an image without slice numbers.

    Args:
        model: from `brainseg.model.saving.load_model`.
        card: its card.
        image: the whole volume, shape (S, H, W, 3), any real dtype, channels in the order of
            `brainseg.imaging.volume.SEQUENCES`.
        positions: of the slices to predict, shape (N,), from 0.
        batch_size: slices per batch.
        test_time_flip: whether to average with the prediction for the slices flipped left to right.
        slice_step: how many slices away the neighbours are that the network sees, see `brainseg.scans.grid.Grid`.

    Returns:
        Shape (N, H, W), float32 in [0, 1]; 0 outside the head's box.
    """
    preprocessing = fit_preprocessing(image, card.normalisation, card.crop)
    flair = image[..., FLAIR]
    slices, height, width = flair.shape
    axis = preprocessing.mirror_axis if card.contralateral_flair else None
    rows, columns = sample_slice(preprocessing.box, (height, width), card.input_size)
    maps = np.empty((len(positions), height, width), np.float32)
    for start in range(0, len(positions), batch_size):
        batch = positions[start : start + batch_size]
        contexts = [
            context(
                flair.__getitem__,
                position,
                slices,
                context_slices=card.context_slices,
                mirror_axis=axis,
                air=float(preprocessing.air[FLAIR]),
                slice_step=slice_step,
            )
            for position in batch.tolist()
        ]
        images = network_input(image[batch], np.stack(contexts), preprocessing, card.input_size)
        probability = _apply(model, images)
        if test_time_flip:
            flipped = _apply(model, images[:, :, ::-1])[:, :, ::-1]
            probability = np.asarray((probability + flipped) / 2, np.float32)
        maps[start : start + batch_size] = resample(probability, rows, columns)
    return maps


def _apply(model: keras.Model, images: FloatArray) -> FloatArray:
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False))[..., 0])
