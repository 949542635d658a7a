"""Synthetic patients in the layout of the Kaggle set: what the pipeline runs on before anyone has downloaded a scan.

No real picture went into them. A patient depends on seed and number only, not on how many others there are, and looks
the same at every size.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.params import PhantomParams
from brainseg.phantom_anatomy import Field, Head, draw_head, smooth_noise, soft
from brainseg.tables import write_table
from brainseg.volumes import FLAIR, POST_CONTRAST, PRE_CONTRAST, ByteArray, Volume

# Sites of uneven size, one of them with a single patient among the first 24; and who lacks which sequence. Both repeat
# every 24 patients, so that few patients show what many do.
# fmt: off
SITES = (
    "NV", "NV", "OS", "NV", "PL", "OS", "NV", "OS", "RY", "NV", "PL", "NV",
    "OS", "NV", "NV", "PL", "OS", "NV", "ZU", "OS", "NV", "RY", "PL", "NV",
)
# fmt: on
MISSING = {4: POST_CONTRAST, 13: PRE_CONTRAST, 20: POST_CONTRAST}

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

# Columns of the Kaggle set's clinical table and the largest code of each; here the values are drawn, not of anybody.
CLINICAL = {
    "RNASeqCluster": 4,
    "MethylationCluster": 5,
    "miRNACluster": 4,
    "CNCluster": 3,
    "RPPACluster": 4,
    "OncosignCluster": 3,
    "COCCluster": 3,
    "histological_type": 3,
    "neoplasm_histologic_grade": 2,
    "tumor_tissue_site": 1,
    "laterality": 3,
    "tumor_location": 6,
    "gender": 2,
    "age_at_initial_pathologic": 75,
    "race": 4,
    "ethnicity": 2,
    "death01": 1,
}
WORKERS = 2  # patients made at once; each holds some 50 fields of (S, H, W) in memory
LZW = (cv2.IMWRITE_TIFF_COMPRESSION, 5)  # lossless, and the same bytes whatever OpenCV's default


# Share of each voxel, and its signal on the three sequences (None: as it was).
Coat = tuple[Field, tuple[Field | float | None, Field | float | None, Field | float | None]]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One tumour's shape; positive inside, see `brainseg.phantom_anatomy` for the unit.

    Attributes:
        field: distance into the tumour in parts of its radius, shape (S, H, W).
        push: how far x, y it has moved the tissue around it, each shape (S, H, W).
        nearness: 1 in its middle, falling to 0 outside, shape (S, H, W).
    """

    field: Field
    push: tuple[Field, Field]
    nearness: Field


def patient_id(number: int, *, seed: int) -> str:
    """Name patient `number` (from 1) as the Kaggle set does: study, site, number, a date that never was."""
    day = np.random.default_rng((seed, number, 1)).integers(1, (12, 28), endpoint=True)
    return f"PHAN_{SITES[(number - 1) % len(SITES)]}_{number:04d}_2000{day[0]:02d}{day[1]:02d}"


def make_patient(number: int, *, size: int, seed: int) -> Volume:
    """Make one synthetic patient.

    Args:
        number: of the patient, from 1.
        size: height and width of a slice, pixels.
        seed: other seed, other patients.

    Returns:
        20 to 28 slices from the skull base to the vertex, at least one of them with tumour.
    """
    rng = np.random.default_rng((seed, number))
    site = np.random.default_rng((seed, 10_000 + sorted(set(SITES)).index(SITES[(number - 1) % len(SITES)])))
    point, axes = _scan_grid(rng, size)
    lesion = _draw_lesion(rng, point)
    inner = (point[0] - lesion.push[0], point[1] - lesion.push[1], point[2])
    head = draw_head(rng, point, inner, axes, effaced=0.85 * lesion.nearness)
    # It spreads along white matter more easily than through grey.
    lesion = replace(lesion, field=lesion.field + rng.uniform(0, 0.25) * (head.white - 0.5))
    mask_true = (lesion.field > 0) & (head.depth > 0) & (head.ventricle < 0)
    image = _scan(rng, site, _signals(rng, site, head, lesion))
    missing = MISSING.get((number - 1) % len(SITES))
    if missing is not None:
        image[..., missing] = image[..., FLAIR]
    return Volume(
        patient_id=patient_id(number, seed=seed),
        image=image,
        mask_true=mask_true,
        slice_numbers=np.arange(1, len(image) + 1),
    )


def _scan_grid(rng: np.random.Generator, size: int) -> tuple[tuple[Field, Field, Field], tuple[float, float, float]]:
    """Where the voxels are in the head's own frame (x, y, z, each (S, H, W)), and the head's half axes."""
    slices = int(rng.integers(20, 28, endpoint=True))
    scale, slim = rng.uniform(0.95, 1.05), rng.uniform(0.95, 1.05)
    axes = (0.75 * scale * slim, 0.90 * scale / slim, 0.78 * scale)
    pixel = (np.arange(size) + 0.5) * 2 / size - 1
    level = np.linspace(-0.48, 0.93 * axes[2], slices) + rng.uniform(-0.02, 0.01)
    turn, pitch = np.radians(rng.normal(0, 3)), np.radians(rng.normal(0, 4))
    z, y, x = np.meshgrid(level, pixel - rng.normal(0, 0.015), pixel - rng.normal(0, 0.02), indexing="ij")
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return (x, y, z + np.sin(pitch) * y), axes


def _draw_lesion(rng: np.random.Generator, point: tuple[Field, Field, Field]) -> Lesion:
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


def _signals(rng: np.random.Generator, site: np.random.Generator, head: Head, lesion: Lesion) -> list[Field]:
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


def _scan(rng: np.random.Generator, site: np.random.Generator, signals: list[Field]) -> ByteArray:
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


def write_phantoms(root: Path, params: PhantomParams) -> None:
    """Write the patients and `data.csv`, in the layout and with the names of the Kaggle set.

    Args:
        root: folder to write; earlier phantoms in it are replaced.
        params: how many patients, their size and seed.

    Raises:
        UserError: if root holds anything but phantoms.
    """
    foreign = sorted(path.name for path in root.glob("*") if not path.name.startswith(("PHAN_", "data.csv")))
    if foreign:
        raise UserError(f"{root}: holds {foreign[0]}, which is no phantom. Name an empty or a new folder")
    temporary = root.with_name(f".{root.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda number: _write_patient(temporary, number, params), range(1, params.patients + 1)))
        write_table(temporary / "data.csv", _clinical_table(params))
        shutil.rmtree(root, ignore_errors=True)
        temporary.replace(root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_patient(root: Path, number: int, params: PhantomParams) -> None:
    volume = make_patient(number, size=params.size, seed=params.seed)
    folder = root / volume.patient_id
    folder.mkdir(parents=True)
    for slice_number, image, mask_true in zip(volume.slice_numbers, volume.image, volume.mask_true, strict=True):
        stem = f"{volume.patient_id}_{slice_number}"
        _write_tif(folder / f"{stem}.tif", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        _write_tif(folder / f"{stem}_mask.tif", mask_true.astype(np.uint8) * 255)


def _write_tif(path: Path, picture: ByteArray) -> None:
    """Encode in memory and write with Python, which tells when the disk is full; cv2.imwrite does not."""
    path.write_bytes(cv2.imencode(".tif", picture, LZW)[1].tobytes())


def _clinical_table(params: PhantomParams) -> pd.DataFrame:
    """Invented clinical values, a row per patient; about one in twelve is empty."""
    rows = []
    for number in range(1, params.patients + 1):
        rng = np.random.default_rng((params.seed, number, 2))
        row: dict[str, object] = {"Patient": patient_id(number, seed=params.seed).rpartition("_")[0]}
        for name, largest in CLINICAL.items():
            smallest = {"age_at_initial_pathologic": 20, "death01": 0}.get(name, 1)
            row[name] = int(rng.integers(smallest, largest, endpoint=True)) if rng.random() > 0.08 else None
        rows.append(row)
    return pd.DataFrame(rows).astype(dict.fromkeys(CLINICAL, "Int64"))
