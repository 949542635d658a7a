"""Finding the head, the brain and the midline in a volume."""

import cv2
import numpy as np

from brainseg.imaging.volume import BoolArray, ByteArray

HEAD_FRACTION_OF_MAXIMUM = 0.1
HEAD_FRACTION_OF_COLUMN = 0.05
SCALP_FRACTION_OF_SIZE = 0.08  # scalp and skull; 20 of 256 pixels


def head_mask(image: ByteArray) -> BoolArray:
    """Find the head: pixels with any channel above a tenth of the volume's maximum.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        Shape (S, H, W), bool, True = head; all False for a black volume.
    """
    return np.asarray((image > HEAD_FRACTION_OF_MAXIMUM * float(image.max())).any(axis=-1))


def brain_mask(image: ByteArray) -> BoolArray:
    """Find the head pixels well below the scalp, which are mostly brain.

    The scalp's fat is bright in some scans and dark in others, and says nothing about the brain. A pixel is inside the
    head if there are head pixels above, below, left and right of it in its slice, so dark ventricles are inside. It is
    below the scalp if all pixels within `SCALP_FRACTION_OF_SIZE` of it, in rows, columns and diagonals, are inside too.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        Shape (S, H, W), bool, True = brain; the whole head if no pixel lies that deep.
    """
    head = head_mask(image)
    inside = np.ones_like(head)
    for axis in (1, 2):
        for direction in (slice(None), slice(None, None, -1)):
            ordered = (slice(None),) * axis + (direction,)
            inside &= np.logical_or.accumulate(head[ordered], axis=axis)[ordered]
    width = 2 * round(SCALP_FRACTION_OF_SIZE * min(head.shape[1:])) + 1
    square = np.ones((width, width), np.uint8)
    deep = np.stack([cv2.erode(plane, square, borderValue=0) for plane in inside.astype(np.uint8)]) > 0
    deep &= head
    return deep if deep.any() else head


def mirror_axis(image: ByteArray) -> int:
    """Find the midline of the head, so that its two sides can be compared.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        First plus last column of the head, which is twice the column of the midline: 0 to 2 (W - 1), pixels. A column
        counts if at least a twentieth of its pixels in all slices is head, so an ear or a bright speck in the air does
        not move the midline. W - 1 for a black volume.
    """
    fraction = head_mask(image).mean(axis=(0, 1))
    columns = np.flatnonzero(fraction >= HEAD_FRACTION_OF_COLUMN)
    return int(columns[0] + columns[-1]) if len(columns) else image.shape[2] - 1
