"""Synthetic patients in the layout of the Kaggle set: what the pipeline runs on before anyone has downloaded a scan.

No real picture went into them. A patient depends on seed and number only, not on how many others there are, and looks
the same at every size.
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
from brainseg.phantom.anatomy import Field, draw_head
from brainseg.phantom.scanner import draw_lesion, scan, signals_of

# Sites of uneven size, one of them with a single patient among the first 24; and who lacks which sequence. Both repeat
# every 24 patients, so that few patients show what many do.
# fmt: off
SITES = (
    "NV", "NV", "OS", "NV", "PL", "OS", "NV", "OS", "RY", "NV", "PL", "NV",
    "OS", "NV", "NV", "PL", "OS", "NV", "ZU", "OS", "NV", "RY", "PL", "NV",
)
# fmt: on
MISSING = {4: POST_CONTRAST, 13: PRE_CONTRAST, 20: POST_CONTRAST}

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
    lesion = draw_lesion(rng, point)
    inner = (point[0] - lesion.push[0], point[1] - lesion.push[1], point[2])
    head = draw_head(rng, point, inner, axes, effaced=0.85 * lesion.nearness)
    # It spreads along white matter more easily than through grey.
    lesion = replace(lesion, field=lesion.field + rng.uniform(0, 0.25) * (head.white - 0.5))
    mask_true = (lesion.field > 0) & (head.depth > 0) & (head.ventricle < 0)
    image = scan(rng, site, signals_of(rng, site, head, lesion))
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
