"""The tumour of a synthetic patient: its shape, and how it displaces the brain. Units are those of `shapes`."""

from dataclasses import dataclass

import numpy as np

from brainseg.phantom.shapes import Field, smooth_noise


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """The shape of one tumour.

    Attributes:
        depth: distance below its surface as a fraction of its radius, positive inside, shape (S, H, W).
        displacement: how far it has moved the tissue along x and y, each shape (S, H, W).
        proximity: 1 in its centre, falling to 0 outside, shape (S, H, W).
    """

    depth: Field
    displacement: tuple[Field, Field]
    proximity: Field


def draw_lesion(rng: np.random.Generator, point: tuple[Field, Field, Field]) -> Lesion:
    """Draw an ellipsoid with an irregular surface, anywhere in the cerebrum except at the midline.

    Args:
        rng: the patient's random generator.
        point: x, y, z of the voxels, each shape (S, H, W).

    Returns:
        The lesion.
    """
    x, y, z = point
    radius = np.exp(rng.uniform(np.log(0.11), np.log(0.30)))
    axes = radius * rng.uniform(0.75, 1.25, size=3)
    height = rng.uniform(0.02, 0.42)
    width = np.sqrt(1 - (height / 0.75) ** 2)  # of the head at this height, relative to its largest width
    centre = (rng.choice((-1, 1)) * rng.uniform(0.16, 0.42) * width, rng.uniform(-0.5, 0.5) * width, height)
    centre = (centre[0], centre[1], z[np.abs(z[:, z.shape[1] // 2, 0] - height).argmin(), z.shape[1] // 2, 0])
    turn = rng.uniform(0, np.pi)
    dx, dy = x - centre[0], y - centre[1]
    along, across = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
    distance = np.sqrt((along / axes[0]) ** 2 + (across / axes[1]) ** 2 + ((z - centre[2]) / axes[2]) ** 2)
    roughness = 0.28 * smooth_noise(rng, x.shape, 9, 1.2) + 0.16 * smooth_noise(rng, x.shape, 22, 0.8)
    proximity = np.exp(-(distance**2) / 2)
    strength = rng.uniform(0, 0.3) * radius * proximity / np.maximum(np.hypot(dx, dy), 0.3 * radius)
    across_midline = np.maximum(0, -np.sign(centre[0]) * x) / radius  # the falx holds the tumour back
    return Lesion(
        depth=1 - distance + roughness - across_midline,
        displacement=(strength * dx, strength * dy),
        proximity=proximity,
    )
