"""Reading each slice once, and the checks that need its pixels."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from brainseg.dataset.pairing import SlicePair
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import Fault, FaultError
from brainseg.imaging.raster import read_image, read_mask_and_value
from brainseg.imaging.volume import FLAIR, ByteArray

EMPTY_FRACTION = 0.95  # of the pixels have the colour of the background in an image without a head


@dataclass(frozen=True, kw_only=True)
class SliceReading:
    """What is kept of a slice after reading it. If a file is missing or faulty, its attributes keep their defaults.

    Attributes:
        pair: the paths of its image and mask.
        faults: the faults of both files.
        image_size: (height, width), pixels.
        mask_size: (height, width), pixels.
        tumour_pixels: number of tumour pixels in the mask.
        mask_value: the mask's value inside the tumour; 0 if it has none.
        equal_to_flair: for each of the three channels, whether it equals FLAIR in every pixel.
        image_digest: sha256 of the image; empty if nearly all pixels are equal, as any patient may have such an image.
        digest: first 32 hex digits of the sha256 of the image, (H, W, 3) uint8 RGB, followed by the mask, (H, W) uint8
            0 or 255.
    """

    pair: SlicePair
    faults: tuple[Fault, ...] = ()
    image_size: tuple[int, int] | None = None
    mask_size: tuple[int, int] | None = None
    tumour_pixels: int = 0
    mask_value: int = 0
    equal_to_flair: tuple[bool, ...] = (True, True, True)
    image_digest: str = ""
    digest: str = ""


def read_pair(pair: SlicePair, root: Path) -> SliceReading:
    """Read the image and the mask of a slice, each once, and check the pixels.

    Args:
        pair: the paths; one may be None.
        root: data.root.

    Returns:
        What is kept of the slice. Faults are collected in it, not raised.
    """
    reading = SliceReading(pair=pair)
    pixels = hashlib.sha256()
    if pair.image_path is not None:
        try:
            image = read_image(root / pair.image_path)
            pixels.update(image.data)
            reading = replace(
                reading,
                image_size=image.shape[:2],
                equal_to_flair=tuple(bool((image[..., c] == image[..., FLAIR]).all()) for c in range(image.shape[-1])),
                image_digest="" if _is_empty(image) else pixels.hexdigest(),
            )
        except FaultError as error:
            reading = replace(reading, faults=(replace(error.fault, location=pair.image_path),))
    if pair.mask_path is not None:
        try:
            mask, value = read_mask_and_value(root / pair.mask_path)
            pixels.update((mask.astype(np.uint8) * 255).data)
            tumour_pixels = int(np.count_nonzero(mask))
            reading = replace(reading, mask_size=mask.shape, tumour_pixels=tumour_pixels, mask_value=value)
        except FaultError as error:
            reading = replace(reading, faults=(*reading.faults, replace(error.fault, location=pair.mask_path)))
    return replace(reading, digest=pixels.hexdigest()[:32])


def check_readings(readings: Sequence[SliceReading]) -> list[Fault]:
    """Collect the faults of all slices, and check the slices against each other.

    Args:
        readings: sorted by patient_id and slice_number.

    Returns:
        The faults of the readings themselves, values of masks and sizes that differ, and images that two patients
        share.
    """
    faults = [fault for reading in readings for fault in reading.faults]
    return faults + _check_mask_values(readings) + _check_sizes(readings) + _check_shared_images(readings)


def _check_mask_values(readings: Sequence[SliceReading]) -> list[Fault]:
    """Find masks whose value inside differs from that of another mask: it may stand for another structure.

    Returns:
        Nothing if all masks with tumour have the same value; otherwise one fault for each value, the most frequent
        first, at the first mask that has it.
    """
    paths: dict[int, list[str]] = {}
    for reading in readings:
        if reading.mask_value and reading.pair.mask_path is not None:
            paths.setdefault(reading.mask_value, []).append(reading.pair.mask_path)
    if len(paths) < 2:
        return []
    return [
        Fault(FaultKind.DIFFERENT_LABELS, found[0], f"{value} inside, as in {len(found)} mask(s) in all")
        for value, found in sorted(paths.items(), key=lambda item: -len(item[1]))
    ]


def _check_sizes(readings: Sequence[SliceReading]) -> list[Fault]:
    """Find images that differ in size from most images of the patient, and masks that differ from their image."""
    counts: dict[str, Counter[tuple[int, int]]] = {}
    for reading in readings:
        if reading.image_size is not None:
            counts.setdefault(reading.pair.patient_id, Counter())[reading.image_size] += 1
    usual = {patient_id: count.most_common(1)[0][0] for patient_id, count in counts.items()}
    faults = []
    for reading in readings:
        pair, image_size, mask_size = reading.pair, reading.image_size, reading.mask_size
        if pair.image_path and image_size is not None and image_size != usual[pair.patient_id]:
            found = f"{_size(image_size)}, most images of the patient are {_size(usual[pair.patient_id])}"
            faults.append(Fault(FaultKind.SIZE_MISMATCH, pair.image_path, found))
        if pair.mask_path and mask_size is not None and image_size is not None and mask_size != image_size:
            found = f"{_size(mask_size)}, its image is {_size(image_size)}"
            faults.append(Fault(FaultKind.SIZE_MISMATCH, pair.mask_path, found))
    return faults


def _check_shared_images(readings: Sequence[SliceReading]) -> list[Fault]:
    """Find images with the same pixels as an image of another patient earlier in the list."""
    first: dict[str, SlicePair] = {}
    faults = []
    for reading in readings:
        if reading.image_digest and reading.pair.image_path:
            other = first.setdefault(reading.image_digest, reading.pair)
            if other.patient_id != reading.pair.patient_id:
                found = f"the same pixels as {other.image_path}"
                faults.append(Fault(FaultKind.LEAK, reading.pair.image_path, found))
    return faults


def _is_empty(image: ByteArray) -> bool:
    """Return whether nearly all pixels have one colour, as without a head but with a letter for left or right."""
    some = image[::4, ::4, FLAIR].ravel()
    if np.bincount(some).max() < EMPTY_FRACTION / 2 * len(some):  # saves time: hardly any slice comes near
        return False
    flair = image[..., FLAIR].ravel()
    background = image.reshape(-1, image.shape[-1])[(flair == np.bincount(flair).argmax()).argmax()]
    return bool(np.count_nonzero((image == background).all(axis=-1)) > EMPTY_FRACTION * len(flair))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"
