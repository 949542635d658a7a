"""Also covers brainseg.metrics.surface: its distances against those of medpy and surface-distance."""

import math

import numpy as np
import pytest
import surface_distance
from medpy.metric import binary
from scipy import ndimage

from brainseg.metrics.surface import surface_distances

# surface-distance 0.1 imports names that SciPy has since moved.
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

medpy_distances = vars(binary)["__surface_distances"]
SPACINGS = (None, (1.0, 1.0, 1.0), (5.0, 0.9, 0.9), (0.7, 1.3, 2.0))


def random_pair(seed):
    """Two non-empty masks: by seed, noise, smooth and unrelated, or smooth and similar; and a spacing."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers((3, 8, 8), (10, 24, 24)))
    noise = rng.normal(size=(2, *shape))
    if seed % 3:
        noise = ndimage.gaussian_filter(noise, (0, 2, 2, 2))
    if seed % 3 == 2:
        noise[1] = noise[0] + 0.3 * noise[1]
    mask_true, mask_pred = (field > np.quantile(field, rng.uniform(0.7, 0.95)) for field in noise)
    return mask_true, mask_pred, SPACINGS[seed % 4]


@pytest.mark.parametrize("seed", range(36))
def test_agrees_with_medpy(seed):
    """Same distances and average. medpy's hd95 is one percentile of both directions, ours the larger of two."""
    mask_true, mask_pred, spacing = random_pair(seed)
    ours = surface_distances(mask_true=mask_true, mask_pred=mask_pred, spacing=spacing)
    true_to_pred = medpy_distances(mask_true, mask_pred, spacing)
    pred_to_true = medpy_distances(mask_pred, mask_true, spacing)
    np.testing.assert_allclose(ours.true_to_pred, true_to_pred, rtol=1e-12)
    np.testing.assert_allclose(ours.pred_to_true, pred_to_true, rtol=1e-12)
    assert ours.assd == pytest.approx(binary.assd(mask_pred, mask_true, spacing))
    assert ours.hd95 == pytest.approx(max(np.percentile(true_to_pred, 95), np.percentile(pred_to_true, 95)))
    together = np.percentile(np.concatenate([ours.true_to_pred, ours.pred_to_true]), 95)
    assert together == pytest.approx(binary.hd95(mask_pred, mask_true, spacing))
    assert ours.nsd(2) == np.mean(np.concatenate([true_to_pred, pred_to_true]) <= 2)


@pytest.mark.parametrize("seed", range(36))
def test_differs_from_surface_distance_by_at_most_a_pixel_diagonal(seed):
    """Its surface elements lie on the corners of pixels, each half a diagonal from a boundary pixel and back.

    So the maximum distances differ by at most a diagonal. Percentiles and fractions have no such bound, because its
    elements are weighted by area; on similar masks they are close.
    """
    mask_true, mask_pred, spacing = random_pair(seed)
    step = spacing or (1, 1, 1)
    ours = surface_distances(mask_true=mask_true, mask_pred=mask_pred, spacing=spacing)
    theirs = surface_distance.compute_surface_distances(mask_true, mask_pred, step)
    maximum = max(ours.true_to_pred.max(), ours.pred_to_true.max())
    diagonal = math.hypot(*step)
    assert abs(maximum - surface_distance.compute_robust_hausdorff(theirs, 100)) <= diagonal * (1 + 1e-9)
    if seed % 3 == 2:
        assert ours.nsd(2) == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(theirs, 2), abs=0.15)
        assert ours.hd95 == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95), abs=2 * diagonal)


def test_differs_from_surface_distance_on_single_pixels():
    """Two pixels have centres 2 mm apart; their near sides are 1 mm apart, which surface-distance counts."""
    mask_true, mask_pred = np.zeros((2, 5, 6, 7), bool)
    mask_true[2, 3, 2] = mask_pred[2, 3, 4] = True
    theirs = surface_distance.compute_surface_distances(mask_true, mask_pred, (3, 2, 1))
    assert surface_distance.compute_surface_dice_at_tolerance(theirs, 1) == 0.5
    assert surface_distances(mask_true=mask_true, mask_pred=mask_pred, spacing=(3, 2, 1)).nsd(1) == 0
