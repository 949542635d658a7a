"""From probability maps to the mask that is shown and scored."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.imaging.volume import BoolArray

NEIGHBOURS_26 = np.ones((3, 3, 3), np.bool_)  # as lesions are counted in brainseg.metrics.lesions
Box = tuple[slice, ...]


def remove_small_lesions(mask: BoolArray, smallest: int) -> BoolArray:
    """Drop connected components that are too small to be believed.

    Args:
        mask: shape (S, H, W), bool, True = tumour; not changed.
        smallest: voxels; a component (26 neighbours) with fewer is dropped. 0 and 1 keep all.

    Returns:
        A mask of the same shape, bool.

    Raises:
        ValueError: if the mask is not 3-D bool, or `smallest` is negative.
    """
    if smallest < 0:
        raise ValueError(f"smallest: expected 0 voxels or more, found {smallest}")
    box, labels = label_lesions(mask)
    if smallest <= 1:
        return mask.copy()
    kept = np.bincount(labels.ravel(), minlength=1) >= smallest
    kept[0] = False
    cleaned = np.zeros_like(mask)
    cleaned[box] = kept[labels]
    return cleaned


def label_lesions(mask: BoolArray) -> tuple[Box, NDArray[np.int32]]:
    """Number the connected components of a mask, 26 neighbours.

    Args:
        mask: shape (S, H, W), bool.

    Returns:
        The box around all of them, as slices of the mask, and their labels inside it, 0 where there is none. An empty
        mask has an empty box. Labels are of the box alone: a mask is mostly empty, and numbering takes its time.

    Raises:
        ValueError: if the mask is not 3-D bool.
    """
    if mask.ndim != 3 or mask.dtype != np.bool_:
        raise ValueError(f"mask: expected shape (S, H, W), bool, found {mask.shape}, {mask.dtype}")
    boxes = ndimage.find_objects(np.ascontiguousarray(mask).view(np.int8))
    box: Box = boxes[0] if boxes else (slice(0, 0),) * 3
    labels = np.zeros(mask[box].shape, np.int32)
    ndimage.label(mask[box], NEIGHBOURS_26, output=labels)
    return box, labels
