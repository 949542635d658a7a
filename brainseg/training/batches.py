"""Batches of slices and masks for Keras.

Each slice is augmented from (seed, epoch, item) alone, so neither threads nor an interruption change a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.preprocessing import channel_names, network_input
from brainseg.imaging.volume import FloatArray
from brainseg.params import AugmentationParams
from brainseg.training.augmentation import augment, box_matrix, extract_mask, warp
from brainseg.training.lesions import add_cyst, paste_lesion
from brainseg.training.slice_store import MASK, Sample, SliceStore, StoredSlice

NOISE_LENGTH = 2**20  # minimum number of standard normal numbers kept; slices take their noise from them


@dataclass(frozen=True, kw_only=True)
class BatchShard:
    """The rows of each batch that one process supplies when several processes train together.

    A batch is cut into `processes` equal blocks of consecutive rows, and the process supplies block number `process`.
    Devices are numbered process by process, so the joined batch has the same row order as with a single process, and
    dropout affects the same rows.

    Attributes:
        process: number of this process, from 0.
        processes: number of processes.
        devices: number of devices of all processes together; each batch has a multiple of that many rows.
    """

    process: int = 0
    processes: int = 1
    devices: int = 1


def shard_of_this_process() -> BatchShard:
    """The shard that Keras' current distribution assigns to this process; the whole batch without a distribution."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return BatchShard()
    return BatchShard(
        process=distribution.data_shard_id,
        processes=distribution.num_processes,
        devices=distribution.num_model_replicas,
    )


class SliceBatches(keras.utils.PyDataset):
    """Batches of normalised slices and masks.

    With `augmentation`, slices come in a new order each epoch, and item `i` of that order is augmented with random
    numbers from `numpy.random.default_rng((seed, epoch, i))`. Without it, they come unchanged and in order. `epoch` is
    set from outside, because Keras' `fit` calls `on_epoch_end` more than once per epoch.
    """

    def __init__(
        self,
        store: SliceStore,
        slices: Sequence[StoredSlice],
        *,
        input_size: int,
        batch_size: int,
        seed: int = 0,
        balanced: bool = False,
        augmentation: AugmentationParams | None = None,
        workers: int = 1,
        shard: BatchShard | None = None,
    ) -> None:
        """Batches over a store.

        Args:
            store: holds the slices.
            slices: the slices of an epoch.
            input_size: height and width of the network's input, pixels.
            batch_size: slices per batch; the last batch of an epoch holds the remainder.
            seed: of the order and the augmentation.
            balanced: whether every second slice has tumour, with the same number from each patient, however rare or
                large the tumours are. The length of an epoch does not change.
            augmentation: None: slices come unchanged and in order.
            workers: threads that prepare batches in advance.
            shard: the rows of each batch to make; None: those that Keras' distribution assigns to this process. If the
                number of slices is not a multiple of the number of devices, the first slices fill the last batch.
        """
        super().__init__(workers=workers, max_queue_size=2 * workers + 2)
        self.store = store
        self.slices = slices
        self.input_size = input_size
        self.batch_size = batch_size
        self.seed = seed
        self.balanced = balanced
        self.augmentation = augmentation
        self.shard = shard or shard_of_this_process()
        self.epoch = 0
        self.channels = len(channel_names(store.context_slices, store.contralateral_flair))
        self._noise = np.empty(0, np.float32)
        if augmentation is not None and augmentation.noise:
            length = max(NOISE_LENGTH, 2 * input_size * input_size * self.channels)
            self._noise = np.random.default_rng(seed).standard_normal(length, np.float32)
        self._with_tumour = [stored for stored in slices if stored.has_tumour]
        self._order = (-1, np.empty(0, np.int64))  # epoch and order that were last asked for

    def __len__(self) -> int:
        """Number of batches per epoch."""
        return -(-self._length // self.batch_size)

    @property
    def _length(self) -> int:
        """Slices per epoch of all processes: a multiple of the devices, so that the last batch can be divided."""
        return -(-len(self.slices) // self.shard.devices) * self.shard.devices

    def __getitem__(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Batch number `batch` of the current epoch.

        Returns:
            Images, shape (N, input_size, input_size, channels), float32, normalised; masks, shape
            (N, input_size, input_size, 1), float32, 0 or 1.
        """
        epoch = self.epoch
        rows = range(batch * self.batch_size, min((batch + 1) * self.batch_size, self._length))
        each = len(rows) // self.shard.processes
        items = [row % len(self.slices) for row in rows[each * self.shard.process :][:each]]
        order = self._order_of(epoch)
        images = np.empty((len(items), self.input_size, self.input_size, self.channels), np.float32)
        masks = np.empty((len(items), self.input_size, self.input_size, 1), np.float32)
        for image, mask, item in zip(images, masks, items, strict=True):
            stored = self.slices[order[item]]
            if self.augmentation is None:
                sample = self.store.read(stored)
                pixels, fitted = sample.image_and_mask, sample.patient.preprocessing
                image[:] = network_input(pixels[None, ..., :MASK], sample.context[None], fitted, self.input_size)[0]
                mask[..., 0] = extract_mask(warp(pixels, box_matrix(fitted.box, self.input_size), self.input_size))
            else:
                rng = np.random.default_rng((self.seed, epoch, item))
                sample = self._read_for_training(stored, self.augmentation, rng)
                mask[..., 0] = augment(
                    sample, rng, self.augmentation, size=self.input_size, noise=self._noise, out=image
                )
        return images, masks

    def _read_for_training(
        self, stored: StoredSlice, augmentation: AugmentationParams, rng: np.random.Generator
    ) -> Sample:
        """Read a slice, perhaps skull-stripped, with a pasted lesion or with a cyst."""
        strip, paste, donor = rng.random(3)
        sample = self.store.read(stored, stripped=bool(strip < augmentation.skull_stripping))
        if not stored.has_tumour and self._with_tumour and paste < augmentation.pasted_lesion:
            other = self.store.read(self._with_tumour[int(donor * len(self._with_tumour))])
            sample = paste_lesion(sample, other, self.store.read_brain(stored), rng)
        return add_cyst(sample, rng, augmentation.cyst)

    def _order_of(self, epoch: int) -> NDArray[np.int64]:
        """Index into `slices` of each item of an epoch."""
        known, order = self._order
        if known != epoch:
            order = np.arange(len(self.slices))
            if self.augmentation is not None:
                order = self._random_order(np.random.default_rng((self.seed, epoch)))
            self._order = (epoch, order)
        return order

    def _random_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """An order for training: a permutation, or balanced."""
        has_tumour = np.array([stored.has_tumour for stored in self.slices])
        groups = [np.flatnonzero(has_tumour), np.flatnonzero(~has_tumour)]
        if not self.balanced or not all(map(len, groups)):
            return rng.permutation(len(self.slices))
        order = np.empty(len(self.slices), np.int64)
        by_patient: dict[int, list[int]] = {}
        for index in groups[0].tolist():
            by_patient.setdefault(id(self.slices[index].patient), []).append(index)
        patients = [np.array(indices) for indices in by_patient.values()]
        rounds = -(-len(order[0::2]) // len(patients))
        one_row_per_round = np.stack([_round_robin(indices, rounds, rng) for indices in patients], axis=1)
        order[0::2] = rng.permuted(one_row_per_round, axis=1).ravel()[: len(order[0::2])]
        order[1::2] = _round_robin(groups[1], len(order[1::2]), rng)
        return order


def _round_robin(indices: NDArray[np.int64], length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`length` of the indices: all of them once before any is repeated, each round in a new random order."""
    times = -(-length // len(indices))
    return np.concatenate([rng.permutation(indices) for _ in range(times)])[:length]
