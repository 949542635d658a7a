"""Paired slices as Keras batches, drawn from (seed, epoch, index) alone: no state, no order of threads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from brainseg.augmentation import random_matrix, resizing_matrix, warp_pair
from brainseg.params import AugmentationParams
from brainseg.preprocessing import Method, Normalisation, fit_normalisation
from brainseg.volumes import BoolArray, ByteArray, FloatArray, Volume


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A stored slice, its mask, and the normalisation of the patient it is of.

    Attributes:
        image: shape (H, W, 3), uint8.
        mask_true: shape (H, W), bool.
        normalisation: of the whole volume.
    """

    image: ByteArray
    mask_true: BoolArray
    normalisation: Normalisation


def samples_of(volume: Volume, method: Method, slice_numbers: set[int]) -> list[Sample]:
    """The samples of one patient.

    Args:
        volume: the whole patient, because the normalisation is of the whole.
        method: of the normalisation.
        slice_numbers: those wanted.

    Returns:
        A sample per wanted slice, in slice order; they share memory with the volume.
    """
    normalisation = fit_normalisation(volume.image, method)
    return [
        Sample(image=image, mask_true=mask_true, normalisation=normalisation)
        for image, mask_true, number in zip(volume.image, volume.mask_true, volume.slice_numbers, strict=True)
        if int(number) in slice_numbers
    ]


class SliceBatches(keras.utils.PyDataset):
    """Batches of normalised slices and masks; the last batch of an epoch holds what is left.

    With `augmentation`, the order and the changes of slice `index` in an epoch come from
    `numpy.random.default_rng((seed, epoch, index))`; without, slices come unchanged in order. `epoch` is set from
    outside (`fit` calls `on_epoch_end` more often than once an epoch).
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        size: int,
        batch_size: int,
        seed: int = 0,
        augmentation: AugmentationParams | None = None,
    ) -> None:
        super().__init__()
        self.samples = samples
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.epoch = 0

    def __len__(self) -> int:
        """Batches an epoch; every slice is seen once."""
        return math.ceil(len(self.samples) / self.batch_size)

    def __getitem__(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Batch number `batch` of the present epoch.

        Returns:
            Images, shape (N, size, size, 3), float32, normalised; masks, shape (N, size, size, 1), float32, 0 or 1.
        """
        order = np.arange(len(self.samples))
        if self.augmentation is not None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        images = np.empty((len(chosen), self.size, self.size, 3), np.float32)
        masks = np.empty((len(chosen), self.size, self.size, 1), np.float32)
        for position, index in enumerate(chosen):
            images[position], masks[position, ..., 0] = self._pair(int(index))
        return images, masks

    def _pair(self, index: int) -> tuple[FloatArray, BoolArray]:
        sample = self.samples[index]
        height, width = sample.mask_true.shape
        if self.augmentation is None:
            matrix = resizing_matrix(height, width, self.size)
        else:
            rng = np.random.default_rng((self.seed, self.epoch, index))
            matrix = random_matrix(rng, self.augmentation, height, width, self.size)
        image, mask_true = warp_pair(sample.image, sample.mask_true, matrix, self.size)
        return sample.normalisation(image), mask_true
