"""Writing masks and probabilities as pictures: a file for each slice, or a page for each slice, as the input was."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainseg.errors import UserError
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.scans.names import safe_name
from brainseg.scans.scan import Scan
from brainseg.terminal import printable
from brainseg.writing import atomic_write

TUMOUR = 255
LOSSLESS = (".tif", ".tiff", ".png", ".bmp")  # in which a mask may be written


def write_mask(scan: Scan, mask: BoolArray, folder: Path) -> list[Path]:
    """Write a mask, 8-bit, 0 and 255.

    Args:
        scan: read from pictures.
        mask: shape (S, H, W), bool.
        folder: created if it is missing.

    Returns:
        For slices in files of their own: `<case_id>/<name of the image>_mask` with the suffix of the image, or .png
        where that is JPEG, as in the Kaggle set. For a multi-page TIFF: `<case_id>_mask.tif`.
    """
    planes = [np.where(plane, np.uint8(TUMOUR), np.uint8(0)) for plane in scan.grid.from_network(mask)]
    if scan.source.kind == "multipage_tiff":
        return [_write(folder / f"{scan.case_id}_mask.tif", planes)]
    suffixes = [path.suffix.lower() for path in scan.source.paths[: len(planes)]]
    paths = _slice_paths(scan, folder, "mask", [suffix if suffix in LOSSLESS else ".png" for suffix in suffixes])
    return [_write(path, [plane]) for path, plane in zip(paths, planes, strict=True)]


def write_probability(scan: Scan, probability: FloatArray, folder: Path) -> list[Path]:
    """Write probabilities as TIFF, float32 in [0, 1], named `_probability`; as `write_mask` otherwise."""
    planes = list(scan.grid.from_network(probability).astype(np.float32))
    if scan.source.kind == "multipage_tiff":
        return [_write(folder / f"{scan.case_id}_probability.tif", planes)]
    paths = _slice_paths(scan, folder, "probability", [".tif"] * len(planes))
    return [_write(path, [plane]) for path, plane in zip(paths, planes, strict=True)]


def _slice_paths(scan: Scan, folder: Path, word: str, suffixes: Sequence[str]) -> list[Path]:
    stems = [safe_name(stem) for stem in scan.source.stems]
    paths = [folder / scan.case_id / f"{stem}_{word}{suffix}" for stem, suffix in zip(stems, suffixes, strict=True)]
    if len({path.name.casefold() for path in paths}) < len(paths):
        raise UserError(
            f"{printable(str(scan.source.paths[0].parent))}: names of slices differ only in characters that are not "
            "safe in the names of files. Expected: letters, digits, and . _ -. Rename the slices."
        )
    return paths


def _write(path: Path, planes: Sequence[NDArray[Any]]) -> Path:
    """Write one or more planes, uint8 or float32, without date or program version."""
    images = [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes]
    content = io.BytesIO()
    if path.suffix in (".tif", ".tiff"):
        more = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
        images[0].save(content, format="TIFF", compression="tiff_adobe_deflate", **more)
    else:
        images[0].save(content, format="BMP" if path.suffix == ".bmp" else "PNG")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getvalue())
    return path
