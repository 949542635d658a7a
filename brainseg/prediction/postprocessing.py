"""Postprocessing of predicted masks: removing small connected components."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.imaging.volume import BoolArray
from brainseg.metrics.lesions import NEIGHBOURS_26

Box = tuple[slice, ...]


def remove_small_lesions(mask: BoolArray, smallest: int) -> BoolArray:
    """Remove connected components with fewer than `smallest` voxels.

    Args:
        mask: shape (S, H, W), bool, True = tumour; not modified.
        smallest: voxels; components (26-connected) with fewer voxels are removed. 0 and 1 keep all.

    Returns:
        The remaining mask, same shape, bool.

    Raises:
        ValueError: if the mask is not 3-D bool, or `smallest` is negative.
    """
    if smallest < 0:
        raise ValueError(f"smallest: expected at least 0 voxels, found {smallest}")
    box, labels = label_lesions(mask)
    if smallest <= 1:
        return mask.copy()
    kept = np.bincount(labels.ravel(), minlength=1) >= smallest
    kept[0] = False
    cleaned = np.zeros_like(mask)
    cleaned[box] = kept[labels]
    return cleaned


def label_lesions(mask: BoolArray) -> tuple[Box, NDArray[np.int32]]:
    """Label the connected components of a mask, 26-connected.

    Only the bounding box of the mask is labelled, because masks are mostly empty and labelling is slow.

    Args:
        mask: shape (S, H, W), bool.

    Returns:
        The bounding box of all components, as slices into the mask, and the labels inside it, int32, 0 for background.
        The bounding box of an empty mask is empty.

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
