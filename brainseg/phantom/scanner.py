"""A simulated MRI scanner: from the tissues of a synthetic head and its tumour to grey levels."""

import cv2
import numpy as np

from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, ByteArray
from brainseg.phantom.anatomy import Head
from brainseg.phantom.lesion import Lesion
from brainseg.phantom.shapes import Field, ramp, smooth_noise

# Signal of each tissue on pre-contrast T1, FLAIR and post-contrast T1, relative to white matter on T1.
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

# Tissue that covers the healthy head: the fraction of each voxel, and the signal on the three sequences (None: the
# signal below stays).
Overlay = tuple[Field, tuple[Field | float | None, Field | float | None, Field | float | None]]


def simulate_signals(rng: np.random.Generator, site: np.random.Generator, head: Head, lesion: Lesion) -> list[Field]:
    """Compute the signal of each sequence without scanner artefacts.

    Args:
        rng: the patient's random generator.
        site: the random generator of the site, which gives all of its patients the same fat suppression and contrast.
        head: the healthy head.
        lesion: the tumour.

    Returns:
        One field for each sequence, shape (S, H, W).
    """
    fat_suppressed = site.random() < 0.3
    contrast = site.uniform(0.7, 1.2)  # between grey and white matter
    overlays = _draw_overlays(rng, head, lesion)
    images = []
    for sequence in (PRE_CONTRAST, FLAIR, POST_CONTRAST):
        image: Field = np.zeros(lesion.depth.shape)
        for name, fraction in head.tissues.items():
            signal = SIGNALS[name][sequence] * np.exp(0.05 * rng.standard_normal())
            if name == "grey":
                signal = SIGNALS["white"][sequence] + contrast * (signal - SIGNALS["white"][sequence])
            if "fat" in name and fat_suppressed and sequence == FLAIR:
                signal *= 0.55
            image += fraction * (signal - image)
        for fraction, signals in overlays:
            if (overlay := signals[sequence]) is not None:
                image += fraction * (overlay - image)
        images.append(image)
    return images


def simulate_scan(rng: np.random.Generator, site: np.random.Generator, signals: list[Field]) -> ByteArray:
    """Add scanner artefacts to the signals: intensity inhomogeneity, blur, Rician noise and 8-bit rounding.

    Args:
        rng: the patient's random generator.
        site: the random generator of the site, whose patients share a scanner.
        signals: one field for each sequence, shape (S, H, W).

    Returns:
        Shape (S, H, W, 3), uint8.
    """
    shape = signals[0].shape
    size = shape[1]
    blur, inhomogeneity, subtract_noise = site.uniform(0.25, 0.6), site.uniform(0.08, 0.22), site.random() < 0.5
    image = np.empty((*shape, len(signals)), dtype=np.uint8)
    for sequence, signal in enumerate(signals):
        scan = signal * np.exp(inhomogeneity * smooth_noise(rng, shape, 3, 4.0))
        scan *= 1 + 0.03 * rng.standard_normal((shape[0], 1, 1))
        noise = site.uniform(0.02, 0.05) * rng.uniform(0.7, 1.4)
        for position, plane in enumerate(scan):
            real, imaginary = noise * rng.standard_normal((2, size, size))
            plane = np.hypot(cv2.GaussianBlur(plane, (0, 0), blur * size / 128) + real, imaginary)
            scan[position] = np.maximum(plane - 2.5 * noise, 0) if subtract_noise else plane
        gain = site.uniform(0.7, 1.05) * 255 / np.percentile(scan, 99.9)
        image[..., sequence] = np.rint(np.clip(gain * scan, 0, 255))
    return image


def _draw_overlays(rng: np.random.Generator, head: Head, lesion: Lesion) -> list[Overlay]:
    """White matter hyperintensities, and the tumour with its core and its enhancing ring, in this order."""
    shape = lesion.depth.shape
    parenchyma = np.clip(head.white_matter + head.tissues["grey"] * (1 - head.tissues["fluid"]), 0, 1)
    tumour = ramp(lesion.depth, rng.uniform(0.1, 0.35)) * parenchyma
    texture = 1 + 0.12 * smooth_noise(rng, shape, 16, 0.8)
    core = ramp(lesion.depth - rng.uniform(0.35, 0.7), 0.2) * tumour
    ring = ramp(0.12 - np.abs(lesion.depth - rng.uniform(0.4, 0.7)), 0.15) * tumour
    ring = ring * ramp(smooth_noise(rng, shape, 12, 0.8) + 0.4, 0.8)
    pre, flair, post = rng.uniform((0.55, 1.35, 0.60), (0.75, 1.80, 0.80))
    overlays: list[Overlay] = [
        (_draw_hyperintensities(rng, head), (0.95, 1.2, 0.95)),
        (tumour, (pre * texture, flair * texture, post * texture)),
    ]
    if rng.random() < 0.3:  # a cyst, or the dark core of a T2-FLAIR mismatch
        overlays.append((core, (0.42, 0.85, 0.45)))
    if rng.random() < 0.45:
        overlays.append((ring, (None, None, 1.9)))
    return overlays


def _draw_hyperintensities(rng: np.random.Generator, head: Head) -> Field:
    """Fraction of white matter that is bright on FLAIR without tumour: caps around the ventricles, and spots."""
    shape = head.brain_depth.shape
    caps = np.exp(-((np.maximum(0, -head.ventricle_depth) / rng.uniform(0.02, 0.06)) ** 2))
    caps = caps * ramp(smooth_noise(rng, shape, 8, 1.0) + rng.uniform(-1, 0.6), 1.5)
    spots = ramp(smooth_noise(rng, shape, 34, 0.4) - rng.uniform(2.2, 3.5), 0.5) * ramp(head.brain_depth - 0.12, 0.06)
    return np.asarray(np.maximum(caps, spots) * head.white_matter)
