"""Random changes of a slice and its mask, together: one map for both, then grey levels through one table.

A slice is warped as bytes. Normalisation, gain and gamma are then one look-up, 256 values a channel, which costs less
than any arithmetic on pixels.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.preprocessing import GREY_LEVELS
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, BoolArray, ByteArray, FloatArray
from brainseg.params import AugmentationParams
from brainseg.training.slice_store import MASK, MASK_VALUE, PatientStatistics, Sample

Matrix = NDArray[np.float64]


def warp(picture: NDArray[Any], matrix: Matrix, size: int) -> NDArray[Any]:
    """Move the pixels of a slice; what comes from outside it is black.

    Args:
        picture: shape (H, W) or (H, W, C), C up to 4.
        matrix: shape (2, 3), float64, from the picture's grid to the (size, size) one.
        size: height and width of the result, pixels.

    Returns:
        Shape (size, size) or (size, size, C), the picture's dtype.
    """
    return np.asarray(
        cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    )


def resizing_matrix(height: int, width: int, size: int) -> Matrix:
    """The affine map from a (height, width) grid to a (size, size) one, corner to corner with half-pixel centres.

    Returns:
        Shape (2, 3), float64; maps (x, y, 1) of the stored slice to (x, y) of the network's.
    """
    return _about_centre(np.eye(2).tolist(), height, width, size)


def random_matrix(
    rng: np.random.Generator, augmentation: AugmentationParams, height: int, width: int, size: int
) -> Matrix:
    """`resizing_matrix` with a random flip, zoom, shear, rotation and shift about the centre.

    Args:
        rng: draws the same numbers whatever the parameters, so that turning one change off leaves the others alone.
        augmentation: the largest change of each kind.
        height: of the stored slice, pixels.
        width: of the stored slice, pixels.
        size: height and width that the network sees, pixels.
    """
    rotation, shear, zoom, shift_x, shift_y, side = rng.uniform(-1, 1, 6).tolist()
    angle, slant = math.radians(augmentation.rotation * rotation), math.tan(math.radians(augmentation.shear * shear))
    cos, sin = math.cos(angle) * (1 + augmentation.zoom * zoom), math.sin(angle) * (1 + augmentation.zoom * zoom)
    mirror = -1.0 if augmentation.horizontal_flip and side < 0 else 1.0
    linear = [[cos * mirror, cos * slant - sin], [sin * mirror, sin * slant + cos]]  # mirror, then shear, then turn
    shift = augmentation.shift * size
    return _about_centre(linear, height, width, size, shift * shift_x, shift * shift_y)


def intensity_lookup(patient: PatientStatistics, *, gain: FloatArray, exponent: FloatArray) -> FloatArray:
    """What each grey level becomes: raised to a power, normalised as the raised volume would be, and multiplied.

    Args:
        patient: the volume's normalisation and the grey levels of its head.
        gain: shape (3,), factor of the normalised value by channel; 1 changes nothing.
        exponent: shape (3,), of grey levels from 0 to 1 by channel; 1 changes nothing.

    Returns:
        Shape (256, 3), float32.
    """
    if (exponent == 1).all():
        return patient.lookup * gain
    level = np.linspace(0, 1, GREY_LEVELS)[:, None] ** exponent * (GREY_LEVELS - 1)
    offset, scale = patient.normalisation.offset, patient.normalisation.scale
    if patient.histogram is not None:
        share = patient.histogram.T / max(1, int(patient.histogram[0].sum()))
        offset = (share * level).sum(axis=0)
        variance = (share * (level - offset) ** 2).sum(axis=0)
        scale = np.sqrt(np.where(variance > 0, variance, 1))
    return ((level - offset) / scale * gain).astype(np.float32)


def augment(
    sample: Sample,
    rng: np.random.Generator,
    augmentation: AugmentationParams,
    *,
    size: int,
    noise: FloatArray,
    out: FloatArray,
) -> BoolArray:
    """Change a slice at random and normalise it.

    Args:
        sample: the slice, its mask and the FLAIR around it.
        rng: of this slice in this epoch.
        augmentation: the largest change of each kind.
        size: height and width that the network sees, pixels.
        noise: a long stretch of normal numbers, float32, at least twice as many as `out` has; each slice takes a piece,
            which is far quicker than to draw it anew.
        out: shape (size, size, channels), float32: the network's input is written here.

    Returns:
        The mask, warped as the image, shape (size, size), bool.
    """
    height, width = sample.image_and_mask.shape[:2]
    matrix = random_matrix(rng, augmentation, height, width, size)
    gains, exponents, rest = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3), rng.random(4)
    table = intensity_lookup(
        sample.patient,
        gain=(1 + augmentation.gain * gains).astype(np.float32),
        exponent=np.exp(augmentation.gamma * exponents).astype(np.float32),
    )
    both = warp(sample.image_and_mask, matrix, size)
    image = cv2.cvtColor(both, cv2.COLOR_RGBA2RGB)
    for channel, missing in ((PRE_CONTRAST, rest[0]), (POST_CONTRAST, rest[1])):
        if missing < augmentation.missing_sequence:  # as the set fills it: FLAIR's grey levels and their normalisation
            image[..., channel] = image[..., FLAIR]
            table[:, channel] = table[:, FLAIR]
    if out.shape[-1] == 3:
        cv2.LUT(image, table[None], dst=out)
    else:
        out[..., :3] = cv2.LUT(image, table[None])
    for channel in range(sample.context.shape[-1]):
        around = warp(np.ascontiguousarray(sample.context[..., channel]), matrix, size)
        out[..., 3 + channel] = cv2.LUT(around, np.ascontiguousarray(table[None, :, FLAIR]))
    if augmentation.noise:
        start = int(rest[2] * (len(noise) - out.size))
        out += np.float32(augmentation.noise * rest[3]) * noise[start : start + out.size].reshape(out.shape)
    return mask_of(both)


def mask_of(image_and_mask: ByteArray) -> BoolArray:
    """The mask of a warped picture, shape (H, W, 4), uint8: at least half tumour is tumour; shape (H, W), bool."""
    return np.asarray(cv2.extractChannel(image_and_mask, MASK) > MASK_VALUE // 2)


def _about_centre(
    linear: list[list[float]], height: int, width: int, size: int, shift_x: float = 0, shift_y: float = 0
) -> Matrix:
    """Resize, then a 2 x 2 map about the centre, then a shift; in plain numbers, for small arrays cost more."""
    rows = []
    for (to_x, to_y), shift in zip(linear, (shift_x, shift_y), strict=True):
        x, y = to_x * size / width, to_y * size / height
        rows.append([x, y, (size - 1) / 2 + shift - x * (width - 1) / 2 - y * (height - 1) / 2])
    return np.array(rows, np.float64)
