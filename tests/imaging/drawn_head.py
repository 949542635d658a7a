"""A drawn head for tests: an ellipse of brain with texture, a dark skull, a bright scalp, and black air."""

import numpy as np


def draw_head(
    *,
    size: int = 128,
    slices: int = 6,
    centre: tuple[float, float] = (0.5, 0.48),
    radii: tuple[float, float] = (0.36, 0.29),
    seed: int = 0,
) -> np.ndarray:
    """Draw a volume.

    Args:
        size: height and width, pixels.
        slices: number of slices; the head grows and shrinks along them.
        centre: row and column of the head's centre, relative to the size.
        radii: of the largest slice along rows and columns, relative to the size.
        seed: of the brain's texture.

    Returns:
        Shape (slices, size, size, 3), float64, grey levels from 0 to about 200.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (slices, 24, 24, 3))
    index = (np.arange(size) * 24) // size
    texture = coarse[:, index][:, :, index]
    y, x = ((np.arange(size) + 0.5) / size for _ in range(2))
    image = np.zeros((slices, size, size, 3))
    for number in range(slices):
        scale = 1 - 0.25 * abs(2 * number / max(1, slices - 1) - 1)
        distance = np.hypot((y[:, None] - centre[0]) / (scale * radii[0]), (x[None] - centre[1]) / (scale * radii[1]))[
            ..., None
        ]
        brain = 90 + np.array([10, 12, 8]) * texture[number]
        image[number] = np.where(distance < 0.84, brain, np.where(distance < 0.9, 8, np.where(distance < 1, 190, 0)))
    return image
