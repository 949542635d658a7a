"""Reading and writing the probability maps of a patient, data/predictions/<patient_id>.npz."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.files import check_patient_id
from brainseg.reading import ArrayHeader, DamagedFileError, read_arrays
from brainseg.writing import atomic_write

NAMES = ("probability", "slice_numbers")
MAX_VALUES = 2**30  # of the maps of a patient, 2 GiB; a patient of the Kaggle set has 6 million
REMEDY = "Write it again: dvc repro --force --single-item predict"


def map_path(folder: Path, patient_id: str) -> Path:
    """The file of a patient's probability maps in data/predictions; raises ValueError as `check_patient_id`."""
    return folder / f"{check_patient_id(patient_id)}.npz"


def write_probabilities(path: Path, probability: NDArray[np.float32], slice_numbers: NDArray[np.int64]) -> None:
    """Write the probability maps of one patient; equal maps give equal bytes, unlike with `numpy.savez_compressed`.

    Args:
        path: an .npz file.
        probability: shape (S, H, W), float32 in [0, 1], on the patient's own grid; stored as float16, whose resolution
            just below 1 is 0.0005.
        slice_numbers: shape (S,), int64, the slice number of each map.
    """
    arrays: tuple[NDArray[Any], ...] = (probability.astype(np.float16), slice_numbers)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in zip(NAMES, arrays, strict=True):
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            # NumPy streams the members, and the headers that Python writes for streamed members differ by version.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)


def read_probabilities(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read probability maps that `write_probabilities` wrote.

    Args:
        path: an .npz file.

    Returns:
        Probability maps, shape (S, H, W), float32 in [0, 1], and their slice numbers, shape (S,), int64.

    Raises:
        UserError: if the file is missing, unreadable, not of one map per slice in ascending order, or contains NaN or a
            value outside [0, 1].
    """
    try:
        arrays = read_arrays(path, only=NAMES, check=_check_headers)
        probability, slice_numbers = arrays["probability"].astype(np.float32), arrays["slice_numbers"].astype(np.int64)
        if (np.diff(slice_numbers) <= 0).any():
            raise DamagedFileError("its slice numbers do not ascend")
        if not (probability.min(initial=1) >= 0 and probability.max(initial=0) <= 1):
            raise DamagedFileError("it contains NaN or a value outside [0, 1]")
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage predict writes it: dvc repro predict") from None
    except DamagedFileError as error:
        raise UserError(f"{path}: not readable ({error}). {REMEDY}") from None
    return probability, slice_numbers


def _check_headers(headers: Mapping[str, ArrayHeader]) -> None:
    """Refuse arrays that are not those of a patient, before they are read."""
    maps, numbers = (headers[name] for name in NAMES)
    if maps.dtype != np.float16 or numbers.dtype != np.int64:
        raise DamagedFileError(f"its arrays are {maps.dtype} and {numbers.dtype}, not float16 and int64")
    if len(maps.shape) != 3 or numbers.shape != maps.shape[:1]:
        raise DamagedFileError(f"maps of shape {maps.shape} for slice numbers of shape {numbers.shape}")
    if np.prod(maps.shape, dtype=object) > MAX_VALUES:
        raise DamagedFileError(f"maps of shape {maps.shape}, more than {MAX_VALUES} values")
