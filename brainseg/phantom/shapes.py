"""Distances, smooth noise and soft edges: the shapes that synthetic heads and tumours are made of.

Coordinates x, y, z and distances are in units of half the side of a slice, about 120 mm, so that a patient looks the
same at every size. x points to the right of the slice, y down (to the back of the head) and z up. The origin is in the
middle of the head, between the level of the eyes and that of the ears.

Fields have shape (S, H, W) and are float64, so that rounding to bytes hides differences between processors.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Field = NDArray[np.float64]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int, sigma: float) -> Field:
    """Draw smooth random noise with a variance of about 1 that looks the same at every slice size.

    Args:
        rng: the random generator. The number of values drawn depends on `cells` and S only.
        shape: (S, H, W) of the result, H = W.
        cells: number of random values along each side of a slice, between which is interpolated.
        sigma: standard deviation of the Gaussian smoothing across slices, in slices.

    Returns:
        The noise, shape (S, H, W).
    """
    coarse = gaussian_filter1d(rng.standard_normal((shape[0], cells, cells)), sigma, axis=0)
    coarse /= coarse.std()
    return np.stack([cv2.resize(plane, shape[2:0:-1], interpolation=cv2.INTER_CUBIC) for plane in coarse])


def ramp(distance: Field, width: float) -> Field:
    """Turn a distance into the fraction of a voxel inside: 0 at -width / 2, 1 at width / 2, linear in between."""
    return np.clip(distance / width + 0.5, 0, 1)


def ellipsoid(point: Sequence[Field], centre: Sequence[float], axes: Sequence[float]) -> Field:
    """Compute the distance to the surface of an ellipsoid, exact to first order near the surface.

    Args:
        point: x, y, z, broadcastable to (S, H, W).
        centre: x, y, z of the centre.
        axes: the three half axes.

    Returns:
        Positive inside, negative outside, shape (S, H, W).
    """
    scaled = [(p - c) / a for p, c, a in zip(point, centre, axes, strict=True)]
    radius = np.sqrt(sum(s**2 for s in scaled)) + 1e-9
    slope = np.sqrt(sum((s / a) ** 2 for s, a in zip(scaled, axes, strict=True))) + 1e-9
    return np.asarray((1 - radius) * radius / slope)


def tube(point: Sequence[Field], start: Sequence[float], end: Sequence[float], widen: float) -> Field:
    """Compute the distance to the surface of a tube whose radius changes linearly from start to end.

    Args:
        point: x, y, z, broadcastable to (S, H, W).
        start: x, y, z and radius at one end.
        end: x, y, z and radius at the other end.
        widen: factor for both radii.

    Returns:
        Positive inside, negative outside, shape (S, H, W).
    """
    line = [e - s for s, e in zip(start[:3], end[:3], strict=True)]
    away = [p - s for p, s in zip(point, start[:3], strict=True)]
    along = np.clip(sum(a * d for a, d in zip(away, line, strict=True)) / sum(d * d for d in line), 0, 1)
    squared = sum((a - along * d) ** 2 for a, d in zip(away, line, strict=True))
    return np.asarray(widen * (start[3] + along * (end[3] - start[3])) - np.sqrt(squared))
