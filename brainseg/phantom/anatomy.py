"""A head drawn from formulas: which tissue is where, for the synthetic patients of `brainseg.phantom.patients`.

Lengths are in halves of the picture's side, about 120 mm, so that a patient looks the same at every size. x runs to the
picture's right, y down (to the back of the head), z up; the origin is between the eyes and the ears' level, in the
middle of the head. Fields have shape (S, H, W) and are float64: rounding to bytes then hides what CPUs do differently.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

Field = NDArray[np.float64]

SCALP, SKULL, PIA = 0.042, 0.05, 0.01  # thickness of the layers outside the brain
CORTEX = 0.03
SULCUS_DEPTH = 0.19

# Chain along the lateral ventricle of one side: |x|, y, z, radius; from frontal horn to occipital horn, then the
# temporal horn.
LATERAL_VENTRICLE = (
    ((0.08, -0.30, 0.07, 0.030), (0.06, -0.14, 0.15, 0.040)),
    ((0.06, -0.14, 0.15, 0.040), (0.09, 0.10, 0.20, 0.040)),
    ((0.09, 0.10, 0.20, 0.040), (0.20, 0.28, 0.10, 0.052)),
    ((0.20, 0.28, 0.10, 0.052), (0.17, 0.44, 0.05, 0.020)),
    ((0.20, 0.28, 0.10, 0.052), (0.31, 0.06, -0.12, 0.018)),
)
# Ellipsoids of grey matter on either side: centre |x|, y, z and half axes. Caudate, lentiform nucleus, thalamus.
DEEP_GREY = (
    ((0.11, -0.19, 0.08), (0.035, 0.09, 0.08)),
    ((0.22, -0.05, 0.02), (0.050, 0.14, 0.08)),
    ((0.08, 0.11, 0.05), (0.065, 0.10, 0.07)),
)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is where in one head; shares are in [0, 1], distances positive inside.

    Attributes:
        tissues: name -> share of the voxel, shape (S, H, W); painted over each other in this order.
        depth: distance below the surface of the brain, shape (S, H, W).
        white: share of white matter, shape (S, H, W).
        ventricle: distance into the ventricles, shape (S, H, W).
    """

    tissues: dict[str, Field]
    depth: Field
    white: Field
    ventricle: Field


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int, along: float) -> Field:
    """Random waves of about unit variance, the same at every picture size.

    Args:
        rng: where the numbers come from; how many are drawn depends on cells and S only.
        shape: (S, H, W) of the result, H = W.
        cells: how many waves fit the picture's side, about.
        along: Gaussian smoothing across slices, standard deviation in slices.

    Returns:
        The field, shape (S, H, W).
    """
    coarse = gaussian_filter1d(rng.standard_normal((shape[0], cells, cells)), along, axis=0)
    coarse /= coarse.std()
    return np.stack([cv2.resize(plane, shape[2:0:-1], interpolation=cv2.INTER_CUBIC) for plane in coarse])


def soft(distance: Field, width: float) -> Field:
    """Share of a voxel inside a surface: 0 at -width / 2, 1 at width / 2, linear between."""
    return np.clip(distance / width + 0.5, 0, 1)


def ellipsoid(point: Sequence[Field], centre: Sequence[float], axes: Sequence[float]) -> Field:
    """Distance into an ellipsoid, exact at its surface to first order.

    Args:
        point: x, y, z, broadcastable to (S, H, W).
        centre: of the ellipsoid.
        axes: half axes.

    Returns:
        Positive inside, shape (S, H, W).
    """
    scaled = [(p - c) / a for p, c, a in zip(point, centre, axes, strict=True)]
    radius = np.sqrt(sum(s**2 for s in scaled)) + 1e-9
    slope = np.sqrt(sum((s / a) ** 2 for s, a in zip(scaled, axes, strict=True))) + 1e-9
    return np.asarray((1 - radius) * radius / slope)


def tube(point: Sequence[Field], start: Sequence[float], end: Sequence[float], widen: float) -> Field:
    """Distance into a tube between two points whose fourth number is the radius; positive inside."""
    line = [e - s for s, e in zip(start[:3], end[:3], strict=True)]
    away = [p - s for p, s in zip(point, start[:3], strict=True)]
    share = np.clip(sum(a * d for a, d in zip(away, line, strict=True)) / sum(d * d for d in line), 0, 1)
    square = sum((a - share * d) ** 2 for a, d in zip(away, line, strict=True))
    return np.asarray(widen * (start[3] + share * (end[3] - start[3])) - np.sqrt(square))


def draw_head(
    rng: np.random.Generator, outer: Sequence[Field], inner: Sequence[Field], axes: Sequence[float], effaced: Field
) -> Head:
    """Draw one head.

    Args:
        rng: the patient's own.
        outer: x, y, z of the voxels in the head's own frame, for skull and scalp.
        inner: the same after a mass has pushed the brain aside.
        axes: the head's half axes: x, y and z.
        effaced: how far the folds are pressed shut, in [0, 1], shape (S, H, W).

    Returns:
        The head.
    """
    shape = effaced.shape
    pixel = 2 / shape[1]
    head = _head_depth(rng, outer, axes, shape)
    skull = head - SCALP * (1 + 0.25 * smooth_noise(rng, shape, 4, 1.5))
    inside = skull - SKULL * (1 + 0.2 * smooth_noise(rng, shape, 4, 1.5))
    brain, cerebellum = _brain_depth(rng, inner, inside - PIA * rng.uniform(0.6, 2.2))
    fold = _fold_distance(rng, inner, inside, brain, cerebellum)
    ventricle = _ventricle_depth(rng, inner)
    mirrored = (np.abs(inner[0]), inner[1], inner[2])
    deep: Field = np.stack([ellipsoid(mirrored, centre, half) for centre, half in DEEP_GREY]).max(axis=0)
    # Some folds gape, some are closed; a mass presses them shut.
    sulcus = rng.uniform(0.002, 0.010) * (1 + 0.7 * smooth_noise(rng, shape, 12, 1.0)) * (1 - effaced)
    sulcus *= np.clip(1.7 - inside / 0.09, 0.5, 1.7) * (1 - 0.6 * cerebellum)  # widest at the surface
    cortex = soft(CORTEX * (1 - 0.6 * cerebellum) - fold + sulcus, 1.2 * pixel)
    in_brain = soft(brain, pixel)
    grey = np.maximum(cortex, 0.85 * soft(deep, 2 * pixel)) * in_brain
    fluid = np.maximum(in_brain * soft(sulcus - fold, pixel), soft(ventricle, 1.5 * pixel) * in_brain)
    tissues = {
        "skin": soft(head, pixel),
        "fat": soft(head - 0.015, pixel),
        "bone": soft(skull, pixel),
        "marrow": soft(SKULL / 5 - np.abs((skull + inside) / 2), pixel),
        "cerebrospinal": soft(inside, pixel),
        **_skull_base(rng, outer, inside, brain, pixel),
        "white": in_brain,
        "grey": grey,
        "fluid": fluid,
        "vessel": _vessels(rng, inner, inside, fold * in_brain + (1 - in_brain), pixel),
    }
    return Head(tissues=tissues, depth=brain, white=in_brain * (1 - grey) * (1 - fluid), ventricle=ventricle)


def _head_depth(
    rng: np.random.Generator, point: Sequence[Field], axes: Sequence[float], shape: tuple[int, ...]
) -> Field:
    """Distance below the skin: an ellipsoid that narrows little below its middle, but towards the face."""
    x, y, z = point
    face = np.clip(-z / 0.5, 0, 1) * np.clip(-y / 0.6, 0, 1)
    bumps = smooth_noise(rng, shape, 5, 2.0)
    return (
        ellipsoid((x * (1 + 0.2 * face - 0.06 * y), y, np.where(z > 0, z, 0.45 * z)), (0, 0, 0), axes) + 0.008 * bumps
    )


def _brain_depth(rng: np.random.Generator, point: Sequence[Field], inside: Field) -> tuple[Field, Field]:
    """Distance below the brain's surface, and the share of the cerebellum."""
    x, y, z = point
    side = np.abs(x)
    back = soft(y - 0.14, 0.1)
    tent = -0.08 - 0.22 * (y - 0.1) - 0.15 * side  # the tentorium, between cerebrum and cerebellum
    bumps = 0.018 * smooth_noise(rng, inside.shape, 7, 1.0)
    front = -0.10 + 0.14 * np.clip((-0.25 - y) / 0.5, 0, 1) + rng.uniform(-0.04, 0.02) + bumps
    cerebrum = 1.3 * (z - back * tent - (1 - back) * front)
    temporal = ellipsoid((side, y, z), (0.40, -0.10, -0.17), (0.21, 0.34, 0.24)) + 0.5 * bumps
    cerebrum = np.minimum(inside, np.maximum(cerebrum, np.minimum(temporal, 0.16 - y)))
    small = ellipsoid(point, (0, 0.4, -0.36), (0.49, 0.34, 0.34))
    small = np.minimum(np.minimum(inside, small), 0.8 * (tent - z) - 0.02)
    stem = np.minimum(0.12 - np.hypot(x, y - 0.09), 0.02 - z)
    return np.maximum(np.maximum(cerebrum, small), stem), soft(small, 0.02)


def _fold_distance(
    rng: np.random.Generator, point: Sequence[Field], inside: Field, depth: Field, cerebellum: Field
) -> Field:
    """Distance from the nearest surface of the folded brain: outside, sulci, and the fissure between the halves."""
    x, y, z = point
    radius = np.hypot(x, y)
    spoke = np.clip((radius - 0.12) / 0.35, 0, 0.8)
    waves = spoke * _radial_waves(rng, x, y) + (1 - spoke) * smooth_noise(rng, depth.shape, 24, 0.8)
    waves = np.where(cerebellum > 0.5, smooth_noise(rng, depth.shape, 60, 0.5), waves)
    pixel = 2 / depth.shape[1]
    steep = np.hypot(np.gradient(waves, pixel, axis=1), np.gradient(waves, pixel, axis=2))
    crest = np.abs(waves) / np.maximum(steep, 6)  # the sulci are the zero crossings of the waves
    hidden = np.where(cerebellum > 0.5, depth, inside)
    beyond = np.maximum(0, hidden - SULCUS_DEPTH * (1 + 0.3 * smooth_noise(rng, depth.shape, 6, 1.5)))
    sulci = crest + beyond
    wobble = 0.012 * smooth_noise(rng, depth.shape, 8, 1.5)
    bridge = np.maximum(0, ellipsoid(point, (0, 0.06, 0.02), (0.5, 0.40, 0.27)))  # corpus callosum and below
    fissure = np.abs(x + wobble) + bridge
    sylvian = -tube((np.abs(x), y, z), (0.62, -0.2, -0.02, 0.012), (0.34, -0.08, 0.03, 0.004), 1.0)
    nearest: Field = np.min([np.maximum(depth, 0), sulci, fissure, np.maximum(sylvian, 0)], axis=0)
    return nearest


def _radial_waves(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Random waves of about unit variance whose crests run inwards from the brain's surface."""
    rings, spokes = 12, 48
    wheel = rng.standard_normal((x.shape[0], rings, spokes))
    wheel = gaussian_filter1d(gaussian_filter1d(wheel, 0.8, axis=0), 0.6, axis=2, mode="wrap")
    wheel /= wheel.std()
    ring = np.hypot(x, 0.8 * y) * rings * 1.2
    spoke = np.arctan2(0.8 * y, x) / (2 * np.pi) * spokes + 0.5 * smooth_noise(rng, x.shape, 10, 1.0)
    planes = zip(wheel, ring, spoke, strict=True)
    return np.stack([map_coordinates(plane, (along, around), mode="grid-wrap") for plane, along, around in planes])


def _ventricle_depth(rng: np.random.Generator, point: Sequence[Field]) -> Field:
    """Distance into the lateral, third and fourth ventricles."""
    widen = rng.uniform(0.6, 1.35)
    skew = 1 + 0.08 * rng.standard_normal()  # one side is wider than the other
    mirrored = (np.where(point[0] > 0, point[0], -point[0] * skew), point[1], point[2])
    lateral = np.max([tube(mirrored, start, end, widen) for start, end in LATERAL_VENTRICLE], axis=0)
    third = ellipsoid(point, (0, 0.03, -0.03), (0.014 * widen, 0.12, 0.09))
    fourth = ellipsoid(point, (0, 0.24, -0.32), (0.05, 0.035, 0.1))
    deepest: Field = np.max([lateral, third, fourth], axis=0)
    return deepest


def _skull_base(
    rng: np.random.Generator, point: Sequence[Field], inside: Field, brain: Field, pixel: float
) -> dict[str, Field]:
    """Face and skull base: what fills the head below the brain."""
    x, y, z = point
    shape = inside.shape
    below = soft(inside, pixel) * soft(-0.025 - brain, 2 * pixel) * soft(0.03 - z, 0.06)
    patches = smooth_noise(rng, shape, 14, 0.7)
    eye = ellipsoid((np.abs(x), y, z), (0.27, -0.58, -0.24), (0.1, 0.11, 0.11))
    orbit = soft(ellipsoid((np.abs(x), y, z), (0.25, -0.48, -0.24), (0.15, 0.24, 0.14)), 2 * pixel)
    sinus = ellipsoid(point, (0, -0.55, -0.3), (0.13, 0.26, 0.22)) + 0.03 * patches
    return {
        "muscle": below * soft(patches + 0.6, 0.6),
        "marrow_base": below * soft(patches - 0.8, 0.6),
        "base_bone": below * soft(-0.9 - patches, 0.4),
        "air": soft(sinus, 2 * pixel) * below,
        "orbital_fat": orbit * below,
        "eye": soft(eye, pixel) * soft(-0.02 - z, 0.05),
    }


def _vessels(rng: np.random.Generator, point: Sequence[Field], inside: Field, fold: Field, pixel: float) -> Field:
    """Share of contrast-filled blood: the sagittal sinus, and veins in some folds."""
    x, y, z = point
    sinus = soft(0.035 - np.hypot(x, 1.3 * (inside - 0.02)), 2 * pixel) * soft(y + 0.2 * (z < 0.3), 0.05)
    dots = soft(smooth_noise(rng, inside.shape, 48, 0.4) - 1.9, 0.6) * soft(0.015 - fold, pixel)
    return np.asarray(np.maximum(sinus, dots) * soft(inside, pixel))
