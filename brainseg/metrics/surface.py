"""Distances between the outlines of two masks: HD95, average surface distance, surface Dice.

The surface of a mask consists of its boundary pixels: tumour pixels with a face neighbour that is not tumour. Pixels
beyond the edge of the array count as background. Every boundary pixel has the same weight, and a distance is measured
between pixel centres, as in MetricsReloaded, MONAI and medpy. Google's surface-distance weighs surface elements at the
corners of pixels by their area instead; its values differ where outlines are jagged or slices are thick.

If the spacing of a volume is unknown, `spacing=None` measures in three dimensions and counts a step to the next slice
as one pixel. Slices are thicker than their pixels are wide, so the true distances, in pixels, are at least those
reported: HD95 and the average surface distance are lower bounds, surface Dice is an upper bound. The alternative,
distances within each slice, is undefined where one mask skips a slice, and that is where the errors are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from brainseg.imaging.volume import BoolArray
from brainseg.metrics.overlap import check_pair

# 3 steps of 0.1 mm make 0.30000000000000004 mm, which must be within a tolerance of 0.3 mm.
ROUNDING = 1 + 1e-9


@dataclass(frozen=True, kw_only=True)
class SurfaceDistances:
    """Distances from each boundary pixel of one mask to the nearest boundary pixel of the other.

    Attributes:
        true_to_pred: shape (N,), float64, one distance per boundary pixel of the reference; infinite if the prediction
            is empty.
        pred_to_true: shape (M,), float64, the same for the prediction.
        unit: of the distances, "mm" if the spacing was given, otherwise "px"; make it part of a result's name.
    """

    true_to_pred: NDArray[np.float64]
    pred_to_true: NDArray[np.float64]
    unit: str

    @property
    def hd95(self) -> float:
        """95th percentile of the Hausdorff distance: the larger of the two directed 95th percentiles.

        In `unit`, 0 or more, lower is better; NaN if a mask is empty. Percentiles between two distances are
        interpolated linearly. medpy takes one percentile over both directions together, which is lower.
        Source: Huttenlocher et al. 1993, IEEE TPAMI 15(9):850-863; Maier-Hein et al. 2024, Nature Methods 21:195-212.
        """
        if self._undefined:
            return math.nan
        return float(max(np.percentile(self.true_to_pred, 95), np.percentile(self.pred_to_true, 95)))

    @property
    def assd(self) -> float:
        """Average symmetric surface distance: the mean over the boundary pixels of both masks together.

        In `unit`, 0 or more, lower is better; NaN if a mask is empty.
        Source: Heimann et al. 2009, IEEE Trans Med Imaging 28(8):1251-1265.
        """
        if self._undefined:
            return math.nan
        return float(np.concatenate([self.true_to_pred, self.pred_to_true]).mean())

    def nsd(self, tolerance: float) -> float:
        """Normalised surface Dice: the fraction of both outlines that lies within a tolerance of the other one.

        Args:
            tolerance: in `unit`, 0 or more; a distance equal to it is within. State it with the result.

        Returns:
            A value in [0, 1], higher is better; 0 if exactly one of the masks is empty, NaN if both are, as with Dice.

        Raises:
            ValueError: if the tolerance is negative, infinite or NaN.

        Source: Nikolov et al. 2021, J Med Internet Res 23(7):e26151, with boundary pixels in place of their areas as in
        Maier-Hein et al. 2024, Nature Methods 21:195-212.
        """
        if not 0 <= tolerance < math.inf:
            raise ValueError(f"tolerance: expected 0 {self.unit} or more, found {tolerance}")
        distances = np.concatenate([self.true_to_pred, self.pred_to_true])
        return float((distances <= tolerance * ROUNDING).mean()) if len(distances) else math.nan

    @property
    def _undefined(self) -> bool:
        return not (len(self.true_to_pred) and len(self.pred_to_true))


def surface_distances(
    *, mask_true: BoolArray, mask_pred: BoolArray, spacing: Sequence[float] | None = None
) -> SurfaceDistances:
    """Measure the distances between the surfaces of two masks.

    Args:
        mask_true: reference, shape (H, W) or (S, H, W), bool, True = tumour.
        mask_pred: thresholded prediction, same shape, bool.
        spacing: distance in mm between the centres of neighbouring pixels, one per axis in the order of the shape; None
            if unknown, then every step counts as one pixel.

    Returns:
        The distances, in mm or, without spacing, in pixels.

    Raises:
        ValueError: if the shapes differ, a dtype is not bool, or the spacing is not a length above 0 for each axis.
    """
    check_pair(mask_true=mask_true, mask_pred=mask_pred)
    step = np.ones(mask_true.ndim) if spacing is None else np.asarray(spacing, np.float64)
    if step.shape != (mask_true.ndim,) or not (np.isfinite(step) & (step > 0)).all():
        raise ValueError(f"spacing: expected a length above 0 in mm for each of {mask_true.ndim} axes, found {spacing}")
    boundary_true, boundary_pred = _boundary_pixels(mask_true), _boundary_pixels(mask_pred)
    return SurfaceDistances(
        true_to_pred=_nearest_distances(boundary_true, boundary_pred, step),
        pred_to_true=_nearest_distances(boundary_pred, boundary_true, step),
        unit="px" if spacing is None else "mm",
    )


def _boundary_pixels(mask: BoolArray) -> NDArray[np.int64]:
    """Indices of the boundary pixels, shape (N, axes); only the bounding box of the tumour is eroded, to save time."""
    if not mask.any():
        return np.empty((0, mask.ndim), np.int64)
    box = ndimage.find_objects(mask.view(np.int8))[0]
    inside = mask[box]
    corner: list[int] = [axis.start for axis in box]
    indices: NDArray[np.int64] = np.argwhere(inside & ~ndimage.binary_erosion(inside)) + corner
    return indices


def _nearest_distances(
    origins: NDArray[np.int64], targets: NDArray[np.int64], step: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance from each origin to the nearest target.

    The cost of a k-d tree grows with the length of the outlines. That of a distance transform grows with the bounding
    box of both masks, and one stray pixel in a far corner makes that the whole volume.
    """
    if not (len(origins) and len(targets)):
        return np.full(len(origins), math.inf)
    _, nearest = cKDTree(targets * step).query(origins * step)
    # Indices are subtracted before they are scaled, so that equal distances are equal numbers.
    distances: NDArray[np.float64] = np.sqrt((((origins - targets[nearest]) * step) ** 2).sum(axis=1))
    return distances
