"""Changes to the lesions of a training slice: synthetic cysts."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.preprocessing import mirrored
from brainseg.imaging.volume import FLAIR, ByteArray, FloatArray
from brainseg.training.slice_store import MASK, Sample

LARGE_LESION = 0.04  # greatest depth of a lesion that can have a cyst, relative to the box
CYST_DEPTHS = (0.25, 0.65)  # where a cyst begins, relative to the greatest depth
CYST_EDGE = 0.015  # width of the soft edge, relative to the box
CYST_LEVELS = (0.01, 0.2)  # quantiles of the brain's grey levels that a cyst can have


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
    weight = cyst_weight(
        sample.image_and_mask[..., MASK],
        smallest_depth=LARGE_LESION * size,
        start=CYST_DEPTHS[0] + depth * (CYST_DEPTHS[1] - CYST_DEPTHS[0]),
        edge=CYST_EDGE * size,
    )
    if not weight.any():
        return sample
    dark = dark_levels(histogram, CYST_LEVELS[0] + level * (CYST_LEVELS[1] - CYST_LEVELS[0]))
    image_and_mask = sample.image_and_mask.copy()
    image_and_mask[..., :MASK] = blend(image_and_mask[..., :MASK], dark, weight[..., None])
    context = sample.context.copy()
    neighbours = context.shape[-1] // 2 * 2  # the mirrored FLAIR is last, if there is one
    context[..., :neighbours] = blend(context[..., :neighbours], dark[FLAIR], weight[..., None])
    for channel in range(neighbours, context.shape[-1]):
        other_side = mirrored(weight, sample.patient.preprocessing.mirror_axis)
        context[..., channel] = blend(context[..., channel], dark[FLAIR], other_side)
    return replace(sample, image_and_mask=image_and_mask, context=context)


def cyst_weight(mask: ByteArray, *, smallest_depth: float, start: float, edge: float) -> FloatArray:
    """How much of each pixel is cyst: 0 near the lesion's border, 1 deep inside, with a soft edge between.

    Args:
        mask: shape (H, W), uint8, not 0 = lesion.
        smallest_depth: lesions whose deepest pixel is less deep have no cyst, pixels.
        start: depth at which the cyst begins, relative to the deepest pixel.
        edge: width of the soft edge, pixels.

    Returns:
        Shape (H, W), float32, in [0, 1].
    """
    depth = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    deepest = float(depth.max())
    if deepest < smallest_depth:
        return np.zeros_like(depth)
    return np.asarray(np.clip((depth - start * deepest) / edge, 0, 1), np.float32)


def dark_levels(histogram: NDArray[np.int64], quantile: float) -> FloatArray:
    """The grey level of a quantile of the brain in each channel, shape (3,), float32."""
    cumulated = np.cumsum(histogram, axis=1)
    return np.array([np.searchsorted(channel, quantile * channel[-1]) for channel in cumulated], np.float32)


def blend(image: ByteArray, level: FloatArray | np.float32, weight: FloatArray) -> ByteArray:
    """Replace grey levels by others to the extent of a weight from 0 to 1; shapes are broadcast."""
    return np.asarray(np.rint(image * (1 - weight) + level * weight), np.uint8)
