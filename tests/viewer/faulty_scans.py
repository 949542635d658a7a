"""Files that are no scan, or not one that can be outlined: each function writes one kind, and returns its paths."""

import gzip
import zipfile
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from tests.kaggle_set import write_image
from tests.scans.dicom_files import drawn_volume, write_series

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 1000, shape, np.int16)


def nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def text_file(folder: Path) -> list[Path]:
    (folder / "notes.txt").write_text("not a scan")
    return [folder / "notes.txt"]


def text_named_nifti(folder: Path) -> list[Path]:
    (folder / "scan.nii").write_text("not a scan" * 100)
    return [folder / "scan.nii"]


def broken_gzip(folder: Path) -> list[Path]:
    path = nifti(folder / "scan.nii.gz", noise(20, 20, 20))
    path.write_bytes(path.read_bytes()[:2000])
    return [path]


def cut_off(folder: Path) -> list[Path]:
    path = nifti(folder / "scan.nii", noise(20, 20, 20))
    path.write_bytes(path.read_bytes()[:2000])
    return [path]


def inflating(folder: Path) -> list[Path]:
    """A header of 20 x 20 x 20 voxels, and a thousand times as many behind them."""
    path = nifti(folder / "scan.nii", noise(20, 20, 20))
    (folder / "scan.nii.gz").write_bytes(gzip.compress(path.read_bytes() + bytes(2**23)))
    return [folder / "scan.nii.gz"]


def time_series(folder: Path) -> list[Path]:
    return [nifti(folder / "bold.nii.gz", noise(20, 20, 8, 12))]


def one_sagittal_slice(folder: Path) -> list[Path]:
    return [nifti(folder / "one.nii.gz", noise(1, 40, 40))]


def two_files_of_one_sequence(folder: Path) -> list[Path]:
    return [nifti(folder / f"anna_{name}.nii.gz", noise(20, 20, 8)) for name in ("flair", "t2f")]


def two_forms(folder: Path) -> list[Path]:
    return [nifti(folder / "anna_flair.nii.gz", noise(20, 20, 8)), *write_series(folder / "a", drawn_volume())]


def archive_without_a_scan(folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "notes.zip", "w") as archive:
        archive.writestr("notes/1.txt", "not a scan")
    return [folder / "notes.zip"]


def thousand_slices(folder: Path) -> list[Path]:
    """Declared by the header only, so that the test is quick."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((512, 512, 1000))
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (folder / "long.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(10_000)))
    return [folder / "long.nii.gz"]


def no_flair(folder: Path) -> list[Path]:
    return [nifti(folder / f"case_{name}.nii.gz", noise(20, 20, 8)) for name in ("t1", "t1ce")]


def unknown_names(folder: Path) -> list[Path]:
    return [nifti(folder / f"image{number}.nii.gz", noise(20, 20, 8)) for number in (1, 2)]


def computed_tomography(folder: Path) -> list[Path]:
    array = noise(20, 20, 8)
    array[:10] = -1000
    return [nifti(folder / "head.nii.gz", array)]


def a_mask(folder: Path) -> list[Path]:
    return [nifti(folder / "head.nii.gz", (noise(20, 20, 8) > 500).astype(np.uint8))]


def not_finite(folder: Path) -> list[Path]:
    array = noise(20, 20, 8).astype(np.float32)
    array[3, 4, 5] = np.nan
    return [nifti(folder / "head.nii.gz", array)]


def skewed(folder: Path) -> list[Path]:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    image = nibabel.Nifti1Image(noise(20, 20, 8), affine)
    image.set_qform(None, 0)
    nibabel.save(image, folder / "tilted.nii.gz")
    return [folder / "tilted.nii.gz"]


def one_picture(folder: Path) -> list[Path]:
    write_image(folder / "x_1.tif", RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return [folder / "x_1.tif"]


def missing_slice(folder: Path) -> list[Path]:
    paths = [folder / f"x_{number}.tif" for number in (1, 2, 4)]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return paths


def two_sizes(folder: Path) -> list[Path]:
    paths = [folder / f"x_{number}.tif" for number in (1, 2)]
    for path, size in zip(paths, (32, 40), strict=True):
        write_image(path, RNG.integers(0, 255, (size, size, 3), np.uint8))
    return paths


def dicom_without_flair(folder: Path) -> list[Path]:
    return write_series(folder, drawn_volume(), sequence="t1", number=1)


def dicom_without_a_slice(folder: Path) -> list[Path]:
    paths = write_series(folder, drawn_volume())
    paths.pop(2).unlink()
    return paths


def dicom_without_orientation(folder: Path) -> list[Path]:
    """dcm2niix would guess it, and left might become right."""
    return write_series(folder, drawn_volume(), header={"ImageOrientationPatient": None})


def sixteen_bits(folder: Path) -> list[Path]:
    """A browser would keep the upper eight, of which scans use few."""
    paths = [folder / f"x_{number}.png" for number in (1, 2)]
    for path in paths:
        Image.fromarray(noise(32, 32).astype(np.uint16)).save(path)
    return paths


def a_picture_beside_slices(folder: Path) -> list[Path]:
    paths = [folder / name for name in ("x_1.tif", "x_2.tif", "preview.tif")]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    return paths


def empty_slice(folder: Path) -> list[Path]:
    """It is not passed over, and the slice not called missing."""
    paths = [folder / f"x_{number}.tif" for number in (1, 2, 3)]
    for path in paths:
        write_image(path, RNG.integers(0, 255, (32, 32, 3), np.uint8))
    paths[1].write_bytes(b"")
    return paths


def damaged_dicom(folder: Path) -> list[Path]:
    paths = write_series(folder, drawn_volume())
    for path in paths:
        path.write_bytes(path.read_bytes()[:400])
    return paths
