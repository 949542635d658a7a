"""How far two binary masks cover each other, and how their sizes differ; all of it comes from four counts of pixels.

What is undefined is NaN, never 0 or 1 by convention: a ratio whose denominator is 0 has no value, and whoever averages
leaves it out and says how many were.
"""

from dataclasses import dataclass

import numpy as np

from brainseg.imaging.volume import BoolArray


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Pixels counted by truth and prediction; add them up to score a patient, a site or a whole subset at once.

    The scores are floats in [0, 1] without a unit, higher is better, NaN where undefined. The volume errors compare
    sizes only: two masks of one size have none, wherever they lie.

    Attributes:
        tp: tumour, predicted as tumour.
        fp: no tumour, predicted as tumour.
        fn: tumour, missed.
        tn: no tumour, and none predicted.
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
        """All pixels."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def tumour(self) -> int:
        """Tumour pixels of the reference."""
        return self.tp + self.fn

    @property
    def predicted(self) -> int:
        """Tumour pixels of the prediction."""
        return self.tp + self.fp

    @property
    def dice(self) -> float:
        """Dice similarity coefficient. Dice 1945, Ecology 26(3):297-302. NaN if both masks are empty."""
        return _ratio(2 * self.tp, self.tumour + self.predicted)

    @property
    def iou(self) -> float:
        """Intersection over union. Jaccard 1912, New Phytologist 11(2):37-50. NaN if both masks are empty."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float:
        """Share of the tumour that was found. Yerushalmy 1947, Public Health Rep 62(40):1432-1449.

        NaN if the reference is empty.
        """
        return _ratio(self.tp, self.tumour)

    @property
    def specificity(self) -> float:
        """Share of the rest that was left alone. Yerushalmy 1947. NaN if the reference is all tumour."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def precision(self) -> float:
        """Share of the prediction that is tumour (positive predictive value). NaN if the prediction is empty."""
        return _ratio(self.tp, self.predicted)

    @property
    def accuracy(self) -> float:
        """Share of pixels that are right. NaN without pixels."""
        return _ratio(self.tp + self.tn, self.pixels)

    @property
    def volume_error_pixels(self) -> int:
        """Absolute volume error: by how many pixels the predicted size is wrong, 0 or more; defined always."""
        return abs(self.predicted - self.tumour)

    @property
    def volume_error(self) -> float:
        """Relative volume error without its sign: a share of the true size, 0 or more; NaN if the reference is empty.

        Source: Kuijf et al. 2019, IEEE Trans Med Imaging 38(11):2556-2568 (there times 100, as AVD).
        """
        return _ratio(self.volume_error_pixels, self.tumour)

    @property
    def volume_bias(self) -> float:
        """Relative volume error with its sign: above 0 the prediction is too large; NaN if the reference is empty.

        Its mean over patients tells a model that always draws too much from one that errs both ways.
        Source: Heimann et al. 2009, IEEE Trans Med Imaging 28(8):1251-1265 (there times 100, as RVD).
        """
        return _ratio(self.predicted - self.tumour, self.tumour)


def count(*, mask_true: BoolArray, mask_pred: BoolArray) -> Confusion:
    """Count the pixels of two masks once, for all scores.

    Args:
        mask_true: reference, shape (H, W) or (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.

    Returns:
        The four counts.

    Raises:
        ValueError: if the shapes differ or a dtype is not bool.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    tp = int(np.count_nonzero(mask_true & mask_pred))
    fp = int(np.count_nonzero(mask_pred)) - tp
    fn = int(np.count_nonzero(mask_true)) - tp
    return Confusion(tp=tp, fp=fp, fn=fn, tn=mask_true.size - tp - fp - fn)


def check_pair(*, mask_true: BoolArray, mask_pred: BoolArray) -> None:
    """Refuse what is no pair of masks, for every metric of two masks.

    Raises:
        ValueError: if the shapes differ or a dtype is not bool.
    """
    for name, mask in (("mask_true", mask_true), ("mask_pred", mask_pred)):
        if mask.dtype != np.bool_:
            raise ValueError(f"{name}: expected bool, found {mask.dtype}")
    if mask_true.shape != mask_pred.shape:
        raise ValueError(f"mask_true and mask_pred differ in shape: {mask_true.shape} and {mask_pred.shape}")


def dice(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.dice` of two masks; arguments and errors as in `count`. 0 if only one of them is empty."""
    return count(mask_true=mask_true, mask_pred=mask_pred).dice


def iou(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.iou` of two masks; arguments and errors as in `count`. 0 if only one of them is empty."""
    return count(mask_true=mask_true, mask_pred=mask_pred).iou


def sensitivity(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.sensitivity` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).sensitivity


def specificity(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.specificity` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).specificity


def precision(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.precision` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).precision


def accuracy(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.accuracy` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).accuracy


def volume_error_pixels(*, mask_true: BoolArray, mask_pred: BoolArray) -> int:
    """`Confusion.volume_error_pixels` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).volume_error_pixels


def volume_error(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.volume_error` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).volume_error


def volume_bias(*, mask_true: BoolArray, mask_pred: BoolArray) -> float:
    """`Confusion.volume_bias` of two masks; arguments and errors as in `count`."""
    return count(mask_true=mask_true, mask_pred=mask_pred).volume_bias


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
