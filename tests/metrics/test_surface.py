"""Surface distances: drawn cases, undefined values, laws, and brute force.

tests/metrics/test_surface_agreement.py compares them with medpy and surface-distance.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainseg.metrics.surface import surface_distances
from tests.metrics.masks import draw_mask

SPACINGS = (None, (1.0, 1.0, 1.0), (5.0, 0.9, 0.9), (0.7, 1.3, 2.0))

MASK_TRUE = draw_mask("""
    .......
    .###...
    .###...
    .###...
    .......
""")
MASK_PRED = draw_mask("""
    .......
    .#####.
    .#####.
    .#####.
    .......
""")
EMPTY = np.zeros_like(MASK_TRUE)


def test_drawn_case():
    """The reference has 8 boundary pixels (its middle is inside), the prediction 12; by hand, row by row."""
    distances = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    assert sorted(distances.true_to_pred) == [0, 0, 0, 0, 0, 0, 0, 1]
    assert sorted(distances.pred_to_true) == [0] * 7 + [1, 1, 2, 2, 2]
    assert distances.hd95 == max(0.65, 2)  # 0.65: linear between the seventh 0 and the 1
    assert distances.assd == (1 + 8) / 20
    assert [distances.nsd(tolerance) for tolerance in (0, 0.9, 1, 2)] == [14 / 20, 14 / 20, 17 / 20, 1]


def test_spacing_scales_the_axes_in_their_order_and_determines_the_unit():
    pixels = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    mm = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED, spacing=(9, 0.5))
    assert (pixels.unit, mm.unit) == ("px", "mm")
    assert mm.hd95 == pixels.hd95 * 0.5


def test_a_distance_equal_to_the_tolerance_is_within_it():
    """3 steps of 0.1 mm are 0.30000000000000004 mm."""
    row = np.zeros((1, 9), bool)
    row[0, 1] = True
    distances = surface_distances(mask_true=row, mask_pred=np.roll(row, 3), spacing=(1, 0.1))
    assert distances.nsd(0.3) == 1
    assert distances.nsd(0.29) == 0


def test_pixels_beyond_the_edge_of_the_array_are_background():
    """A tumour that the first slice cuts off has a boundary there."""
    full = np.ones((3, 3, 3), bool)
    assert len(surface_distances(mask_true=full, mask_pred=full).true_to_pred) == 26


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "nsd"),
    [
        pytest.param(EMPTY, EMPTY, math.nan, id="both empty: surface Dice undefined, as Dice"),
        pytest.param(EMPTY, MASK_PRED, 0, id="only the reference is empty: 0, as Dice"),
        pytest.param(MASK_TRUE, EMPTY, 0, id="only the prediction is empty: 0, as Dice"),
    ],
)
def test_distances_to_an_empty_mask_are_undefined(mask_true, mask_pred, nsd):
    distances = surface_distances(mask_true=mask_true, mask_pred=mask_pred)
    assert math.isnan(distances.hd95)
    assert math.isnan(distances.assd)
    assert distances.nsd(100) == pytest.approx(nsd, abs=0, nan_ok=True)


def test_without_pixels_every_score_is_undefined():
    distances = surface_distances(mask_true=np.zeros((0, 4, 4), bool), mask_pred=np.zeros((0, 4, 4), bool))
    assert math.isnan(distances.hd95)
    assert math.isnan(distances.nsd(1))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"shape: \(5, 7\) and \(7, 5\)"):
        surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED.T)
    with pytest.raises(ValueError, match="mask_pred: expected bool, found uint8"):
        surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED.astype(np.uint8))
    for spacing in ((1.0,), (1.0, 1.0, 1.0), (0.0, 1.0), (1.0, math.nan), (math.inf, 1.0), 2.0):
        with pytest.raises(ValueError, match="spacing: expected a length above 0 in mm for each of 2 axes"):
            surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED, spacing=spacing)
    distances = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="tolerance: expected 0 px or more"):
            distances.nsd(tolerance)
    with pytest.raises(TypeError):
        surface_distances(MASK_TRUE, MASK_PRED)


def brute_force_distances(origin, target):
    """Compare every boundary pixel with every other; all face neighbours of an inner pixel are tumour."""
    surfaces = []
    for mask in (origin, target):
        padded = np.pad(mask, 1)
        inside = np.logical_and.reduce([np.roll(padded, by, axis) for axis in range(mask.ndim) for by in (-1, 1)])
        surfaces.append(np.argwhere(padded & ~inside))
    return np.array([min((math.dist(a, b) for b in surfaces[1]), default=math.inf) for a in surfaces[0]])


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(PAIRS)
def test_law_equals_brute_force(pair):
    distances = surface_distances(mask_true=pair[0], mask_pred=pair[1])
    np.testing.assert_allclose(distances.true_to_pred, brute_force_distances(*pair))
    np.testing.assert_allclose(distances.pred_to_true, brute_force_distances(*pair[::-1]))


@given(PAIRS, st.sampled_from(SPACINGS))
def test_law_symmetry(pair, spacing):
    distances = surface_distances(mask_true=pair[0], mask_pred=pair[1], spacing=spacing)
    swapped = surface_distances(mask_true=pair[1], mask_pred=pair[0], spacing=spacing)
    assert distances.hd95 == pytest.approx(swapped.hd95, abs=0, nan_ok=True)
    assert distances.assd == pytest.approx(swapped.assd, nan_ok=True)
    assert distances.nsd(1) == pytest.approx(swapped.nsd(1), abs=0, nan_ok=True)


@given(PAIRS)
def test_law_identical_masks_are_at_distance_0(pair):
    mask = pair[0]
    mask.flat[0] = True
    distances = surface_distances(mask_true=mask, mask_pred=mask.copy())
    assert (distances.hd95, distances.assd, distances.nsd(0)) == (0, 0, 1)


@given(PAIRS, st.floats(1, 10))
def test_law_a_step_of_one_pixel_between_slices_is_a_lower_bound(pair, slice_step):
    """What `spacing=None` promises: thicker slices make no distance shorter."""
    pixels = surface_distances(mask_true=pair[0], mask_pred=pair[1])
    thick = surface_distances(mask_true=pair[0], mask_pred=pair[1], spacing=(slice_step, 1, 1))
    assert (thick.true_to_pred >= pixels.true_to_pred).all()
    assert (thick.pred_to_true >= pixels.pred_to_true).all()
    assert not thick.hd95 < pixels.hd95
    assert not thick.nsd(1) > pixels.nsd(1)
