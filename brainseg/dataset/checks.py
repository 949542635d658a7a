"""One reading of every slice, and the checks that need its pixels."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from brainseg.dataset.pairing import Pair
from brainseg.imaging.faults import Fault, FaultError, FaultKind
from brainseg.imaging.raster import read_image, read_mask
from brainseg.imaging.volume import FLAIR, ByteArray


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is kept of one slice after it was read; a file that is missing or faulty leaves the defaults.

    Attributes:
        pair: its names.
        faults: what was wrong with either file.
        image_size: (height, width) in pixels.
        mask_size: (height, width) in pixels.
        tumour_pixels: count.
        equal_to_flair: for each of the three channels, whether it equals FLAIR in every pixel.
        picture: sha256 of the image; "" for an image of one colour, which any patient may have.
        digest: first 32 hex digits of the sha256 of the image, (H, W, 3) uint8 RGB, and the mask, (H, W) uint8 0 or
            255.
    """

    pair: Pair
    faults: tuple[Fault, ...] = ()
    image_size: tuple[int, int] | None = None
    mask_size: tuple[int, int] | None = None
    tumour_pixels: int = 0
    equal_to_flair: tuple[bool, ...] = (True, True, True)
    picture: str = ""
    digest: str = ""


def read_pair(pair: Pair, root: Path) -> Reading:
    """Read a slice's files once, each from disk to checked pixels.

    Args:
        pair: the names; one may be None.
        root: data.root.

    Returns:
        What is kept; faults are collected in it, not raised.
    """
    reading = Reading(pair=pair)
    pixels = hashlib.sha256()
    if pair.image is not None:
        try:
            image = read_image(root / pair.image)
            pixels.update(image.data)
            reading = replace(
                reading,
                image_size=image.shape[:2],
                equal_to_flair=tuple(bool((image[..., c] == image[..., FLAIR]).all()) for c in range(image.shape[-1])),
                picture="" if _is_blank(image) else pixels.hexdigest(),
            )
        except FaultError as error:
            reading = replace(reading, faults=(replace(error.fault, place=pair.image),))
    if pair.mask is not None:
        try:
            mask = read_mask(root / pair.mask)
            pixels.update((mask.astype(np.uint8) * 255).data)
            reading = replace(reading, mask_size=mask.shape, tumour_pixels=int(mask.sum()))
        except FaultError as error:
            reading = replace(reading, faults=(*reading.faults, replace(error.fault, place=pair.mask)))
    return replace(reading, digest=pixels.hexdigest()[:32])


def check_readings(readings: Sequence[Reading]) -> list[Fault]:
    """Check what can be seen only when the slices are put side by side.

    Args:
        readings: sorted by patient_id and slice_number.

    Returns:
        The readings' own faults, sizes that differ within a slice or a patient, and pictures that two patients share.
    """
    faults = [fault for reading in readings for fault in reading.faults]
    return faults + _check_sizes(readings) + _check_leaks(readings)


def _check_sizes(readings: Sequence[Reading]) -> list[Fault]:
    """An image that is not as most images of its patient, and a mask that is not as its image."""
    counts: dict[str, Counter[tuple[int, int]]] = {}
    for reading in readings:
        if reading.image_size is not None:
            counts.setdefault(reading.pair.patient_id, Counter())[reading.image_size] += 1
    usual = {patient_id: count.most_common(1)[0][0] for patient_id, count in counts.items()}
    faults = []
    for reading in readings:
        pair, image_size, mask_size = reading.pair, reading.image_size, reading.mask_size
        if pair.image and image_size is not None and image_size != usual[pair.patient_id]:
            most = _size(usual[pair.patient_id])
            faults.append(Fault(FaultKind.SIZE, pair.image, f"{_size(image_size)}, most images of the patient {most}"))
        if pair.mask and mask_size is not None and image_size is not None and mask_size != image_size:
            faults.append(Fault(FaultKind.SIZE, pair.mask, f"{_size(mask_size)}, its image {_size(image_size)}"))
    return faults


def _check_leaks(readings: Sequence[Reading]) -> list[Fault]:
    """An image whose pixels are those of an image of an earlier patient."""
    first: dict[str, Pair] = {}
    faults = []
    for reading in readings:
        if reading.picture and reading.pair.image:
            other = first.setdefault(reading.picture, reading.pair)
            if other.patient_id != reading.pair.patient_id:
                faults.append(Fault(FaultKind.LEAK, reading.pair.image, f"the same pixels as {other.image}"))
    return faults


def _is_blank(image: ByteArray) -> bool:
    return bool((image == image[0, 0]).all())


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"
