"""Decoded slices in a file without a name: read at random by many threads, memory stays flat as patients grow.

The file is read by position and not mapped: pages of a map count as memory of the process, those of a read are the
system's to keep or drop. Having no name, it is gone when the process ends, also when it is killed.
"""

import os
import tempfile
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.preprocessing import (
    GREY_LEVELS,
    Method,
    Normalisation,
    below_scalp,
    fit_normalisation,
    mirror_axis,
    mirrored,
    positions_around,
)
from brainseg.volumes import FLAIR, SEQUENCES, ByteArray, FloatArray, Volume

# The mask is the fourth channel, 0 or 255: image and mask are warped as one picture, and OpenCV warps four channels
# twice as fast as three.
MASK = len(SEQUENCES)
MASK_VALUE = 255

# A slice in the file, a byte a pixel: its FLAIR, which its neighbours ask for alone, and its four channels.
PLANES = 1 + MASK + 1


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What all slices of a patient share.

    Attributes:
        normalisation: of the whole volume.
        histogram: how many of the pixels that the normalisation is fitted to have each grey level, shape (3, 256),
            int64; None where it is fitted to none.
        mirror_axis: of the volume, see `brainseg.preprocessing.mirror_axis`.
    """

    normalisation: Normalisation
    histogram: NDArray[np.int64] | None
    mirror_axis: int

    @cached_property
    def table(self) -> FloatArray:
        """What each grey level is normalised to, shape (256, 3), float32."""
        return self.normalisation(np.arange(GREY_LEVELS)[:, None])


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a slice is in the store.

    Attributes:
        position: of its first byte.
        around: of the slices around it, see `brainseg.preprocessing.positions_around`.
        height: pixels.
        width: pixels.
        has_tumour: whether its mask has any.
        patient: what it shares with the others.
    """

    position: int
    around: tuple[int, ...]
    height: int
    width: int
    has_tumour: bool
    patient: Patient


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A slice as it was stored.

    Attributes:
        image_and_mask: shape (H, W, 4), uint8; the three sequences, and the mask as 0 and `MASK_VALUE`.
        flair_around: FLAIR of the slices around it and, if wanted, of itself mirrored, shape (H, W, K), uint8.
        patient: its patient.
    """

    image_and_mask: ByteArray
    flair_around: ByteArray
    patient: Patient


class SliceStore:
    """Slices by entry; `add` from one thread, then `read` from any number."""

    def __init__(self, folder: Path, *, neighbours: int, method: Method, mirror: bool = False) -> None:
        """Open an empty store.

        Args:
            folder: where the file lies; on a disk, for the whole set takes 1.3 GB.
            neighbours: how many slices on either side of a slice are read with it.
            method: of the normalisation.
            mirror: whether a slice is read with its own FLAIR mirrored.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.neighbours = neighbours
        self.method = method
        self.mirror = mirror
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the store
        weakref.finalize(self, self._file.close)
        self._length = 0

    def add(self, volume: Volume, slice_numbers: set[int]) -> list[Entry]:
        """Store a patient.

        Args:
            volume: the whole patient: the normalisation is of the whole, and neighbours may be any slice.
            slice_numbers: those wanted.

        Returns:
            An entry per wanted slice, in slice order.

        Raises:
            UserError: if the disk is full.
        """
        slices, height, width = volume.mask_true.shape
        patient = _patient_of(volume.image, self.method)
        start, step = self._length, PLANES * height * width
        both = np.empty((height, width, MASK + 1), np.uint8)
        try:
            for one, mask in zip(volume.image, volume.mask_true, strict=True):
                both[..., :MASK], both[..., MASK] = one, mask * MASK_VALUE
                self._file.write(one[..., FLAIR].tobytes() + both.tobytes())
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"train: {self.folder} has no room for the decoded slices of {volume.patient_id} ({error.strerror}). "
                f"The training and validation slices take {PLANES} bytes a pixel there while training"
            ) from None
        self._length += slices * step
        return [
            Entry(
                position=start + place * step,
                around=tuple(start + other * step for other in positions_around(place, slices, self.neighbours)),
                height=height,
                width=width,
                has_tumour=bool(volume.mask_true[place].any()),
                patient=patient,
            )
            for place, number in enumerate(volume.slice_numbers.tolist())
            if number in slice_numbers
        ]

    def read(self, entry: Entry) -> Sample:
        """Read a slice that was added."""
        shape = entry.height, entry.width
        pixels = entry.height * entry.width
        around = np.empty((*shape, len(entry.around) + self.mirror), np.uint8)
        for channel, position in enumerate(entry.around):
            around[..., channel] = self._bytes(position, pixels).reshape(shape)
        if self.mirror:
            own = self._bytes(entry.position, pixels).reshape(shape)
            around[..., -1] = mirrored(own, entry.patient.mirror_axis)
        return Sample(
            image_and_mask=self._bytes(entry.position + pixels, (MASK + 1) * pixels).reshape(*shape, MASK + 1),
            flair_around=around,
            patient=entry.patient,
        )

    def _bytes(self, position: int, count: int) -> ByteArray:
        return np.frombuffer(os.pread(self._file.fileno(), count, position), np.uint8)


def _patient_of(image: ByteArray, method: Method) -> Patient:
    histogram = None
    if method == "below_scalp":
        values = image[below_scalp(image)]
        histogram = np.stack([np.bincount(values[:, channel], minlength=GREY_LEVELS) for channel in range(3)])
    return Patient(normalisation=fit_normalisation(image, method), histogram=histogram, mirror_axis=mirror_axis(image))
