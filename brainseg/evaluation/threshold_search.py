"""Choose the operating point, threshold and smallest lesion, on the validation patients."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from brainseg.errors import UserError
from brainseg.evaluation import baselines
from brainseg.evaluation.cases import Case
from brainseg.params import EvaluateParams
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.prediction.postprocessing import label_lesions

THRESHOLDS = tuple(round(step / 20, 2) for step in range(1, 20))
SMALLEST_LESIONS = (0, 10, 30, 100, 300)  # voxels; each is about three times the previous one
NO_GAIN = 0.001  # mean Dice; a smaller gain is no reason to leave 0.5 or to remove lesions, however consistent it is


@dataclass(frozen=True, kw_only=True)
class ThresholdSearch:
    """Dice of the validation patients at all candidate points.

    Attributes:
        thresholds: T thresholds, ascending.
        smallest_lesions: L sizes, ascending, voxels.
        dice: shape (patients, T, L), float64; NaN where both masks are empty.
        flair_dice: shape (patients, K), float64, Dice of the FLAIR-threshold baseline at `baselines.THRESHOLDS`.
    """

    thresholds: tuple[float, ...]
    smallest_lesions: tuple[int, ...]
    dice: NDArray[np.float64]
    flair_dice: NDArray[np.float64]

    def dice_at(self, point: OperatingPoint) -> NDArray[np.float64]:
        """Dice of each validation patient at one of the candidate points, shape (patients,)."""
        row, column = self.thresholds.index(point.threshold), self.smallest_lesions.index(point.smallest_lesion)
        return self.dice[:, row, column]

    @property
    def flair_threshold(self) -> float:
        """Best threshold of the FLAIR-threshold baseline, the lowest if several are; NaN if no patient has a Dice."""
        known = ~np.isnan(self.flair_dice).any(axis=1)  # Dice is undefined at some thresholds if there is no tumour
        if not known.any():
            return float("nan")
        return baselines.THRESHOLDS[int(self.flair_dice[known].mean(axis=0).argmax())]


def search_thresholds(cases: Iterable[Case], params: EvaluateParams) -> ThresholdSearch:
    """Compute the Dice of every validation patient at every candidate point.

    Args:
        cases: the validation patients; may be empty.
        params: the section evaluate; numbers that it fixes become candidates too.

    Returns:
        The Dice of each patient at each point.
    """
    thresholds, sizes = set(THRESHOLDS), set(SMALLEST_LESIONS)
    if params.threshold != "validation":
        thresholds.add(params.threshold)
    if params.smallest_lesion != "validation":
        sizes.add(params.smallest_lesion)
    tried, kept = tuple(sorted(thresholds)), tuple(sorted(sizes))
    dice, flair_dice = [], []
    for case in cases:
        dice.append([_dice_by_size(case, threshold, kept) for threshold in tried])
        flair_dice.append(baselines.flair_dice(case))
        del case  # release the memory before the next patient is read
    return ThresholdSearch(
        thresholds=tried,
        smallest_lesions=kept,
        dice=np.array(dice, np.float64).reshape(-1, len(tried), len(kept)),
        flair_dice=np.array(flair_dice, np.float64).reshape(-1, len(baselines.THRESHOLDS)),
    )


def choose_operating_point(search: ThresholdSearch, params: EvaluateParams) -> OperatingPoint:
    """Choose the simplest point that the validation patients cannot distinguish from the best one.

    The best of many points on few patients owes something to chance. So a point is as good as the best one if the 95 %
    interval of the paired difference in Dice includes 0 (Student's t, because bootstrap intervals of few patients are
    too narrow), or if the mean difference is at most `NO_GAIN`. Of those, the one with the smallest `smallest_lesion`
    is chosen, and of these the one with the threshold nearest to 0.5. A single patient gives no interval, so every
    point is as good as the best one.

    Args:
        search: the result of `search_thresholds`.
        params: the section evaluate; a number there is used as it is.

    Returns:
        The operating point. In this choice, a patient without tumour counts as Dice 0 where anything is predicted and
        as Dice 1 where nothing is.

    Raises:
        UserError: if a value has to be chosen and no validation patient has a Dice.

    Source: after the one-standard-error rule of Breiman et al. 1984, Classification and Regression Trees, section
    3.4.3, with an interval of differences in place of one standard error.
    """
    points = [
        OperatingPoint(threshold=threshold, smallest_lesion=size)
        for threshold in search.thresholds
        for size in search.smallest_lesions
        if params.threshold in ("validation", threshold) and params.smallest_lesion in ("validation", size)
    ]
    if len(points) == 1:
        return points[0]
    dice = np.stack([search.dice_at(point) for point in points], axis=1)
    if np.isnan(dice).all():
        raise UserError(
            f"evaluate: {len(search.dice)} validation patient(s), and none with tumour, true or predicted, so the "
            "threshold and the smallest lesion cannot be chosen. Set numbers in params.yaml, evaluate.threshold: 0.5 "
            "and evaluate.smallest_lesion: 0, or raise split.validation_share"
        )
    dice = np.nan_to_num(dice, nan=1)
    loss = dice[:, [dice.mean(axis=0).argmax()]] - dice
    margin = np.full(len(points), np.inf)
    if len(dice) > 1:
        standard_error = loss.std(axis=0, ddof=1) / np.sqrt(len(dice))
        margin = np.maximum(stats.t.ppf(0.975, len(dice) - 1) * standard_error, NO_GAIN)
    as_good = loss.mean(axis=0) <= margin
    candidates = [point for point, good in zip(points, as_good, strict=True) if good]
    return min(candidates, key=lambda point: (point.smallest_lesion, abs(point.threshold - 0.5), point.threshold))


def _dice_by_size(case: Case, threshold: float, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """Dice at one threshold for each smallest lesion in `sizes`; components are labelled once for all of them."""
    mask_true = case.volume.mask_true
    box, labels = label_lesions(case.probability >= threshold)
    pixels = np.bincount(labels.ravel(), minlength=1)[1:]
    overlap = np.bincount(labels[mask_true[box]], minlength=len(pixels) + 1)[1:]
    kept = pixels >= np.array(sizes)[:, None]
    total = kept @ pixels + np.count_nonzero(mask_true)
    return np.asarray(2 * (kept @ overlap) / np.where(total, total, np.nan))
