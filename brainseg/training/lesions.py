"""Changes to the lesions of a training slice: synthetic cysts, and lesions pasted where none was."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from brainseg.imaging.preprocessing import GREY_LEVELS, mirrored
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray, FloatArray
from brainseg.training.slice_store import MASK, MASK_VALUE, Sample

LARGE_LESION = 0.04  # greatest depth of a lesion that can have a cyst, relative to the box
CYST_DEPTHS = (0.25, 0.65)  # where a cyst begins, relative to the greatest depth
CYST_EDGE = 0.015  # width of the soft edge, relative to the box
CYST_LEVELS = (0.01, 0.2)  # quantiles of the brain's grey levels that a cyst can have

PASTED_EDGE = 0.008  # standard deviation of a pasted lesion's soft edge, relative to the box


def add_cyst(sample: Sample, rng: np.random.Generator, probability: float) -> Sample:
    """Give a large lesion a dark middle, in all sequences and in the neighbouring slices.

    Real cysts and necroses are part of the reference outline but rare in the training data.

    Args:
        sample: the slice; not changed.
        rng: of this slice in this epoch; the same numbers are drawn whatever the slice.
        probability: of a cyst in a slice with a large lesion.

    Returns:
        The sample itself, or a changed copy; the mask stays.
    """
    draw, depth, level = rng.random(3)
    histogram = sample.patient.histogram
    if draw >= probability or histogram is None:
        return sample
    box = sample.patient.preprocessing.box
    size = max(box.height, box.width)
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(sample.image_and_mask[..., MASK]))
    inside = slice(top, top + height), slice(left, left + width)
    weight = cyst_weight(
        sample.image_and_mask[(*inside, MASK)],
        smallest_depth=LARGE_LESION * size,
        start=CYST_DEPTHS[0] + depth * (CYST_DEPTHS[1] - CYST_DEPTHS[0]),
        edge=CYST_EDGE * size,
    )
    if not weight.any():
        return sample
    dark = dark_levels(histogram, CYST_LEVELS[0] + level * (CYST_LEVELS[1] - CYST_LEVELS[0]))
    image_and_mask = sample.image_and_mask.copy()
    image_and_mask[inside][..., :MASK] = blend(image_and_mask[inside][..., :MASK], dark, weight[..., None])
    context = sample.context.copy()
    neighbours = context.shape[-1] // 2 * 2
    context[inside][..., :neighbours] = blend(context[inside][..., :neighbours], dark[FLAIR], weight[..., None])
    return _changed(sample, image_and_mask, context)


def paste_lesion(sample: Sample, donor: Sample, brain: BoolArray, rng: np.random.Generator) -> Sample:
    """Paste the lesion of another slice at a random place of the brain, rotated, scaled and perhaps flipped.

    So the network learns what a lesion looks like rather than where lesions lie.

    Args:
        sample: the slice; not changed.
        donor: a slice with tumour, of any patient and size.
        brain: where a lesion may lie in `sample`, shape (H, W).
        rng: of this slice in this epoch.

    Returns:
        A changed copy, its mask included; the sample itself if it has no brain.
    """
    place, angle, zoom, side = rng.random(4)
    rows, columns = np.nonzero(brain)
    if not len(rows):
        return sample
    target = int(place * len(rows))
    own, other = sample.patient.preprocessing, donor.patient.preprocessing
    matrix = placing_matrix(
        donor.image_and_mask[..., MASK],
        (float(columns[target]), float(rows[target])),
        angle=2 * np.pi * angle,
        zoom=(0.7 + 0.6 * zoom) * own.box.width / other.box.width,
        flip=side < 0.5,
    )

    def warped(planes: ByteArray) -> ByteArray:
        return np.asarray(cv2.warpAffine(planes, matrix, brain.shape[::-1], flags=cv2.INTER_LINEAR))

    pasted = warped(donor.image_and_mask)
    mask = np.where(brain, pasted[..., MASK], 0).astype(np.uint8)
    blurred = cv2.GaussianBlur(mask, (0, 0), PASTED_EDGE * own.box.width)
    weight = np.asarray(np.where(brain, blurred, 0) / MASK_VALUE, np.float32)
    ratio = own.normalisation.scale / other.normalisation.scale
    shift = own.normalisation.offset - ratio * other.normalisation.offset
    image_and_mask = sample.image_and_mask.copy()
    levels = np.clip(ratio * pasted[..., :MASK] + shift, 0, GREY_LEVELS - 1)
    image_and_mask[..., :MASK] = blend(image_and_mask[..., :MASK], levels, weight[..., None])
    image_and_mask[..., MASK] = np.maximum(image_and_mask[..., MASK], mask)
    context = sample.context.copy()
    for channel in range(context.shape[-1] // 2 * 2):
        levels = ratio[FLAIR] * warped(np.ascontiguousarray(donor.context[..., channel])) + shift[FLAIR]
        context[..., channel] = blend(context[..., channel], np.clip(levels, 0, GREY_LEVELS - 1), weight)
    return _changed(sample, image_and_mask, context)


def placing_matrix(
    mask: ByteArray, target: tuple[float, float], *, angle: float, zoom: float, flip: bool
) -> NDArray[np.float64]:
    """The affine transform that moves the centre of a mask to a point, turned and scaled about it.

    Args:
        mask: shape (H, W), uint8, not 0 = lesion; not empty.
        target: column and row, pixels.
        angle: radians.
        zoom: factor of lengths.
        flip: whether left and right are exchanged.

    Returns:
        Shape (2, 3), float64; maps (x, y, 1) of the mask.
    """
    rows, columns = np.nonzero(mask)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[-cos if flip else cos, -sin], [-sin if flip else sin, cos]])
    return np.column_stack([linear, np.array(target) - linear @ [columns.mean(), rows.mean()]])


def cyst_weight(mask: ByteArray, *, smallest_depth: float, start: float, edge: float) -> FloatArray:
    """How much of each pixel is cyst: 0 near the lesion's border, 1 deep inside, with a soft edge between.

    Args:
        mask: shape (H, W), uint8, not 0 = lesion; outside it there is none.
        smallest_depth: lesions whose deepest pixel is less deep have no cyst, pixels.
        start: depth at which the cyst begins, relative to the deepest pixel.
        edge: width of the soft edge, pixels.

    Returns:
        Shape (H, W), float32, in [0, 1].
    """
    if min(mask.shape) < 2 * smallest_depth:
        return np.zeros(mask.shape, np.float32)
    # Not by cv2.distanceTransform: its last digit depends on where in memory its result lies.
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1].astype(np.float32)
    deepest = float(depth.max())
    if deepest < smallest_depth:
        return np.zeros_like(depth)
    return np.asarray(np.clip((depth - start * deepest) / edge, 0, 1), np.float32)


def dark_levels(histogram: NDArray[np.int64], quantile: float) -> FloatArray:
    """The grey level of a quantile of the brain in each channel, shape (3,), float32."""
    cumulated = np.cumsum(histogram, axis=1)
    return np.array([np.searchsorted(channel, quantile * channel[-1]) for channel in cumulated], np.float32)


def blend(image: ByteArray, level: NDArray[Any] | np.float32, weight: FloatArray) -> ByteArray:
    """Replace grey levels by others to the extent of a weight from 0 to 1; shapes are broadcast."""
    return np.asarray(np.rint(image * (1 - weight) + level * weight), np.uint8)


def _changed(sample: Sample, image_and_mask: ByteArray, context: ByteArray) -> Sample:
    """The sample with other pixels; the mirrored FLAIR, which is last if there is any, follows the image."""
    if context.shape[-1] % 2:
        own = sample.patient.preprocessing
        context[..., -1] = mirrored(image_and_mask[..., FLAIR], own.mirror_axis, float(own.air[FLAIR]))
    return replace(sample, image_and_mask=image_and_mask, context=context)
