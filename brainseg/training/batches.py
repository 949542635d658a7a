"""Paired slices as Keras batches, drawn from (seed, epoch, place) alone: no state, no order of threads."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.preprocessing import channel_names, network_input
from brainseg.imaging.volume import FloatArray
from brainseg.params import AugmentationParams
from brainseg.training.augmentation import augment, mask_of, resizing_matrix, warp
from brainseg.training.slice_store import MASK, SliceStore, StoredSlice

NOISE_LENGTH = 2**20  # normal numbers kept, at least; slices take their noise from them


@dataclass(frozen=True, kw_only=True)
class BatchShard:
    """The rows of every batch that this process feeds: run number `process` of `processes` equal runs.

    Runs, and not every n-th row, because the devices are numbered process by process: so the joined batch has the
    rows in the order that one process has them in, and dropout falls on the same ones.

    Attributes:
        process: from 0.
        processes: their number.
        devices: of all processes together; a batch has a multiple of that many rows.
    """

    process: int = 0
    processes: int = 1
    devices: int = 1


def shard_of_this_process() -> BatchShard:
    """What Keras' present distribution asks of this process; everything where there is none."""
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

    With `augmentation`, slices come in a new order each epoch, and the changes of the slice in place `i` of that order
    are drawn from `numpy.random.default_rng((seed, epoch, i))`. Without, they come unchanged in order. `epoch` is set
    from outside (`fit` calls `on_epoch_end` more often than once an epoch).
    """

    def __init__(
        self,
        store: SliceStore,
        entries: Sequence[StoredSlice],
        *,
        input_size: int,
        batch_size: int,
        seed: int = 0,
        balanced: bool = False,
        augmentation: AugmentationParams | None = None,
        workers: int = 1,
        share: BatchShard | None = None,
    ) -> None:
        """Batches over a store.

        Args:
            store: holds the slices.
            entries: those wanted.
            input_size: height and width that the network sees, pixels.
            batch_size: slices; the last batch of an epoch holds what is left.
            seed: of order and changes.
            balanced: every second slice has tumour, however rare these are, and of those each patient has as many,
                however large the tumour; an epoch is as long as without.
            augmentation: None: slices unchanged, in order.
            workers: threads that make batches ahead.
            share: the rows of each batch that are made; None: what Keras' distribution asks of this process. Where the
                slices do not divide by the devices, the last batch is filled with those that came first.
        """
        super().__init__(workers=workers, max_queue_size=2 * workers + 2)
        self.store = store
        self.entries = entries
        self.input_size = input_size
        self.batch_size = batch_size
        self.seed = seed
        self.balanced = balanced
        self.augmentation = augmentation
        self.share = share or shard_of_this_process()
        self.epoch = 0
        self.channels = len(channel_names(store.context_slices, store.contralateral_flair))
        self._noise = np.empty(0, np.float32)
        if augmentation is not None and augmentation.noise:
            length = max(NOISE_LENGTH, 2 * input_size * input_size * self.channels)
            self._noise = np.random.default_rng(seed).standard_normal(length, np.float32)
        self._order = (-1, np.empty(0, np.int64))  # of the epoch that was asked for last

    def __len__(self) -> int:
        """Batches an epoch."""
        return -(-self._length // self.batch_size)

    @property
    def _length(self) -> int:
        """Slices an epoch, of all processes: a multiple of the devices, so that the last batch can be shared."""
        return -(-len(self.entries) // self.share.devices) * self.share.devices

    def __getitem__(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Batch number `batch` of the present epoch.

        Returns:
            Images, shape (N, input_size, input_size, channels), float32, normalised; masks, shape (N, input_size, input_size, 1),
            float32, 0 or 1.
        """
        epoch = self.epoch
        rows = range(batch * self.batch_size, min((batch + 1) * self.batch_size, self._length))
        each = len(rows) // self.share.processes
        places = [row % len(self.entries) for row in rows[each * self.share.process :][:each]]
        order = self._order_of(epoch)
        images = np.empty((len(places), self.input_size, self.input_size, self.channels), np.float32)
        masks = np.empty((len(places), self.input_size, self.input_size, 1), np.float32)
        for image, mask, place in zip(images, masks, places, strict=True):
            entry = self.entries[order[place]]
            sample = self.store.read(entry)
            if self.augmentation is None:
                normalise = sample.patient.normalisation
                pixels = sample.image_and_mask
                image[:] = network_input(pixels[None, ..., :MASK], sample.context[None], normalise, self.input_size)[0]
                matrix = resizing_matrix(entry.height, entry.width, self.input_size)
                mask[..., 0] = mask_of(warp(pixels, matrix, self.input_size))
            else:
                rng = np.random.default_rng((self.seed, epoch, place))
                mask[..., 0] = augment(
                    sample, rng, self.augmentation, size=self.input_size, noise=self._noise, out=image
                )
        return images, masks

    def _order_of(self, epoch: int) -> NDArray[np.int64]:
        """Which entry stands in each place of an epoch."""
        known, order = self._order
        if known != epoch:
            order = np.arange(len(self.entries))
            if self.augmentation is not None:
                order = self._drawn_order(np.random.default_rng((self.seed, epoch)))
            self._order = (epoch, order)
        return order

    def _drawn_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        has_tumour = np.array([entry.has_tumour for entry in self.entries])
        groups = [np.flatnonzero(has_tumour), np.flatnonzero(~has_tumour)]
        if not self.balanced or not all(map(len, groups)):
            return rng.permutation(len(self.entries))
        order = np.empty(len(self.entries), np.int64)
        of_patient: dict[int, list[int]] = {}
        for number in groups[0].tolist():
            of_patient.setdefault(id(self.entries[number].patient), []).append(number)
        patients = [np.array(numbers) for numbers in of_patient.values()]
        rounds = -(-len(order[0::2]) // len(patients))
        a_row_a_round = np.stack([_round_robin(numbers, rounds, rng) for numbers in patients], axis=1)
        order[0::2] = rng.permuted(a_row_a_round, axis=1).ravel()[: len(order[0::2])]
        order[1::2] = _round_robin(groups[1], len(order[1::2]), rng)
        return order


def _round_robin(numbers: NDArray[np.int64], length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`length` of the numbers, all of them before any comes again, each time in another order."""
    times = -(-length // len(numbers))
    return np.concatenate([rng.permutation(numbers) for _ in range(times)])[:length]
