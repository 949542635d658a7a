"""The tumour of a synthetic patient, and the scanner that turns tissue into grey levels."""

from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, ByteArray
from brainseg.phantom.anatomy import Field, Head, smooth_noise, soft

# Signal of each tissue, white matter on T1 = 1: pre-contrast T1, FLAIR, post-contrast T1.
SIGNALS = {
    "skin": (0.9, 0.8, 1.0),
    "fat": (2.1, 1.45, 1.9),
    "bone": (0.10, 0.08, 0.10),
    "marrow": (0.8, 0.5, 0.8),
    "cerebrospinal": (0.28, 0.16, 0.34),
    "muscle": (0.75, 0.55, 0.95),
    "marrow_base": (1.4, 0.9, 1.4),
    "base_bone": (0.12, 0.1, 0.14),
    "air": (0.04, 0.03, 0.05),
    "orbital_fat": (2.0, 1.3, 1.9),
    "eye": (0.35, 0.2, 0.4),
    "white": (1.0, 0.78, 1.0),
    "grey": (0.70, 0.98, 0.77),
    "fluid": (0.30, 0.16, 0.32),
    "vessel": (0.3, 0.2, 2.2),
}


# Share of each voxel, and its signal on the three sequences (None: as it was).
Coat = tuple[Field, tuple[Field | float | None, Field | float | None, Field | float | None]]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One tumour's shape; positive inside, see `brainseg.phantom.anatomy` for the unit.

    Attributes:
        field: distance into the tumour in parts of its radius, shape (S, H, W).
        push: how far x, y it has moved the tissue around it, each shape (S, H, W).
        nearness: 1 in its middle, falling to 0 outside, shape (S, H, W).
    """

    field: Field
    push: tuple[Field, Field]
    nearness: Field


def draw_lesion(rng: np.random.Generator, point: tuple[Field, Field, Field]) -> Lesion:
    """A lump with an irregular surface, anywhere in the cerebrum but the midline."""
    x, y, z = point
    radius = np.exp(rng.uniform(np.log(0.11), np.log(0.30)))
    axes = radius * rng.uniform(0.75, 1.25, size=3)
    height = rng.uniform(0.02, 0.42)
    wide = np.sqrt(1 - (height / 0.75) ** 2)
    centre = (rng.choice((-1, 1)) * rng.uniform(0.16, 0.42) * wide, rng.uniform(-0.5, 0.5) * wide, height)
    centre = (centre[0], centre[1], z[np.abs(z[:, z.shape[1] // 2, 0] - height).argmin(), z.shape[1] // 2, 0])
    turn = rng.uniform(0, np.pi)
    dx, dy = x - centre[0], y - centre[1]
    along, across = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
    away = np.sqrt((along / axes[0]) ** 2 + (across / axes[1]) ** 2 + ((z - centre[2]) / axes[2]) ** 2)
    rough = 0.28 * smooth_noise(rng, x.shape, 9, 1.2) + 0.16 * smooth_noise(rng, x.shape, 22, 0.8)
    nearness = np.exp(-(away**2) / 2)
    strength = rng.uniform(0, 0.3) * radius * nearness / np.maximum(np.hypot(dx, dy), 0.3 * radius)
    beyond = np.maximum(0, -np.sign(centre[0]) * x) / radius  # the falx holds it back
    return Lesion(field=1 - away + rough - beyond, push=(strength * dx, strength * dy), nearness=nearness)


def signals_of(rng: np.random.Generator, site: np.random.Generator, head: Head, lesion: Lesion) -> list[Field]:
    """Signal of each sequence without the scanner's faults, each (S, H, W)."""
    fat_suppressed = site.random() < 0.3
    contrast = site.uniform(0.7, 1.2)  # between grey and white matter
    coats = _lesion_coats(rng, head, lesion)
    images = []
    for sequence in (PRE_CONTRAST, FLAIR, POST_CONTRAST):
        image: Field = np.zeros(lesion.field.shape)
        for name, share in head.tissues.items():
            signal = SIGNALS[name][sequence] * np.exp(0.05 * rng.standard_normal())
            if name == "grey":
                signal = SIGNALS["white"][sequence] + contrast * (signal - SIGNALS["white"][sequence])
            if "fat" in name and fat_suppressed and sequence == FLAIR:
                signal *= 0.55
            image += share * (signal - image)
        for share, signals in coats:
            if (coat := signals[sequence]) is not None:
                image += share * (coat - image)
        images.append(image)
    return images


def _lesion_coats(rng: np.random.Generator, head: Head, lesion: Lesion) -> list[Coat]:
    """What is painted over the healthy head, in this order."""
    shape = lesion.field.shape
    parenchyma = np.clip(head.white + head.tissues["grey"] * (1 - head.tissues["fluid"]), 0, 1)
    tumour = soft(lesion.field, rng.uniform(0.1, 0.35)) * parenchyma
    mottle = 1 + 0.12 * smooth_noise(rng, shape, 16, 0.8)
    core = soft(lesion.field - rng.uniform(0.35, 0.7), 0.2) * tumour
    ring = soft(0.12 - np.abs(lesion.field - rng.uniform(0.4, 0.7)), 0.15) * tumour
    ring = ring * soft(smooth_noise(rng, shape, 12, 0.8) + 0.4, 0.8)
    pre, flair, post = rng.uniform((0.55, 1.35, 0.60), (0.75, 1.80, 0.80))
    coats: list[Coat] = [
        (_old_white_matter(rng, head), (0.95, 1.2, 0.95)),
        (tumour, (pre * mottle, flair * mottle, post * mottle)),
    ]
    if rng.random() < 0.3:  # a cyst, or the dark core of a T2-FLAIR mismatch
        coats.append((core, (0.42, 0.85, 0.45)))
    if rng.random() < 0.45:
        coats.append((ring, (None, None, 1.9)))
    return coats


def _old_white_matter(rng: np.random.Generator, head: Head) -> Field:
    """Share of normal tissue that is bright on FLAIR: caps around the ventricles, spots in white matter; no tumour."""
    shape = head.depth.shape
    caps = np.exp(-((np.maximum(0, -head.ventricle) / rng.uniform(0.02, 0.06)) ** 2))
    caps = caps * soft(smooth_noise(rng, shape, 8, 1.0) + rng.uniform(-1, 0.6), 1.5)
    spots = soft(smooth_noise(rng, shape, 34, 0.4) - rng.uniform(2.2, 3.5), 0.5) * soft(head.depth - 0.12, 0.06)
    return np.asarray(np.maximum(caps, spots) * head.white)


def scan(rng: np.random.Generator, site: np.random.Generator, signals: list[Field]) -> ByteArray:
    """What the scanner makes of the signals: shading, blur, noise, whole numbers; (S, H, W, 3) uint8."""
    shape = signals[0].shape
    size = shape[1]
    blur, shading, floor = site.uniform(0.25, 0.6), site.uniform(0.08, 0.22), site.random() < 0.5
    image = np.empty((*shape, len(signals)), dtype=np.uint8)
    for sequence, signal in enumerate(signals):
        shaded = signal * np.exp(shading * smooth_noise(rng, shape, 3, 4.0))
        shaded *= 1 + 0.03 * rng.standard_normal((shape[0], 1, 1))
        noise = site.uniform(0.02, 0.05) * rng.uniform(0.7, 1.4)
        for number, plane in enumerate(shaded):
            real, imaginary = noise * rng.standard_normal((2, size, size))
            plane = np.hypot(cv2.GaussianBlur(plane, (0, 0), blur * size / 128) + real, imaginary)
            shaded[number] = np.maximum(plane - 2.5 * noise, 0) if floor else plane
        gain = site.uniform(0.7, 1.05) * 255 / np.percentile(shaded, 99.9)
        image[..., sequence] = np.rint(np.clip(gain * shaded, 0, 255))
    return image
