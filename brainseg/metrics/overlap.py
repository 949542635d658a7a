"""Overlap and volume errors of two binary masks, computed from the four counts of a confusion matrix.

An undefined score is NaN, never 0 or 1 by convention: a ratio whose denominator is 0 has no value. Averages leave such
values out and report how many there were.
"""

from dataclasses import dataclass

import numpy as np

from brainseg.imaging.volume import BoolArray


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Pixel counts by reference and prediction, and the scores that follow from them.

    Counts can be added, so that a patient, a site or a whole subset is scored at once. The scores are floats without a
    unit. The overlap scores lie in [0, 1] and are better higher. The volume errors compare sizes only: two masks of the
    same size have no volume error, wherever they lie.

    Attributes:
        tp: true positives, tumour predicted as tumour.
        fp: false positives, background predicted as tumour.
        fn: false negatives, tumour predicted as background.
        tn: true negatives, background predicted as background.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: "Confusion") -> "Confusion":
        """The counts of both, as if they were one mask."""
        return Confusion(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn, tn=self.tn + other.tn)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def tumour(self) -> int:
        """Number of tumour pixels in the reference."""
        return self.tp + self.fn

    @property
    def predicted(self) -> int:
        """Number of tumour pixels in the prediction."""
        return self.tp + self.fp

    @property
    def dice(self) -> float:
        """Dice similarity coefficient (DSC).

        0 if exactly one of the masks is empty, NaN if both are.
        Source: Dice 1945, Ecology 26(3):297-302.
        """
        return _ratio(2 * self.tp, self.tumour + self.predicted)

    @property
    def iou(self) -> float:
        """Intersection over union (Jaccard index).

        0 if exactly one of the masks is empty, NaN if both are.
        Source: Jaccard 1912, New Phytologist 11(2):37-50.
        """
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float:
        """Fraction of the tumour that was found; NaN if the reference is empty.

        Source: Yerushalmy 1947, Public Health Rep 62(40):1432-1449.
        """
        return _ratio(self.tp, self.tumour)

    @property
    def specificity(self) -> float:
        """Fraction of the background that was predicted as background; NaN if the reference is all tumour.

        Source: Yerushalmy 1947, Public Health Rep 62(40):1432-1449.
        """
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def precision(self) -> float:
        """Fraction of the prediction that is tumour (positive predictive value); NaN if the prediction is empty."""
        return _ratio(self.tp, self.predicted)

    @property
    def accuracy(self) -> float:
        """Fraction of pixels predicted correctly; NaN without pixels."""
        return _ratio(self.tp + self.tn, self.pixels)

    @property
    def volume_error(self) -> float:
        """Absolute difference of the volumes as a fraction of the true volume; NaN if the reference is empty.

        Source: Kuijf et al. 2019, IEEE Trans Med Imaging 38(11):2556-2568 (there times 100, as AVD).
        """
        return abs(self.volume_bias)

    @property
    def volume_bias(self) -> float:
        """Difference of the volumes as a fraction of the true volume, with its sign; NaN if the reference is empty.

        Above 0, the prediction is too large. Averaged over patients, it separates a model that always outlines too
        much from one that errs in both directions.
        Source: Heimann et al. 2009, IEEE Trans Med Imaging 28(8):1251-1265 (there times 100, as RVD).
        """
        return _ratio(self.predicted - self.tumour, self.tumour)


def count(*, mask_true: BoolArray, mask_pred: BoolArray) -> Confusion:
    """Count the pixels of two masks by reference and prediction.

    Args:
        mask_true: reference, shape (H, W) or (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.

    Returns:
        The four counts, with all scores as properties.

    Raises:
        ValueError: if the shapes differ or a dtype is not bool.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    tp = int(np.count_nonzero(mask_true & mask_pred))
    fp = int(np.count_nonzero(mask_pred)) - tp
    fn = int(np.count_nonzero(mask_true)) - tp
    return Confusion(tp=tp, fp=fp, fn=fn, tn=mask_true.size - tp - fp - fn)


def check_pair(*, mask_true: BoolArray, mask_pred: BoolArray) -> None:
    """Check that two arrays are masks of the same shape.

    Args:
        mask_true: reference.
        mask_pred: thresholded prediction.

    Raises:
        ValueError: if the shapes differ or a dtype is not bool.
    """
    for name, mask in (("mask_true", mask_true), ("mask_pred", mask_pred)):
        if mask.dtype != np.bool_:
            raise ValueError(f"{name}: expected bool, found {mask.dtype}")
    if mask_true.shape != mask_pred.shape:
        raise ValueError(f"mask_true and mask_pred differ in shape: {mask_true.shape} and {mask_pred.shape}")


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
