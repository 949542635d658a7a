"""Random augmentation of a slice and its mask: one spatial transform for both, then one lookup table of grey levels.

A slice is warped as bytes. Normalisation, gain and gamma are then a single lookup with 256 values per channel, which
costs less than any arithmetic on pixels.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.crop import Box
from brainseg.imaging.preprocessing import GREY_LEVELS
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, BoolArray, ByteArray, FloatArray
from brainseg.params import AugmentationParams
from brainseg.training.slice_store import MASK, MASK_VALUE, PatientStatistics, Sample

Matrix = NDArray[np.float64]


def warp(image: NDArray[Any], matrix: Matrix, size: int, outside: Sequence[float] = (0, 0, 0, 0)) -> NDArray[Any]:
    """Apply an affine transform to an image.

    Args:
        image: shape (H, W) or (H, W, C), C up to 4.
        matrix: shape (2, 3), float64, from the image's grid to the (size, size) grid.
        size: height and width of the result, pixels.
        outside: grey level of each channel outside the image.

    Returns:
        Shape (size, size) or (size, size, C), the image's dtype.
    """
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=outside
        )
    )


def box_matrix(box: Box, size: int) -> Matrix:
    """The affine transform from a box of a slice to a (size, size) grid, corner to corner, half-pixel centres.

    Returns:
        Shape (2, 3), float64; maps (x, y, 1) of the stored slice to (x, y) of the network's input.
    """
    return _about_centre(np.eye(2).tolist(), box, size)


def random_matrix(rng: np.random.Generator, augmentation: AugmentationParams, box: Box, size: int) -> Matrix:
    """`box_matrix` with a random flip, zoom, shear, rotation and shift about the centre.

    Args:
        rng: draws the same numbers whatever the parameters, so that turning one change off does not affect the others.
        augmentation: the largest change of each kind.
        box: the part of the slice that the network sees.
        size: height and width of the network's input, pixels.

    Returns:
        Shape (2, 3), float64.
    """
    rotation, shear, zoom, shift_x, shift_y, side = rng.uniform(-1, 1, 6).tolist()
    angle, slant = math.radians(augmentation.rotation * rotation), math.tan(math.radians(augmentation.shear * shear))
    cos, sin = math.cos(angle) * (1 + augmentation.zoom * zoom), math.sin(angle) * (1 + augmentation.zoom * zoom)
    mirror = -1.0 if augmentation.horizontal_flip and side < 0 else 1.0
    linear = [[cos * mirror, cos * slant - sin], [sin * mirror, sin * slant + cos]]  # mirror, shear, rotate
    shift = augmentation.shift * size
    return _about_centre(linear, box, size, shift * shift_x, shift * shift_y)


def intensity_lookup(patient: PatientStatistics, *, gain: FloatArray, exponent: FloatArray) -> FloatArray:
    """The network's input value for each grey level: gamma, then normalisation, then gain.

    After gamma the offset and scale are those of the changed volume, so that the brain keeps mean 0 and deviation 1.

    Args:
        patient: the volume's normalisation and the histogram of its brain.
        gain: shape (3,), factor of the normalised value, per channel; 1 changes nothing.
        exponent: shape (3,), of the grey levels scaled to 0 to 1, per channel; 1 changes nothing.

    Returns:
        Shape (256, 3), float32.
    """
    if (exponent == 1).all():
        return patient.lookup * gain
    level = np.linspace(0, 1, GREY_LEVELS)[:, None] ** exponent * (GREY_LEVELS - 1)
    normalisation = patient.preprocessing.normalisation
    offset, scale = normalisation.offset, normalisation.scale
    if patient.histogram is not None:
        fraction = patient.histogram.T / max(1, int(patient.histogram[0].sum()))
        offset = (fraction * level).sum(axis=0)
        variance = (fraction * (level - offset) ** 2).sum(axis=0)
        scale = np.sqrt(np.where(variance > 0, variance, 1))
    return (np.clip((level - offset) / scale, -normalisation.limit, normalisation.limit) * gain).astype(np.float32)


def augment(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationParams,
    *,
    size: int,
    noise: FloatArray,
    out: FloatArray,
) -> BoolArray:
    """Augment a slice at random and normalise it.

    Args:
        sample: the slice, its mask and its context.
        rng: of this slice in this epoch.
        augmentation: the largest change of each kind.
        size: height and width of the network's input, pixels.
        noise: standard normal numbers, float32, at least twice as many as `out` has. Each slice uses a random part of
            them, which is much faster than drawing new ones.
        out: shape (size, size, channels), float32; the network's input is written to it.

    Returns:
        The mask, warped like the image, shape (size, size), bool.
    """
    preprocessing = sample.patient.preprocessing
    matrix = random_matrix(rng, augmentation, preprocessing.box, size)
    gains, exponents, draws = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3), rng.random(4)
    table = intensity_lookup(
        sample.patient,
        gain=(1 + augmentation.gain * gains).astype(np.float32),
        exponent=np.exp(augmentation.gamma * exponents).astype(np.float32),
    )
    air = np.rint(preprocessing.air).tolist()
    warped = warp(sample.image_and_mask, matrix, size, (*air, 0))
    image = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    for channel in missing_sequences(augmentation, draws[0]):  # replaced as in the data set
        image[..., channel] = image[..., FLAIR]
        table[:, channel] = table[:, FLAIR]
    if out.shape[-1] == 3:
        cv2.LUT(image, table[None], dst=out)
    else:
        out[..., :3] = cv2.LUT(image, table[None])
    for channel in range(sample.context.shape[-1]):
        flair = warp(np.ascontiguousarray(sample.context[..., channel]), matrix, size, (air[FLAIR],))
        out[..., 3 + channel] = cv2.LUT(flair, np.ascontiguousarray(table[None, :, FLAIR]))
    if augmentation.noise:
        start = int(draws[2] * (len(noise) - out.size))
        out += np.float32(augmentation.noise * draws[3]) * noise[start : start + out.size].reshape(out.shape)
    return extract_mask(warped)


def missing_sequences(augmentation: AugmentationParams, draw: float) -> tuple[int, ...]:
    """The channels to replace by FLAIR, given a random number from 0 to 1: both others, one of them, or none."""
    for probability, channels in (
        (augmentation.missing_both, (PRE_CONTRAST, POST_CONTRAST)),
        (augmentation.missing_pre_contrast, (PRE_CONTRAST,)),
        (augmentation.missing_post_contrast, (POST_CONTRAST,)),
    ):
        if draw < probability:
            return channels
        draw -= probability
    return ()


def extract_mask(image_and_mask: ByteArray) -> BoolArray:
    """The mask in a warped slice, shape (H, W, 4), uint8: pixels that are at least half tumour; shape (H, W), bool."""
    return np.asarray(cv2.extractChannel(image_and_mask, MASK) > MASK_VALUE // 2)


def _about_centre(linear: list[list[float]], box: Box, size: int, shift_x: float = 0, shift_y: float = 0) -> Matrix:
    """Resize, apply a 2 x 2 matrix about the box's centre, then shift; in plain numbers, faster than tiny arrays."""
    rows = []
    centre_x, centre_y = box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2
    for (to_x, to_y), shift in zip(linear, (shift_x, shift_y), strict=True):
        x, y = to_x * size / box.width, to_y * size / box.height
        rows.append([x, y, (size - 1) / 2 + shift - x * centre_x - y * centre_y])
    return np.array(rows, np.float64)
