"""A healthy synthetic head, drawn from formulas: which tissue is where. Units are those of `shapes`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.phantom.brain import draw_brain, draw_folds, draw_ventricles
from brainseg.phantom.shapes import Field, ellipsoid, ramp, smooth_noise

SCALP, SKULL, PIA = 0.042, 0.05, 0.01  # thickness of the layers outside the brain
CORTEX = 0.03  # thickness

# Ellipsoids of deep grey matter on either side: centre |x|, y, z and half axes. Caudate, lentiform nucleus, thalamus.
DEEP_GREY = (
    ((0.11, -0.19, 0.08), (0.035, 0.09, 0.08)),
    ((0.22, -0.05, 0.02), (0.050, 0.14, 0.08)),
    ((0.08, 0.11, 0.05), (0.065, 0.10, 0.07)),
)


@dataclass(frozen=True, kw_only=True)
class Head:
    """The anatomy of one head. Fractions are in [0, 1], distances are positive inside.

    Attributes:
        tissues: name -> fraction of each voxel, shape (S, H, W); each tissue covers those before it.
        brain_depth: distance below the surface of the brain, shape (S, H, W).
        white_matter: fraction of white matter, shape (S, H, W).
        ventricle_depth: distance below the surface of the ventricles, shape (S, H, W).
    """

    tissues: dict[str, Field]
    brain_depth: Field
    white_matter: Field
    ventricle_depth: Field


def draw_head(
    rng: np.random.Generator, outer: Sequence[Field], inner: Sequence[Field], axes: Sequence[float], effaced: Field
) -> Head:
    """Draw one head.

    Args:
        rng: the patient's random generator.
        outer: x, y, z of the voxels relative to the head, for skull and scalp; each shape (S, H, W).
        inner: the same for the brain, which a tumour has displaced.
        axes: half axes of the head: x, y and z.
        effaced: how far the sulci are compressed by a tumour, in [0, 1], shape (S, H, W).

    Returns:
        The head.
    """
    shape = effaced.shape
    pixel = 2 / shape[1]
    head = _draw_surface(rng, outer, axes, shape)
    skull = head - SCALP * (1 + 0.25 * smooth_noise(rng, shape, 4, 1.5))
    inside = skull - SKULL * (1 + 0.2 * smooth_noise(rng, shape, 4, 1.5))
    brain, cerebellum = draw_brain(rng, inner, inside - PIA * rng.uniform(0.6, 2.2))
    fold = draw_folds(rng, inner, inside, brain, cerebellum)
    ventricle = draw_ventricles(rng, inner)
    mirrored = (np.abs(inner[0]), inner[1], inner[2])
    deep: Field = np.stack([ellipsoid(mirrored, centre, half) for centre, half in DEEP_GREY]).max(axis=0)
    # Half the width of the sulci: some are open, some closed; a tumour closes those nearby.
    sulcus = rng.uniform(0.002, 0.010) * (1 + 0.7 * smooth_noise(rng, shape, 12, 1.0)) * (1 - effaced)
    sulcus *= np.clip(1.7 - inside / 0.09, 0.5, 1.7) * (1 - 0.6 * cerebellum)  # widest at the surface
    cortex = ramp(CORTEX * (1 - 0.6 * cerebellum) - fold + sulcus, 1.2 * pixel)
    in_brain = ramp(brain, pixel)
    grey = np.maximum(cortex, 0.85 * ramp(deep, 2 * pixel)) * in_brain
    fluid = np.maximum(in_brain * ramp(sulcus - fold, pixel), ramp(ventricle, 1.5 * pixel) * in_brain)
    tissues = {
        "skin": ramp(head, pixel),
        "fat": ramp(head - 0.015, pixel),
        "bone": ramp(skull, pixel),
        "marrow": ramp(SKULL / 5 - np.abs((skull + inside) / 2), pixel),
        "cerebrospinal": ramp(inside, pixel),
        **_draw_skull_base(rng, outer, inside, brain, pixel),
        "white": in_brain,
        "grey": grey,
        "fluid": fluid,
        "vessel": _draw_vessels(rng, inner, inside, fold * in_brain + (1 - in_brain), pixel),
    }
    white_matter = in_brain * (1 - grey) * (1 - fluid)
    return Head(tissues=tissues, brain_depth=brain, white_matter=white_matter, ventricle_depth=ventricle)


def _draw_surface(
    rng: np.random.Generator, point: Sequence[Field], axes: Sequence[float], shape: tuple[int, ...]
) -> Field:
    """Distance below the skin: an ellipsoid that gets narrower towards the face and hardly so towards the neck."""
    x, y, z = point
    face = np.clip(-z / 0.5, 0, 1) * np.clip(-y / 0.6, 0, 1)
    bumps = smooth_noise(rng, shape, 5, 2.0)
    return (
        ellipsoid((x * (1 + 0.2 * face - 0.06 * y), y, np.where(z > 0, z, 0.45 * z)), (0, 0, 0), axes) + 0.008 * bumps
    )


def _draw_skull_base(
    rng: np.random.Generator, point: Sequence[Field], inside: Field, brain: Field, pixel: float
) -> dict[str, Field]:
    """Fractions of the tissues that fill the head below the brain: name -> shape (S, H, W)."""
    x, y, z = point
    shape = inside.shape
    below = ramp(inside, pixel) * ramp(-0.025 - brain, 2 * pixel) * ramp(0.03 - z, 0.06)
    patches = smooth_noise(rng, shape, 14, 0.7)
    eye = ellipsoid((np.abs(x), y, z), (0.27, -0.58, -0.24), (0.1, 0.11, 0.11))
    orbit = ramp(ellipsoid((np.abs(x), y, z), (0.25, -0.48, -0.24), (0.15, 0.24, 0.14)), 2 * pixel)
    sinus = ellipsoid(point, (0, -0.55, -0.3), (0.13, 0.26, 0.22)) + 0.03 * patches
    return {
        "muscle": below * ramp(patches + 0.6, 0.6),
        "marrow_base": below * ramp(patches - 0.8, 0.6),
        "base_bone": below * ramp(-0.9 - patches, 0.4),
        "air": ramp(sinus, 2 * pixel) * below,
        "orbital_fat": orbit * below,
        "eye": ramp(eye, pixel) * ramp(-0.02 - z, 0.05),
    }


def _draw_vessels(rng: np.random.Generator, point: Sequence[Field], inside: Field, fold: Field, pixel: float) -> Field:
    """Fraction of contrast-enhanced blood: the sagittal sinus, and veins in some sulci."""
    x, y, z = point
    sinus = ramp(0.035 - np.hypot(x, 1.3 * (inside - 0.02)), 2 * pixel) * ramp(y + 0.2 * (z < 0.3), 0.05)
    dots = ramp(smooth_noise(rng, inside.shape, 48, 0.4) - 1.9, 0.6) * ramp(0.015 - fold, pixel)
    return np.asarray(np.maximum(sinus, dots) * ramp(inside, pixel))
