"""How a probability map becomes a mask: threshold and smallest lesion kept, chosen on the validation patients."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainseg import baselines
from brainseg.cases import Case
from brainseg.errors import UserError
from brainseg.params import EvaluateParams
from brainseg.postprocessing import label_lesions, remove_small_lesions
from brainseg.tables import write_json
from brainseg.volumes import BoolArray, FloatArray

THRESHOLDS = tuple(round(step / 20, 2) for step in range(1, 20))
SMALLEST_LESIONS = (0, 10, 30, 100, 300)  # voxels; each about three times the one before
NO_GAIN = 0.001  # mean Dice; less is no reason to leave 0.5, or to remove anything


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """What is done to a probability map.

    Attributes:
        threshold: in (0, 1]; a pixel with at least this probability is tumour.
        smallest_lesion: voxels; a connected component with fewer is dropped. 0 keeps all.
    """

    threshold: float
    smallest_lesion: int

    def mask_of(self, probability: FloatArray) -> BoolArray:
        """The predicted mask of a whole volume, shape (S, H, W), bool; `probability` has the same shape, float32."""
        return remove_small_lesions(probability >= self.threshold, self.smallest_lesion)


@dataclass(frozen=True, kw_only=True)
class Search:
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
        means = _means(self.flair_dice)
        return baselines.THRESHOLDS[int(means.argmax())] if np.isfinite(means).any() else float("nan")


def search(cases: Iterable[Case], params: EvaluateParams) -> Search:
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
    return Search(
        thresholds=tried,
        smallest_lesions=kept,
        dice=np.array(dice, np.float64).reshape(-1, len(tried), len(kept)),
        flair_dice=np.array(flair_dice, np.float64).reshape(-1, len(baselines.THRESHOLDS)),
    )


def choose(found: Search, params: EvaluateParams) -> OperatingPoint:
    """The point with the best mean Dice over validation patients, or the simplest one that is as good.

    Args:
        found: what `search` gave.
        params: the section evaluate; a number there is taken as it is.

    Returns:
        Of the points whose mean is less than `NO_GAIN` below the best, the one that drops the least, and of these the
        one nearest to 0.5. A patient without tumour counts 0 where anything is predicted, and is left out otherwise.

    Raises:
        UserError: if there is something to choose, and no validation patient with a Dice to choose by.
    """
    points = [
        OperatingPoint(threshold=threshold, smallest_lesion=size)
        for threshold in found.thresholds
        for size in found.smallest_lesions
        if params.threshold in ("validation", threshold) and params.smallest_lesion in ("validation", size)
    ]
    if len(points) == 1:
        return points[0]
    means = _means(np.stack([found.dice_at(point) for point in points], axis=1))
    if not np.isfinite(means).any():
        raise UserError(
            f"evaluate: {len(found.dice)} validation patient(s), and none with tumour, true or predicted, so there is "
            "nothing to choose threshold and smallest lesion by. Write numbers in params.yaml, evaluate.threshold: 0.5 "
            "and evaluate.smallest_lesion: 0, or raise split.validation_share"
        )
    good = [point for point, mean in zip(points, means, strict=True) if mean > means.max() - NO_GAIN]
    return min(good, key=lambda point: (point.smallest_lesion, abs(point.threshold - 0.5), point.threshold))


def write_operating_point(path: Path, point: OperatingPoint) -> None:
    """Write models/operating_point.json."""
    write_json(path, asdict(point))


def read_operating_point(path: Path) -> OperatingPoint:
    """Read what `write_operating_point` wrote.

    Raises:
        UserError: if the file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        point = OperatingPoint(**content)
        if not (0 < point.threshold <= 1 and isinstance(point.smallest_lesion, int) and point.smallest_lesion >= 0):
            raise ValueError(f"{content} is no operating point")
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage evaluate writes it: dvc repro evaluate") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not readable ({error}). Write it again: dvc repro --force evaluate") from None
    return point


def _dice_by_size(case: Case, threshold: float, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """Dice at one threshold, with components smaller than each of `sizes` dropped; numbered once for all sizes."""
    mask_true = case.volume.mask_true
    box, labels = label_lesions(case.probability >= threshold)
    pixels = np.bincount(labels.ravel(), minlength=1)[1:]
    found = np.bincount(labels[mask_true[box]], minlength=len(pixels) + 1)[1:]
    kept = pixels >= np.array(sizes)[:, None]
    total = kept @ pixels + np.count_nonzero(mask_true)
    return np.asarray(2 * (kept @ found) / np.where(total, total, np.nan))


def _means(dice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over patients, shape (points,), without those whose Dice is undefined; -inf without any."""
    known = np.isfinite(dice).sum(axis=0)
    return np.where(known, np.nansum(dice, axis=0) / np.maximum(known, 1), -np.inf)
