"""Lesions: how many of a patient's tumours were found, how well each, and how many were made up.

A lesion is a 3-D connected component, 26 neighbours. A reference lesion is found if a predicted one overlaps it; its
Dice is that of the reference lesion and all predicted lesions that overlap it, each of them whole. A predicted lesion
that overlaps none is a false positive. So one predicted blob over two lesions finds both, and is too large for each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from brainseg.imaging.volume import BoolArray
from brainseg.metrics.overlap import check_pair

NEIGHBOURS_26 = ndimage.generate_binary_structure(3, 3)
NEIGHBOURS_18 = ndimage.generate_binary_structure(3, 2)


@dataclass(frozen=True, kw_only=True)
class LesionRules:
    """What counts as one lesion; the defaults are plain overlap.

    Attributes:
        dilation: how often the reference is grown by its 18 neighbours before lesions are counted and matched; lesions
            that grow together are one, and a predicted lesion that overlaps the grown one finds it. Dice is that of the
            lesion as it was. A number of pixels, across slices too.
        ignored_pixels: a reference lesion of at most so many pixels is not scored, found or not; a predicted lesion
            that overlaps it is no false positive.
    """

    dilation: int = 0
    ignored_pixels: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no count.

        Raises:
            ValueError: if a value is negative.
        """
        if self.dilation < 0 or self.ignored_pixels < 0:
            raise ValueError(f"lesion rules: expected 0 or more, found {self}")


OVERLAP = LesionRules()

# The rules for adult glioma of the BraTS 2023 challenge, whose pixels are cubes of 1 mm.
# Source: synapse.org, syn51156910, discussion thread 10357; github.com/rachitsaluja/BraTS-2023-Metrics.
BRATS_2023 = LesionRules(dilation=3, ignored_pixels=50)


@dataclass(frozen=True, kw_only=True)
class LesionScores:
    """One patient's lesions.

    Attributes:
        dice: shape (L,), float64, of each scored reference lesion in the order of the array; 0 if it was not found.
        pixels: shape (L,), int64, how large each of them is.
        found: shape (L,), bool, whether a predicted lesion overlaps it.
        false_positives: predicted lesions that overlap none.
    """

    dice: NDArray[np.float64]
    pixels: NDArray[np.int64]
    found: BoolArray
    false_positives: int

    @property
    def lesion_dice(self) -> float:
        """Lesion-wise Dice: the mean over scored lesions and false positives, each of which counts as 0.

        In [0, 1], higher is better; NaN if there are neither. BraTS 2023 makes that 1.
        Source: Moawad et al. 2023, arXiv:2306.00838; github.com/rachitsaluja/BraTS-2023-Metrics.
        """
        counted = len(self.dice) + self.false_positives
        return float(self.dice.sum()) / counted if counted else float("nan")

    @property
    def lesion_sensitivity(self) -> float:
        """Share of the scored lesions that were found, in [0, 1]; NaN if there are none.

        Source: Kuijf et al. 2019, IEEE Trans Med Imaging 38(11):2556-2568.
        """
        return float(self.found.mean()) if len(self.found) else float("nan")


def match_lesions(*, mask_true: BoolArray, mask_pred: BoolArray, rules: LesionRules = OVERLAP) -> LesionScores:
    """Find the lesions of both masks and match them.

    Args:
        mask_true: reference, shape (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.
        rules: what counts as one lesion, `OVERLAP` or `BRATS_2023` or others.

    Returns:
        What became of each lesion. The mean of `false_positives` over patients is the number per patient.

    Raises:
        ValueError: if the masks are not 3-D, their shapes differ or a dtype is not bool.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    if mask_true.ndim != 3:
        raise ValueError(f"lesions: expected masks of shape (S, H, W), found {mask_true.shape}")
    grown = mask_true
    if rules.dilation:
        grown = ndimage.binary_dilation(mask_true, NEIGHBOURS_18, iterations=rules.dilation)
    # A lesion that is grown by itself is one component of the mask grown at once, so nothing is grown twice.
    labels_grown, lesions = ndimage.label(grown, NEIGHBOURS_26)
    labels_pred, predicted = ndimage.label(mask_pred, NEIGHBOURS_26)
    table = (lesions + 1, predicted + 1)
    touching = _cross(labels_grown, labels_pred, grown & mask_pred, table) > 0
    common = _cross(labels_grown, labels_pred, mask_true & mask_pred, table).sum(axis=1)[1:]
    pixels = np.bincount(labels_grown[mask_true], minlength=lesions + 1)[1:]
    pixels_pred = np.bincount(labels_pred[mask_pred], minlength=predicted + 1)
    dice = 2 * common / (pixels + (touching @ pixels_pred)[1:])
    found = np.asarray(touching.sum(axis=1) > 0)[1:]
    scored = pixels > rules.ignored_pixels
    return LesionScores(
        dice=dice[scored],
        pixels=pixels[scored],
        found=found[scored],
        false_positives=predicted - int(np.count_nonzero(touching.sum(axis=0))),
    )


def _cross(
    rows: NDArray[np.int32], columns: NDArray[np.int32], where: BoolArray, shape: tuple[int, int]
) -> sparse.csr_array:
    """How many pixels each pair of labels has in common; sparse, because noise has many labels and few pairs."""
    pairs = (rows[where], columns[where])
    return sparse.coo_array((np.ones(len(pairs[0]), np.int64), pairs), shape=shape).tocsr()
