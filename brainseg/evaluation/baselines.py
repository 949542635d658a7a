"""The trivial model that every score stands beside: FLAIR above a threshold is tumour.

Gliomas are bright on FLAIR, and so are fat, fluid near a coil and much else. What a network adds, it adds to this.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainseg.evaluation.cases import Case
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, FloatArray

# Deviations above the mean of the patient's brain; brainseg.imaging.preprocessing clips at 4.
THRESHOLDS = tuple(round(step / 10, 1) for step in range(41))


def flair_mask(case: Case, threshold: float) -> BoolArray:
    """What the trivial model outlines.

    Args:
        case: the patient.
        threshold: deviations above the mean over the brain; at least so bright is tumour.

    Returns:
        Shape (S, H, W), bool.
    """
    return np.asarray((_normalised(case) >= threshold)[case.volume.image[..., FLAIR]])


def flair_dice(case: Case, thresholds: Sequence[float] = THRESHOLDS) -> NDArray[np.float64]:
    """Dice of `flair_mask` at many thresholds at once, from how many pixels have each grey level.

    Args:
        case: the patient.
        thresholds: K of them.

    Returns:
        Shape (K,); NaN where both masks are empty.
    """
    flair, mask_true = case.volume.image[..., FLAIR], case.volume.mask_true
    chosen = _normalised(case) >= np.asarray(thresholds)[:, None]
    tumour = np.bincount(flair[mask_true], minlength=256)
    predicted = chosen @ np.bincount(flair.ravel(), minlength=256)
    total = predicted + tumour.sum()
    return 2 * (chosen @ tumour) / np.where(total, total, np.nan)


def _normalised(case: Case) -> FloatArray:
    """What each of the 256 grey levels of FLAIR is in deviations above the mean, shape (256,)."""
    levels = np.repeat(np.arange(256)[:, None], len(SEQUENCES), axis=1)
    return case.normalisation(levels)[:, FLAIR]
