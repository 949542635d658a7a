"""Lesion-wise scores: how many lesions were found, how well each one is outlined, and how many are false positives.

A lesion is a 3-D connected component of a mask, 26 neighbours. A reference lesion is found if a predicted lesion
overlaps it. Its Dice compares it with all predicted lesions that overlap it, each of them whole. A predicted lesion
that overlaps no reference lesion is a false positive. So one predicted lesion over two reference lesions finds both,
and is too large for each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from brainseg.imaging.volume import BoolArray
from brainseg.metrics.overlap import check_pair

NEIGHBOURS_26 = ndimage.generate_binary_structure(3, 3)  # voxels that share a face, an edge or a corner


@dataclass(frozen=True, kw_only=True)
class LesionScores:
    """Scores of one patient's lesions.

    Attributes:
        dice: shape (L,), float64, one value per reference lesion in the order of the array; 0 if it was not found.
        found: shape (L,), bool, whether a predicted lesion overlaps it.
        false_positives: number of predicted lesions that overlap no reference lesion.
    """

    dice: NDArray[np.float64]
    found: BoolArray
    false_positives: int

    @property
    def lesion_dice(self) -> float:
        """Lesion-wise Dice: the mean over reference lesions and false positives, each of which counts as 0.

        In [0, 1], higher is better; NaN if there are neither, where BraTS 2023 has 1.
        Source: Moawad et al. 2023, arXiv:2306.00838; github.com/rachitsaluja/BraTS-2023-Metrics. There, lesions are
        dilated before they are matched, and small ones are ignored; here they are not.
        """
        counted = len(self.dice) + self.false_positives
        return float(self.dice.sum()) / counted if counted else float("nan")

    @property
    def lesion_sensitivity(self) -> float:
        """Fraction of the reference lesions that were found, in [0, 1]; NaN if there are none.

        Source: Kuijf et al. 2019, IEEE Trans Med Imaging 38(11):2556-2568.
        """
        return float(self.found.mean()) if len(self.found) else float("nan")


def match_lesions(*, mask_true: BoolArray, mask_pred: BoolArray) -> LesionScores:
    """Label the lesions of both masks and match them by overlap.

    Args:
        mask_true: reference, shape (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.

    Returns:
        The scores of each lesion. The mean of `false_positives` over patients is the number per patient.

    Raises:
        ValueError: if the masks are not 3-D, their shapes differ or a dtype is not bool.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    if mask_true.ndim != 3:
        raise ValueError(f"lesions: expected masks of shape (S, H, W), found {mask_true.shape}")
    labels_true, count_true = ndimage.label(mask_true, NEIGHBOURS_26)
    labels_pred, count_pred = ndimage.label(mask_pred, NEIGHBOURS_26)
    both = mask_true & mask_pred
    # Sparse, because noise has many lesions and few pairs that overlap. Label 0 is the background and stays empty.
    pairs = (np.ones(np.count_nonzero(both), np.int64), (labels_true[both], labels_pred[both]))
    common = sparse.coo_array(pairs, shape=(count_true + 1, count_pred + 1)).tocsr()  # pixels that two lesions share
    overlaps = common > 0
    pixels_true = np.bincount(labels_true[mask_true], minlength=count_true + 1)
    pixels_pred = np.bincount(labels_pred[mask_pred], minlength=count_pred + 1)
    dice = 2 * common.sum(axis=1)[1:] / (pixels_true + overlaps @ pixels_pred)[1:]
    return LesionScores(
        dice=dice,
        found=np.asarray(overlaps.sum(axis=1) > 0)[1:],
        false_positives=count_pred - int(np.count_nonzero(overlaps.sum(axis=0))),
    )
