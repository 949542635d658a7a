"""Reading and writing the probability maps of a patient, data/predictions/<patient_id>.npz."""

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.files import atomic_write


def write_probabilities(path: Path, probability: NDArray[np.float32], slice_numbers: NDArray[np.int64]) -> None:
    """Write the probability maps of one patient; equal maps give equal bytes, unlike with `numpy.savez_compressed`.

    Args:
        path: an .npz file.
        probability: shape (S, H, W), float32 in [0, 1], on the patient's own grid; stored as float16, whose resolution
            just below 1 is 0.0005.
        slice_numbers: shape (S,), int64, the slice number of each map.
    """
    arrays: dict[str, NDArray[Any]] = {
        "probability": probability.astype(np.float16),
        "slice_numbers": slice_numbers,
    }
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
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
        UserError: if the file is missing, unreadable, or contains NaN or a value outside [0, 1].
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:  # closes the file even if load fails
            probability = arrays["probability"].astype(np.float32)
            slice_numbers = arrays["slice_numbers"].astype(np.int64)
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage predict writes it: dvc repro predict") from None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: not readable ({error}). Write it again: dvc repro --force predict") from None
    if not (probability.min(initial=1) >= 0 and probability.max(initial=0) <= 1):
        raise UserError(f"{path}: contains NaN or a value outside [0, 1]. Write it again: dvc repro --force predict")
    return probability, slice_numbers
