"""Generating synthetic patients and writing them in the layout of the Kaggle set.

The pipeline runs on them by default, before any real data set has been downloaded. They are not made from real images.
A patient depends only on the seed and the patient's number, not on how many others there are, and looks the same at
every size.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.files import write_table
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, ByteArray, Volume
from brainseg.params import PhantomParams
from brainseg.phantom.anatomy import draw_head
from brainseg.phantom.lesion import draw_lesion
from brainseg.phantom.scanner import simulate_scan, simulate_signals
from brainseg.phantom.shapes import Field

# The site of each patient, and the sequence that some patients lack (by position in SITES). Both repeat every 24
# patients. Sites differ in size, and one has a single patient, because real data sets are uneven too.
# fmt: off
SITES = (
    "NV", "NV", "OS", "NV", "PL", "OS", "NV", "OS", "RY", "NV", "PL", "NV",
    "OS", "NV", "NV", "PL", "OS", "NV", "ZU", "OS", "NV", "RY", "PL", "NV",
)
# fmt: on
MISSING_SEQUENCES = {4: POST_CONTRAST, 13: PRE_CONTRAST, 20: POST_CONTRAST}

# Columns of the Kaggle set's clinical table, each with its largest code. The values written here are random.
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
WORKERS = 2  # patients generated in parallel; each needs about 50 fields of shape (S, H, W) in memory
LZW = (cv2.IMWRITE_TIFF_COMPRESSION, 5)  # lossless; named here so that files do not depend on OpenCV's default


def patient_id(number: int, *, seed: int) -> str:
    """Make the patient_id of patient `number` (from 1) as in the Kaggle set: study, site, number, a made-up date."""
    day = np.random.default_rng((seed, number, 1)).integers(1, (12, 28), endpoint=True)
    return f"PHAN_{SITES[(number - 1) % len(SITES)]}_{number:04d}_2000{day[0]:02d}{day[1]:02d}"


def make_patient(number: int, *, size: int, seed: int) -> Volume:
    """Generate one synthetic patient.

    Args:
        number: the patient's number, from 1.
        size: height and width of a slice, pixels.
        seed: seed of the random numbers.

    Returns:
        20 to 28 slices from the skull base to the vertex, at least one of them with tumour.
    """
    rng = np.random.default_rng((seed, number))
    site = np.random.default_rng((seed, 10_000 + sorted(set(SITES)).index(SITES[(number - 1) % len(SITES)])))
    point, axes = _draw_grid(rng, size)
    lesion = draw_lesion(rng, point)
    inner = (point[0] - lesion.displacement[0], point[1] - lesion.displacement[1], point[2])
    head = draw_head(rng, point, inner, axes, effaced=0.85 * lesion.proximity)
    # Gliomas spread along white matter more easily than through grey matter.
    lesion = replace(lesion, depth=lesion.depth + rng.uniform(0, 0.25) * (head.white_matter - 0.5))
    mask_true = (lesion.depth > 0) & (head.brain_depth > 0) & (head.ventricle_depth < 0)
    image = simulate_scan(rng, site, simulate_signals(rng, site, head, lesion))
    missing = MISSING_SEQUENCES.get((number - 1) % len(SITES))
    if missing is not None:
        image[..., missing] = image[..., FLAIR]
    return Volume(
        patient_id=patient_id(number, seed=seed),
        image=image,
        mask_true=mask_true,
        slice_numbers=np.arange(1, len(image) + 1),
    )


def _draw_grid(rng: np.random.Generator, size: int) -> tuple[tuple[Field, Field, Field], tuple[float, float, float]]:
    """Choose size and pose of the head; returns x, y, z of the voxels, each (S, H, W), and the head's half axes."""
    slices = int(rng.integers(20, 28, endpoint=True))
    scale, slim = rng.uniform(0.95, 1.05), rng.uniform(0.95, 1.05)
    axes = (0.75 * scale * slim, 0.90 * scale / slim, 0.78 * scale)
    pixel = (np.arange(size) + 0.5) * 2 / size - 1
    height = np.linspace(-0.48, 0.93 * axes[2], slices) + rng.uniform(-0.02, 0.01)
    turn, pitch = np.radians(rng.normal(0, 3)), np.radians(rng.normal(0, 4))
    z, y, x = np.meshgrid(height, pixel - rng.normal(0, 0.015), pixel - rng.normal(0, 0.02), indexing="ij")
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return (x, y, z + np.sin(pitch) * y), axes


def write_phantoms(root: Path, params: PhantomParams) -> None:
    """Write the patients and `data.csv`, in the layout and with the names of the Kaggle set.

    Args:
        root: the folder to write; synthetic patients that it has already are replaced.
        params: number of patients, size of the slices and seed.

    Raises:
        UserError: if root has anything other than synthetic patients.
    """
    foreign = sorted(path.name for path in root.glob("*") if not path.name.startswith(("PHAN_", "data.csv")))
    if foreign:
        raise UserError(f"{root}: has {foreign[0]}, which is not a synthetic patient. Name an empty or new folder")
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


def _write_tif(path: Path, pixels: ByteArray) -> None:
    """Encode in memory and write with Python, which reports a full disk; cv2.imwrite does not."""
    path.write_bytes(cv2.imencode(".tif", pixels, LZW)[1].tobytes())


def _clinical_table(params: PhantomParams) -> pd.DataFrame:
    """Draw random clinical values, one row per patient; about one value in twelve is missing."""
    rows = []
    for number in range(1, params.patients + 1):
        rng = np.random.default_rng((params.seed, number, 2))
        row: dict[str, object] = {"Patient": patient_id(number, seed=params.seed).rpartition("_")[0]}
        for name, largest in CLINICAL.items():
            smallest = {"age_at_initial_pathologic": 20, "death01": 0}.get(name, 1)
            row[name] = int(rng.integers(smallest, largest, endpoint=True)) if rng.random() > 0.08 else None
        rows.append(row)
    return pd.DataFrame(rows).astype(dict.fromkeys(CLINICAL, "Int64"))
