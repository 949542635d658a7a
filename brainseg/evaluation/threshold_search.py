"""How a probability map becomes a mask: threshold and smallest lesion kept, chosen on the validation patients."""

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
SMALLEST_LESIONS = (0, 10, 30, 100, 300)  # voxels; each about three times the one before
NO_GAIN = 0.001  # mean Dice; less is no reason to leave 0.5, or to drop anything, whoever gains it


@dataclass(frozen=True, kw_only=True)
class ThresholdSearch:
    """Dice of the validation patients at all points that were tried.

    Attributes:
        thresholds: T of them, rising.
        smallest_lesions: L of them, rising, voxels.
        dice: shape (patients, T, L), float64; NaN where both masks are empty.
        flair_dice: shape (patients, K), float64, of the trivial model at `baselines.THRESHOLDS`.
    """

    thresholds: tuple[float, ...]
    smallest_lesions: tuple[int, ...]
    dice: NDArray[np.float64]
    flair_dice: NDArray[np.float64]

    def dice_at(self, point: OperatingPoint) -> NDArray[np.float64]:
        """Dice of each validation patient at a point that was tried, shape (patients,)."""
        place = self.thresholds.index(point.threshold), self.smallest_lesions.index(point.smallest_lesion)
        return self.dice[:, place[0], place[1]]

    @property
    def flair_threshold(self) -> float:
        """The trivial model's best threshold, the lowest of equals; NaN if no validation patient has a Dice."""
        known = ~np.isnan(self.flair_dice).any(axis=1)  # undefined at one threshold only: no tumour to find
        if not known.any():
            return float("nan")
        return baselines.THRESHOLDS[int(self.flair_dice[known].mean(axis=0).argmax())]


def search(cases: Iterable[Case], params: EvaluateParams) -> ThresholdSearch:
    """Try every point on every validation patient; numbers that params fix are tried too.

    Args:
        cases: the validation patients; may be none.
        params: the section evaluate.

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
        del case  # or it is held while the next one is read
    return ThresholdSearch(
        thresholds=tried,
        smallest_lesions=kept,
        dice=np.array(dice, np.float64).reshape(-1, len(tried), len(kept)),
        flair_dice=np.array(flair_dice, np.float64).reshape(-1, len(baselines.THRESHOLDS)),
    )


def choose(found: ThresholdSearch, params: EvaluateParams) -> OperatingPoint:
    """The simplest point that the validation patients do not tell from the best one.

    The best of many points on few patients is best by luck as well. So a point is as good as the best one if the 95 %
    interval of the paired difference in Dice includes 0 (Student's t, for bootstrap intervals of few patients are too
    narrow), or if the mean difference is at most `NO_GAIN`. Of those, the one that drops the least is taken, and of
    these the one nearest to 0.5. One patient shows no difference.

    Args:
        found: what `search` gave.
        params: the section evaluate; a number there is taken as it is.

    Returns:
        The point. A patient without tumour counts 0 where anything is predicted, and here, with nothing predicted, 1.

    Raises:
        UserError: if there is something to choose, and no validation patient with a Dice to choose by.

    Source: after the one-standard-error rule of Breiman et al. 1984, Classification and Regression Trees, section
    3.4.3, with an interval of differences in place of one standard error.
    """
    points = [
        OperatingPoint(threshold=threshold, smallest_lesion=size)
        for threshold in found.thresholds
        for size in found.smallest_lesions
        if params.threshold in ("validation", threshold) and params.smallest_lesion in ("validation", size)
    ]
    if len(points) == 1:
        return points[0]
    dice = np.stack([found.dice_at(point) for point in points], axis=1)
    if np.isnan(dice).all():
        raise UserError(
            f"evaluate: {len(found.dice)} validation patient(s), and none with tumour, true or predicted, so there is "
            "nothing to choose threshold and smallest lesion by. Write numbers in params.yaml, evaluate.threshold: 0.5 "
            "and evaluate.smallest_lesion: 0, or raise split.validation_share"
        )
    dice = np.nan_to_num(dice, nan=1)
    lost = dice[:, [dice.mean(axis=0).argmax()]] - dice
    margin = np.full(len(points), np.inf)
    if len(dice) > 1:
        error = lost.std(axis=0, ddof=1) / np.sqrt(len(dice))
        margin = np.maximum(stats.t.ppf(0.975, len(dice) - 1) * error, NO_GAIN)
    as_good = lost.mean(axis=0) <= margin
    good = [point for point, good in zip(points, as_good, strict=True) if good]
    return min(good, key=lambda point: (point.smallest_lesion, abs(point.threshold - 0.5), point.threshold))


def _dice_by_size(case: Case, threshold: float, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """Dice at one threshold, with components smaller than each of `sizes` dropped; numbered once for all sizes."""
    mask_true = case.volume.mask_true
    box, labels = label_lesions(case.probability >= threshold)
    pixels = np.bincount(labels.ravel(), minlength=1)[1:]
    found = np.bincount(labels[mask_true[box]], minlength=len(pixels) + 1)[1:]
    kept = pixels >= np.array(sizes)[:, None]
    total = kept @ pixels + np.count_nonzero(mask_true)
    return np.asarray(2 * (kept @ found) / np.where(total, total, np.nan))
