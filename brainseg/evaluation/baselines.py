"""The FLAIR-threshold baseline: every pixel brighter than a threshold on FLAIR is tumour.

Gliomas are bright on FLAIR, and so are fat, fluid near a coil and much else. A network is worth what it adds to this.
"""

import numpy as np
from numpy.typing import NDArray

from brainseg.evaluation.cases import Case
from brainseg.imaging.preprocessing import GREY_LEVELS
from brainseg.imaging.volume import FLAIR, BoolArray, FloatArray

# Standard deviations above the mean over the patient's brain; brainseg.imaging.preprocessing clips at 4.
THRESHOLDS = tuple(round(step / 10, 1) for step in range(41))


def flair_mask(case: Case, threshold: float) -> BoolArray:
    """Predict tumour where FLAIR is at least as bright as a threshold.

    Args:
        case: the patient.
        threshold: standard deviations above the mean over the brain; `>=` is tumour.

    Returns:
        The predicted mask, shape (S, H, W), bool.
    """
    return np.asarray((_normalised(case) >= threshold)[case.volume.image[..., FLAIR]])


def flair_dice(case: Case) -> NDArray[np.float64]:
    """Compute the Dice of `flair_mask` at all `THRESHOLDS`, from the number of pixels at each grey level.

    Args:
        case: the patient.

    Returns:
        Dice at each threshold, shape (K,); NaN where both masks are empty.
    """
    flair, mask_true = case.volume.image[..., FLAIR], case.volume.mask_true
    chosen = _normalised(case) >= np.asarray(THRESHOLDS)[:, None]
    tumour = np.bincount(flair[mask_true], minlength=GREY_LEVELS)
    predicted = chosen @ np.bincount(flair.ravel(), minlength=GREY_LEVELS)
    total = predicted + tumour.sum()
    return 2 * (chosen @ tumour) / np.where(total, total, np.nan)


def _normalised(case: Case) -> FloatArray:
    """Normalised FLAIR value of each grey level, shape (256,), float32."""
    return case.normalisation.flair(np.arange(GREY_LEVELS))
