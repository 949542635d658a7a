"""Small scans as files, drawn so that every axis and direction can be told apart."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainseg.scans.grid import Affine

SHAPE = (5, 14, 12)  # slices, rows, columns
# From slice, row and column to mm: slices 4 mm apart upwards, rows to posterior and columns to the left by 1.5 mm.
AXIAL = np.array([[0, 0, -1.5, 8], [0, -1.5, 0, 9], [4, 0, 0, -7], [0, 0, 0, 1.0]])
ORDERS = [
    (axes, flips) for axes in itertools.permutations(range(3)) for flips in itertools.product((False, True), repeat=3)
]


def draw(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[np.uint8]:
    """An image with many grey levels, without any symmetry."""
    return np.random.default_rng(seed).integers(1, 255, shape, np.uint8)


def store(
    array: NDArray[Any], affine: Affine, axes: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[NDArray[Any], Affine]:
    """Store an array (S, H, W) in another order: `axes` are those of `array`, `flips` turn the stored ones round."""
    stored = array.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    to_array = np.zeros((4, 4))
    to_array[3, 3] = 1
    for position, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        to_array[axis, position] = -1 if flip else 1
        to_array[axis, 3] = array.shape[axis] - 1 if flip else 0
    return stored, affine @ to_array


def rotation(axis: int, degrees: float) -> Affine:
    """Rotation about right (0), anterior (1) or superior (2)."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    one, other = (index for index in range(3) if index != axis)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    return matrix


def write_nifti(
    path: Path, array: NDArray[Any], affine: Affine | None = None, *, sform_code: int = 1, qform_code: int = 1
) -> Path:
    """Write a NIfTI file with an affine in both forms; stored in its own order with RAS if there is none."""
    affine = np.eye(4) if affine is None else affine
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, sform_code, update_affine=False)
    image.set_qform(affine, qform_code, update_affine=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def write_axial(path: Path, array: NDArray[Any] | None = None, affine: Affine = AXIAL) -> Path:
    """Write an image (S, H, W) as a NIfTI file in the usual order: columns, rows, slices."""
    return write_nifti(path, *store(draw() if array is None else array, affine, (2, 1, 0), (False,) * 3))


def write_slices(
    folder: Path, image: NDArray[np.uint8], name: str = "brain_{}.png", masks: NDArray[np.bool_] | None = None
) -> list[Path]:
    """Write each slice to a file, numbered from 1; masks are named `_mask`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, plane in enumerate(image, 1):
        paths.append(folder / name.format(number))
        Image.fromarray(plane).save(paths[-1])
        if masks is not None:
            path = paths[-1].with_stem(f"{paths[-1].stem}_mask")
            Image.fromarray(masks[number - 1].astype(np.uint8) * 255).save(path)
    return paths


def write_pages(path: Path, image: NDArray[Any], **options: Any) -> Path:
    """Write a multi-page TIFF."""
    first, *others = (Image.fromarray(plane) for plane in image)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def all_orders() -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """All 48 storage orders."""
    yield from ORDERS


def brats(folder: Path, case: str, names: tuple[str, ...] = ("flair", "t1", "t1ce", "t2")) -> Path:
    """Write the sequences of a case, named as in BraTS; returns the folder."""
    for seed, name in enumerate(names):
        write_axial(folder / f"{case}_{name}.nii.gz", draw(seed=seed))
    return folder
