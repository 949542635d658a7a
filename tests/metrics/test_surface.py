"""Surface distances: drawn cases, what is undefined, laws, brute force, and against medpy and surface-distance."""

import math

import numpy as np
import pytest
import surface_distance
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary
from scipy import ndimage

from brainseg.metrics import surface
from brainseg.metrics.surface import surface_distances

# surface-distance 0.1 imports from places that SciPy has since renamed.
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

medpy_distances = vars(binary)["__surface_distances"]
SPACINGS = (None, (1.0, 1.0, 1.0), (5.0, 0.9, 0.9), (0.7, 1.3, 2.0))


def drawn(picture):
    """A mask drawn with # for tumour, one word a row."""
    return np.array([[pixel == "#" for pixel in row] for row in picture.split()])


MASK_TRUE = drawn("""
    .......
    .###...
    .###...
    .###...
    .......
""")
MASK_PRED = drawn("""
    .......
    .#####.
    .#####.
    .#####.
    .......
""")
EMPTY = np.zeros_like(MASK_TRUE)


def random_pair(seed):
    """Two masks with something in each: noise, smooth and unrelated, or smooth and alike, by turns."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers((3, 8, 8), (10, 24, 24)))
    noise = rng.normal(size=(2, *shape))
    if seed % 3:
        noise = ndimage.gaussian_filter(noise, (0, 2, 2, 2))
    if seed % 3 == 2:
        noise[1] = noise[0] + 0.3 * noise[1]
    mask_true, mask_pred = (field > np.quantile(field, rng.uniform(0.7, 0.95)) for field in noise)
    return mask_true, mask_pred, SPACINGS[seed % 4]


def test_drawn_case():
    """The reference has 8 boundary pixels (its middle is inside), the prediction 12; by hand, row by row."""
    distances = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    assert sorted(distances.true_to_pred) == [0, 0, 0, 0, 0, 0, 0, 1]
    assert sorted(distances.pred_to_true) == [0] * 7 + [1, 1, 2, 2, 2]
    assert distances.hd95 == max(0.65, 2)  # 0.65: linear between the seventh 0 and the 1
    assert distances.assd == (1 + 8) / 20
    assert [distances.nsd(tolerance) for tolerance in (0, 0.9, 1, 2)] == [14 / 20, 14 / 20, 17 / 20, 1]


def test_functions_say_what_the_distances_say():
    spacing = (3.0, 0.5)
    pair = {"mask_true": MASK_TRUE, "mask_pred": MASK_PRED, "spacing": spacing}
    distances = surface_distances(**pair)
    assert (surface.hd95(**pair), surface.assd(**pair)) == (distances.hd95, distances.assd)
    assert surface.nsd(**pair, tolerance=0.5) == distances.nsd(0.5) < 1


def test_spacing_scales_axes_in_their_order_and_decides_the_unit():
    pixels = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    mm = surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED, spacing=(9, 0.5))
    assert (pixels.unit, mm.unit) == ("px", "mm")
    assert mm.hd95 == pixels.hd95 * 0.5


def test_a_distance_equal_to_the_tolerance_is_within_it():
    """3 steps of 0.1 mm are 0.30000000000000004 mm."""
    row = np.zeros((1, 9), bool)
    row[0, 1] = True
    assert surface.nsd(mask_true=row, mask_pred=np.roll(row, 3), spacing=(1, 0.1), tolerance=0.3) == 1
    assert surface.nsd(mask_true=row, mask_pred=np.roll(row, 3), spacing=(1, 0.1), tolerance=0.29) == 0


def test_beyond_the_edge_of_the_array_there_is_no_tumour():
    """A tumour cut off by the first slice has a boundary there."""
    full = np.ones((3, 3, 3), bool)
    assert len(surface_distances(mask_true=full, mask_pred=full).true_to_pred) == 26


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "nsd"),
    [
        pytest.param(EMPTY, EMPTY, math.nan, id="both empty: no surface Dice, as no Dice"),
        pytest.param(EMPTY, MASK_PRED, 0, id="nothing there, something predicted: 0, as Dice"),
        pytest.param(MASK_TRUE, EMPTY, 0, id="something there, nothing predicted: 0, as Dice"),
    ],
)
def test_an_empty_mask_has_no_distance(mask_true, mask_pred, nsd):
    distances = surface_distances(mask_true=mask_true, mask_pred=mask_pred)
    assert math.isnan(distances.hd95)
    assert math.isnan(distances.assd)
    assert distances.nsd(100) == pytest.approx(nsd, abs=0, nan_ok=True)


def test_no_pixels_have_no_distance():
    distances = surface_distances(mask_true=np.zeros((0, 4, 4), bool), mask_pred=np.zeros((0, 4, 4), bool))
    assert math.isnan(distances.hd95)
    assert math.isnan(distances.nsd(1))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"shape: \(5, 7\) and \(7, 5\)"):
        surface_distances(mask_true=MASK_TRUE, mask_pred=MASK_PRED.T)
    with pytest.raises(ValueError, match="mask_pred: expected bool, found uint8"):
        surface.hd95(mask_true=MASK_TRUE, mask_pred=MASK_PRED.astype(np.uint8))
    for spacing in ((1.0,), (1.0, 1.0, 1.0), (0.0, 1.0), (1.0, math.nan), (math.inf, 1.0), 2.0):
        with pytest.raises(ValueError, match="spacing: expected a length above 0 in mm for each of 2 axes"):
            surface.assd(mask_true=MASK_TRUE, mask_pred=MASK_PRED, spacing=spacing)
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="tolerance: expected 0 px or more"):
            surface.nsd(mask_true=MASK_TRUE, mask_pred=MASK_PRED, tolerance=tolerance)
    with pytest.raises(TypeError):
        surface.hd95(MASK_TRUE, MASK_PRED)


@pytest.mark.parametrize("seed", range(36))
def test_agrees_with_medpy(seed):
    """The same distances and average; medpy's hd95 is one percentile of both directions pooled, ours the larger."""
    mask_true, mask_pred, spacing = random_pair(seed)
    ours = surface_distances(mask_true=mask_true, mask_pred=mask_pred, spacing=spacing)
    true_to_pred = medpy_distances(mask_true, mask_pred, spacing)
    pred_to_true = medpy_distances(mask_pred, mask_true, spacing)
    np.testing.assert_allclose(ours.true_to_pred, true_to_pred, rtol=1e-12)
    np.testing.assert_allclose(ours.pred_to_true, pred_to_true, rtol=1e-12)
    assert ours.assd == pytest.approx(binary.assd(mask_pred, mask_true, spacing))
    assert ours.hd95 == pytest.approx(max(np.percentile(true_to_pred, 95), np.percentile(pred_to_true, 95)))
    pooled = np.percentile(np.concatenate([ours.true_to_pred, ours.pred_to_true]), 95)
    assert pooled == pytest.approx(binary.hd95(mask_pred, mask_true, spacing))
    assert ours.nsd(2) == np.mean(np.concatenate([true_to_pred, pred_to_true]) <= 2)


@pytest.mark.parametrize("seed", range(36))
def test_stays_within_a_pixel_of_surface_distance(seed):
    """Its surface elements lie on the corners of pixels, each half a diagonal from a boundary pixel and back.

    So the farthest distances differ by at most a diagonal. Percentiles and shares have no such bound, because its
    elements are weighed by area; on masks that are alike they are close.
    """
    mask_true, mask_pred, spacing = random_pair(seed)
    step = spacing or (1, 1, 1)
    ours = surface_distances(mask_true=mask_true, mask_pred=mask_pred, spacing=spacing)
    theirs = surface_distance.compute_surface_distances(mask_true, mask_pred, step)
    farthest = max(ours.true_to_pred.max(), ours.pred_to_true.max())
    diagonal = math.hypot(*step)
    assert abs(farthest - surface_distance.compute_robust_hausdorff(theirs, 100)) <= diagonal * (1 + 1e-9)
    if seed % 3 == 2:
        assert ours.nsd(2) == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(theirs, 2), abs=0.15)
        assert ours.hd95 == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95), abs=2 * diagonal)


def test_differs_from_surface_distance_on_single_pixels():
    """Two pixels whose centres are 2 mm apart: near sides of them are 1 mm apart, which surface-distance counts."""
    mask_true, mask_pred = np.zeros((2, 5, 6, 7), bool)
    mask_true[2, 3, 2] = mask_pred[2, 3, 4] = True
    theirs = surface_distance.compute_surface_distances(mask_true, mask_pred, (3, 2, 1))
    assert surface_distance.compute_surface_dice_at_tolerance(theirs, 1) == 0.5
    assert surface.nsd(mask_true=mask_true, mask_pred=mask_pred, spacing=(3, 2, 1), tolerance=1) == 0


def naive_distances(origin, target):
    """Every boundary pixel against every other; a pixel inside has all of its neighbours across a face."""
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
    np.testing.assert_allclose(distances.true_to_pred, naive_distances(*pair))
    np.testing.assert_allclose(distances.pred_to_true, naive_distances(*pair[::-1]))


@given(PAIRS, st.sampled_from(SPACINGS))
def test_law_symmetry(pair, spacing):
    there = surface_distances(mask_true=pair[0], mask_pred=pair[1], spacing=spacing)
    back = surface_distances(mask_true=pair[1], mask_pred=pair[0], spacing=spacing)
    assert there.hd95 == pytest.approx(back.hd95, abs=0, nan_ok=True)
    assert there.assd == pytest.approx(back.assd, nan_ok=True)
    assert there.nsd(1) == pytest.approx(back.nsd(1), abs=0, nan_ok=True)


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
