"""Decoded slices in a temporary file, so that memory does not grow with the number of patients.

Threads read the file at random offsets. It is not memory-mapped: mapped pages count as the process's memory, whereas
the system can drop the pages of ordinary reads. The file has no name, so it disappears when the process ends, even if
the process is killed.
"""

import os
import tempfile
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.head import brain_values, find_head, skull_stripped
from brainseg.imaging.preprocessing import (
    GREY_LEVELS,
    CropMethod,
    NormalisationMethod,
    Preprocessing,
    context,
    fit_preprocessing,
    inlier_ranges,
)
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, ByteArray, FloatArray, Volume

# The mask is stored as a fourth channel with values 0 and 255, so that image and mask are warped together. OpenCV warps
# four channels twice as fast as three.
MASK = len(SEQUENCES)
MASK_VALUE = 255

# Bytes per pixel of a stored slice: FLAIR once more, because neighbouring slices need it alone, the four channels, and
# 1 where skull stripping leaves a pixel, else 0.
PLANES = 1 + MASK + 1 + 1


@dataclass(frozen=True, kw_only=True)
class PatientStatistics:
    """What all slices of a patient have in common.

    Attributes:
        preprocessing: of the whole volume.
        histogram: number of brain pixels at each grey level, without outliers, shape (3, 256), int64; None if the
            normalisation is not fitted to the brain.
        stripped: the same of the volume after skull stripping; None if that is not used.
    """

    preprocessing: Preprocessing
    histogram: NDArray[np.int64] | None
    stripped: "PatientStatistics | None" = None

    @cached_property
    def lookup(self) -> FloatArray:
        """The normalised value of each grey level, shape (256, 3), float32."""
        return self.preprocessing.normalisation(np.arange(GREY_LEVELS)[:, None])


@dataclass(frozen=True, kw_only=True)
class StoredSlice:
    """The location of a slice in the store.

    Attributes:
        volume_offset: byte offset of the volume in the file.
        position: in the volume, from 0.
        slices: number of slices in the volume.
        height: pixels.
        width: pixels.
        has_tumour: whether the mask has any tumour.
        patient: what all slices of the patient have in common.
    """

    volume_offset: int
    position: int
    slices: int
    height: int
    width: int
    has_tumour: bool
    patient: PatientStatistics


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A slice as read from the store.

    Attributes:
        image_and_mask: shape (H, W, 4), uint8: the three sequences, then the mask with values 0 and `MASK_VALUE`.
        context: shape (H, W, K), uint8, see `brainseg.imaging.preprocessing.context`.
        patient: what all slices of the patient have in common.
    """

    image_and_mask: ByteArray
    context: ByteArray
    patient: PatientStatistics


class SliceStore:
    """Decoded slices; call `add` from one thread, then `read` from any number of threads."""

    def __init__(
        self,
        folder: Path,
        *,
        context_slices: int,
        normalisation: NormalisationMethod,
        crop: CropMethod = "head",
        contralateral_flair: bool = False,
        brain_masks: bool = False,
    ) -> None:
        """Create an empty store.

        Args:
            folder: for the temporary file; on a disk, because the whole set takes 1.6 GB.
            context_slices: neighbours on either side that are read with each slice.
            normalisation: method of normalisation.
            crop: the part of the slices that the network sees.
            contralateral_flair: whether the mirrored FLAIR is read with each slice.
            brain_masks: whether skull-stripped slices and brain masks can be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.context_slices = context_slices
        self.normalisation = normalisation
        self.crop = crop
        self.contralateral_flair = contralateral_flair
        self.brain_masks = brain_masks
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the store
        weakref.finalize(self, _close, self._file)
        self._length = 0

    def add(self, volume: Volume, slice_numbers: set[int]) -> list[StoredSlice]:
        """Add a patient.

        Args:
            volume: the whole patient, because normalisation is per volume and any slice may be a neighbour.
            slice_numbers: the slices that will be read.

        Returns:
            One entry per slice of `slice_numbers`, in slice order.

        Raises:
            UserError: if the disk is full.
        """
        slices, height, width = volume.mask_true.shape
        offset = self._length
        stored = np.empty((height, width, MASK + 1), np.uint8)
        kept = skull_stripped(volume.image, find_head(volume.image)) if self.brain_masks else volume.mask_true
        try:
            for image, mask, left in zip(volume.image, volume.mask_true, kept, strict=True):
                stored[..., :MASK], stored[..., MASK] = image, mask * MASK_VALUE
                self._file.write(image[..., FLAIR].tobytes() + stored.tobytes() + left.tobytes())
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"train: {self.folder} has no room for the decoded slices of {volume.patient_id} ({error.strerror}). "
                f"While training, the training and validation slices take {PLANES} bytes per pixel there"
            ) from None
        self._length += slices * PLANES * height * width
        patient = self._statistics(volume.image)
        if self.brain_masks:
            stripped = self._statistics(volume.image * kept[..., None])
            patient = replace(patient, stripped=stripped)
        return [
            StoredSlice(
                volume_offset=offset,
                position=position,
                slices=slices,
                height=height,
                width=width,
                has_tumour=bool(volume.mask_true[position].any()),
                patient=patient,
            )
            for position, number in enumerate(volume.slice_numbers.tolist())
            if number in slice_numbers
        ]

    def read(self, stored: StoredSlice, *, stripped: bool = False) -> Sample:
        """Read a slice that was added, with its context.

        Args:
            stored: from `add`.
            stripped: whether to remove the skull; the store must have been created with `brain_masks`.

        Returns:
            The slice; its arrays are read-only unless stripped.
        """
        shape, pixels = (stored.height, stored.width), stored.height * stored.width
        patient = stored.patient

        def plane(position: int, number: int, count: int = 1) -> ByteArray:
            return self._bytes(stored.volume_offset + (position * PLANES + number) * pixels, count * pixels)

        def flair(position: int) -> ByteArray:
            own = plane(position, 0).reshape(shape)
            return own * plane(position, PLANES - 1).reshape(shape) if stripped else own

        image_and_mask = plane(stored.position, 1, MASK + 1).reshape(*shape, MASK + 1)
        if stripped:
            assert patient.stripped is not None  # the store was created for it
            patient = patient.stripped
            image_and_mask = image_and_mask * plane(stored.position, PLANES - 1).reshape(*shape, 1)
        return Sample(
            image_and_mask=image_and_mask,
            context=context(
                flair,
                stored.position,
                stored.slices,
                context_slices=self.context_slices,
                mirror_axis=patient.preprocessing.mirror_axis if self.contralateral_flair else None,
                air=float(patient.preprocessing.air[FLAIR]),
            ),
            patient=patient,
        )

    def read_brain(self, stored: StoredSlice) -> BoolArray:
        """Read which pixels of a slice skull stripping keeps, shape (H, W), bool; as `read` with `stripped`."""
        pixels = stored.height * stored.width
        plane = self._bytes(stored.volume_offset + (stored.position * PLANES + PLANES - 1) * pixels, pixels)
        return plane.reshape(stored.height, stored.width).astype(np.bool_)

    def _statistics(self, image: ByteArray) -> PatientStatistics:
        preprocessing = fit_preprocessing(image, self.normalisation, self.crop)
        if self.normalisation == "divide_255":
            return PatientStatistics(preprocessing=preprocessing, histogram=None)
        values = brain_values(image, find_head(image))
        histogram = np.zeros((len(SEQUENCES), GREY_LEVELS), np.int64)
        for channel, (low, high) in enumerate(inlier_ranges(values)):
            levels = values[(values[:, channel] >= low) & (values[:, channel] <= high), channel]
            histogram[channel] = np.bincount(np.rint(levels).astype(np.int64), minlength=GREY_LEVELS)
        return PatientStatistics(preprocessing=preprocessing, histogram=histogram)

    def _bytes(self, offset: int, count: int) -> ByteArray:
        return np.frombuffer(os.pread(self._file.fileno(), count, offset), np.uint8)


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # if the disk was full, the rest is written once more, which `add` has reported
        file.close()
