"""The brain of a synthetic head: its surface, its folds and its ventricles. Units are those of `shapes`."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

from brainseg.phantom.shapes import Field, ellipsoid, ramp, smooth_noise, tube

SULCUS_DEPTH = 0.19

# Tubes along the lateral ventricle of one side, from frontal to occipital horn, then the temporal horn. Each end is
# |x|, y, z, radius.
LATERAL_VENTRICLE = (
    ((0.08, -0.30, 0.07, 0.030), (0.06, -0.14, 0.15, 0.040)),
    ((0.06, -0.14, 0.15, 0.040), (0.09, 0.10, 0.20, 0.040)),
    ((0.09, 0.10, 0.20, 0.040), (0.20, 0.28, 0.10, 0.052)),
    ((0.20, 0.28, 0.10, 0.052), (0.17, 0.44, 0.05, 0.020)),
    ((0.20, 0.28, 0.10, 0.052), (0.31, 0.06, -0.12, 0.018)),
)


def draw_brain(rng: np.random.Generator, point: Sequence[Field], inside: Field) -> tuple[Field, Field]:
    """Draw cerebrum, cerebellum and brain stem.

    Args:
        rng: the patient's random generator.
        point: x, y, z of the voxels, each shape (S, H, W).
        inside: distance below the inner surface of the skull, shape (S, H, W).

    Returns:
        Distance below the surface of the brain, and the fraction of cerebellum; both shape (S, H, W).
    """
    x, y, z = point
    side = np.abs(x)
    back = ramp(y - 0.14, 0.1)
    tentorium = -0.08 - 0.22 * (y - 0.1) - 0.15 * side  # its height, between cerebrum and cerebellum
    bumps = 0.018 * smooth_noise(rng, inside.shape, 7, 1.0)
    front = -0.10 + 0.14 * np.clip((-0.25 - y) / 0.5, 0, 1) + rng.uniform(-0.04, 0.02) + bumps
    cerebrum = 1.3 * (z - back * tentorium - (1 - back) * front)
    temporal = ellipsoid((side, y, z), (0.40, -0.10, -0.17), (0.21, 0.34, 0.24)) + 0.5 * bumps
    cerebrum = np.minimum(inside, np.maximum(cerebrum, np.minimum(temporal, 0.16 - y)))
    cerebellum = ellipsoid(point, (0, 0.4, -0.36), (0.49, 0.34, 0.34))
    cerebellum = np.minimum(np.minimum(inside, cerebellum), 0.8 * (tentorium - z) - 0.02)
    stem = np.minimum(0.12 - np.hypot(x, y - 0.09), 0.02 - z)
    return np.maximum(np.maximum(cerebrum, cerebellum), stem), ramp(cerebellum, 0.02)


def draw_folds(
    rng: np.random.Generator, point: Sequence[Field], inside: Field, brain: Field, cerebellum: Field
) -> Field:
    """Draw the sulci, the fissure between the hemispheres and the Sylvian fissures.

    Args:
        rng: the patient's random generator.
        point: x, y, z of the voxels, each shape (S, H, W).
        inside: distance below the inner surface of the skull, shape (S, H, W).
        brain: distance below the surface of the brain, shape (S, H, W).
        cerebellum: fraction of cerebellum, shape (S, H, W).

    Returns:
        Distance to the nearest surface of the folded brain, 0 or more, shape (S, H, W).
    """
    x, y, z = point
    radius = np.hypot(x, y)
    radial = np.clip((radius - 0.12) / 0.35, 0, 0.8)
    waves = radial * _radial_waves(rng, x, y) + (1 - radial) * smooth_noise(rng, brain.shape, 24, 0.8)
    waves = np.where(cerebellum > 0.5, smooth_noise(rng, brain.shape, 60, 0.5), waves)
    pixel = 2 / brain.shape[1]
    slope = np.hypot(np.gradient(waves, pixel, axis=1), np.gradient(waves, pixel, axis=2))
    to_sulcus = np.abs(waves) / np.maximum(slope, 6)  # the sulci are the zero crossings of the waves
    depth = np.where(cerebellum > 0.5, brain, inside)
    below_sulcus = np.maximum(0, depth - SULCUS_DEPTH * (1 + 0.3 * smooth_noise(rng, brain.shape, 6, 1.5)))
    sulci = to_sulcus + below_sulcus
    wobble = 0.012 * smooth_noise(rng, brain.shape, 8, 1.5)
    bridge = np.maximum(0, ellipsoid(point, (0, 0.06, 0.02), (0.5, 0.40, 0.27)))  # corpus callosum and below
    fissure = np.abs(x + wobble) + bridge
    sylvian = -tube((np.abs(x), y, z), (0.62, -0.2, -0.02, 0.012), (0.34, -0.08, 0.03, 0.004), 1.0)
    nearest: Field = np.min([np.maximum(brain, 0), sulci, fissure, np.maximum(sylvian, 0)], axis=0)
    return nearest


def draw_ventricles(rng: np.random.Generator, point: Sequence[Field]) -> Field:
    """Draw the lateral, third and fourth ventricles.

    Args:
        rng: the patient's random generator.
        point: x, y, z of the voxels, each shape (S, H, W).

    Returns:
        Distance to their surface, positive inside, shape (S, H, W).
    """
    widen = rng.uniform(0.6, 1.35)
    skew = 1 + 0.08 * rng.standard_normal()  # one side is wider than the other
    mirrored = (np.where(point[0] > 0, point[0], -point[0] * skew), point[1], point[2])
    lateral = np.max([tube(mirrored, start, end, widen) for start, end in LATERAL_VENTRICLE], axis=0)
    third = ellipsoid(point, (0, 0.03, -0.03), (0.014 * widen, 0.12, 0.09))
    fourth = ellipsoid(point, (0, 0.24, -0.32), (0.05, 0.035, 0.1))
    deepest: Field = np.max([lateral, third, fourth], axis=0)
    return deepest


def _radial_waves(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Draw random waves with a variance of about 1 whose crests run inwards from the surface of the brain."""
    rings, spokes = 12, 48
    wheel = rng.standard_normal((x.shape[0], rings, spokes))
    wheel = gaussian_filter1d(gaussian_filter1d(wheel, 0.8, axis=0), 0.6, axis=2, mode="wrap")
    wheel /= wheel.std()
    ring = np.hypot(x, 0.8 * y) * rings * 1.2
    spoke = np.arctan2(0.8 * y, x) / (2 * np.pi) * spokes + 0.5 * smooth_noise(rng, x.shape, 10, 1.0)
    planes = zip(wheel, ring, spoke, strict=True)
    return np.stack([map_coordinates(plane, (along, around), mode="grid-wrap") for plane, along, around in planes])
