"""Random changes of a slice and its mask, together: one matrix, one warp."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.params import AugmentationParams
from brainseg.volumes import BoolArray, ByteArray, FloatArray

Matrix = NDArray[np.float64]


def resizing_matrix(height: int, width: int, size: int) -> Matrix:
    """The affine map from a (height, width) grid to a (size, size) one, corner to corner with half-pixel centres.

    Returns:
        Shape (3, 3), float64; maps (x, y, 1) of the stored slice to that of the network's.
    """
    return _translate((size - 1) / 2, (size - 1) / 2) @ _resize_about_centre(height, width, size)


def random_matrix(
    rng: np.random.Generator, augmentation: AugmentationParams, height: int, width: int, size: int
) -> Matrix:
    """`resizing_matrix` with a random flip, zoom, shear, rotation and shift about the centre.

    Args:
        rng: draws six numbers, whatever the parameters, so that turning one change off leaves the others as they were.
        augmentation: the largest change of each kind.
        height: of the stored slice, pixels.
        width: of the stored slice, pixels.
        size: height and width that the network sees, pixels.

    Returns:
        Shape (3, 3), float64.
    """
    rotation, shear, zoom, shift_x, shift_y = rng.uniform(-1, 1, 5)
    mirror = augmentation.horizontal_flip and rng.random() < 0.5
    angle = math.radians(augmentation.rotation * rotation)
    factor = 1 + augmentation.zoom * zoom
    linear = np.eye(3)
    linear[:2, :2] = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = linear @ np.array([[1, math.tan(math.radians(augmentation.shear * shear)), 0], [0, 1, 0], [0, 0, 1]])
    linear = linear @ np.diag([-1.0 if mirror else 1.0, 1, 1])
    centre = (size - 1) / 2
    shift = augmentation.shift * size
    place = _translate(centre + shift * shift_x, centre + shift * shift_y)
    matrix: Matrix = place @ linear @ _resize_about_centre(height, width, size)
    return matrix


def warp_pair(image: ByteArray, mask_true: BoolArray, matrix: Matrix, size: int) -> tuple[FloatArray, BoolArray]:
    """Warp a slice and its mask with one matrix: linear for the image, nearest for the mask; edges are repeated.

    Args:
        image: shape (H, W, C), uint8.
        mask_true: shape (H, W), bool.
        matrix: shape (3, 3), from the stored grid to the (size, size) one.
        size: height and width of the result, pixels.

    Returns:
        Image, shape (size, size, C), float32, grey levels still unnormalised; mask, shape (size, size), bool.
    """

    def warp(picture: NDArray[Any], interpolation: int) -> NDArray[Any]:
        return np.asarray(
            cv2.warpAffine(picture, matrix[:2], (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
        )

    return warp(image.astype(np.float32), cv2.INTER_LINEAR), warp(mask_true.astype(np.uint8), cv2.INTER_NEAREST) > 0


def _translate(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _resize_about_centre(height: int, width: int, size: int) -> Matrix:
    return np.diag([size / width, size / height, 1]) @ _translate(-(width - 1) / 2, -(height - 1) / 2)
