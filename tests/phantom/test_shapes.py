"""The shapes that synthetic heads are made of, against hand-computed distances."""

import numpy as np
import pytest

from brainseg.phantom.shapes import ellipsoid, ramp, smooth_noise, tube


def at(*points: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x, y and z of some points."""
    x, y, z = np.array(points, np.float64).T
    return x, y, z


def test_ramp_rises_linearly_over_its_width() -> None:
    np.testing.assert_allclose(ramp(np.array([-1, -0.1, -0.05, 0, 0.05, 0.1, 1]), 0.2), [0, 0, 0.25, 0.5, 0.75, 1, 1])


def test_distance_to_an_ellipsoid_is_exact_at_its_surface() -> None:
    centre, axes = (1.0, 0.0, 0.0), (0.5, 0.2, 0.1)
    step = 1e-4
    depth = ellipsoid(at((1.5, 0, 0), (1.5 - step, 0, 0), (1, 0.2 - step, 0), (1, 0, 0.1 + step)), centre, axes)
    np.testing.assert_allclose(depth, [0, step, step, -step], atol=1e-6)


def test_distance_to_a_sphere_is_exact_outside_its_centre() -> None:
    depth = ellipsoid(at((0.1, 0, 0), (0.3, 0, 0), (0, 0, 0.7)), (0, 0, 0), (0.3, 0.3, 0.3))
    np.testing.assert_allclose(depth, [0.2, 0, -0.4], atol=1e-6)


def test_tube_gets_wider_and_ends_in_spheres() -> None:
    points = at((0, 0, 0), (1, 0, 0), (0.5, 0.3, 0), (1.5, 0, 0))
    depth = tube(points, (0, 0, 0, 0.1), (1, 0, 0, 0.3), widen=2)
    np.testing.assert_allclose(depth, [0.2, 0.6, 0.4 - 0.3, 0.6 - 0.5])


@pytest.mark.parametrize("size", [32, 64])
def test_noise_has_unit_variance_and_the_same_pattern_at_every_size(size: int) -> None:
    noise = smooth_noise(np.random.default_rng(1), (6, size, size), 8, 1.0)
    large = smooth_noise(np.random.default_rng(1), (6, 128, 128), 8, 1.0)
    assert noise.shape == (6, size, size)
    assert 0.7 < noise.std() < 1.2
    step = 128 // size
    shrunk = large.reshape(6, size, step, size, step).mean(axis=(2, 4))
    np.testing.assert_allclose(shrunk, noise, atol=0.2)
