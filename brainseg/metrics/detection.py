"""Slice detection: sensitivity, specificity and ROC AUC of whether a slice contains tumour."""

import math

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray
from brainseg.metrics.overlap import Confusion, check_pair, count


def count_slices(*, mask_true: BoolArray, mask_pred: BoolArray) -> Confusion:
    """Count slices by whether they contain tumour and whether tumour was predicted anywhere in them.

    Args:
        mask_true: reference, shape (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.

    Returns:
        Counts of slices instead of pixels. Its `sensitivity` and `specificity` are those of slice detection: NaN if no
        slice contains tumour, or if all do, respectively. Add the counts of patients to pool their slices.

    Raises:
        ValueError: if the masks are not 3-D, their shapes differ or a dtype is not bool.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    if mask_true.ndim != 3:
        raise ValueError(f"slice detection: expected masks of shape (S, H, W), found {mask_true.shape}")
    slice_true, slice_pred = (np.asarray(mask.any(axis=(1, 2))) for mask in (mask_true, mask_pred))
    return count(mask_true=slice_true, mask_pred=slice_pred)


def auc(*, slice_true: BoolArray, slice_score: NDArray[np.floating]) -> float:
    """Area under the ROC curve of slices.

    It is the probability that a slice with tumour scores higher than a slice without; ties count half.

    Args:
        slice_true: shape (S,), bool, whether a slice contains tumour.
        slice_score: shape (S,), floating, finite; higher where tumour is more likely, such as the sum of a slice's
            probabilities. Their maximum works too, but has ties where several slices reach 1.

    Returns:
        A value in [0, 1], higher is better, 0.5 for random guessing; NaN if no slice contains tumour, or all do.

    Raises:
        ValueError: if the arrays do not both have the shape (S,), a dtype is wrong, or a score is not finite.

    Source: Hanley & McNeil 1982, Radiology 143(1):29-36.
    """
    if slice_true.ndim != 1 or slice_true.shape != slice_score.shape:
        raise ValueError(f"auc: expected two arrays of shape (S,), found {slice_true.shape} and {slice_score.shape}")
    if slice_true.dtype != np.bool_:
        raise ValueError(f"slice_true: expected bool, found {slice_true.dtype}")
    if not np.issubdtype(slice_score.dtype, np.floating) or not np.isfinite(slice_score).all():
        raise ValueError(f"slice_score: expected finite floating numbers, found {slice_score.dtype} or NaN or infinity")
    with_tumour, without = slice_score[slice_true], np.sort(slice_score[~slice_true])
    pairs = len(with_tumour) * len(without)
    lower = np.searchsorted(without, with_tumour, side="left")
    lower_or_tied = np.searchsorted(without, with_tumour, side="right")
    return float((lower + lower_or_tied).sum()) / 2 / pairs if pairs else math.nan
