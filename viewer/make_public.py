"""Puts beside the page what is made by Python: the network, and a phantom patient as the example.

Usage: python -m viewer.make_public [--model FOLDER]
"""

import argparse
import gzip
import shutil
from pathlib import Path

import nibabel
import numpy as np

from brainseg.imaging.volume import SEQUENCES
from brainseg.phantom.patients import make_patient
from brainseg.scans.names import SHORT_NAMES
from brainseg.view.pages import MODEL_FILES, model_folder

PUBLIC = Path(__file__).parent / "public"
NUMBER, SIZE, SEED = 3, 192, 7  # of the phantom patient
SPACING = (5.0, 1.2, 1.2)  # mm, of slices, rows and columns


def main() -> None:
    """Write public/model and public/example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a bundle with unet.onnx (default: the model that ships)")
    folder = model_folder(parser.parse_args().model)
    target = PUBLIC / "model"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in MODEL_FILES:
        shutil.copyfile(folder / name, target / name)
    write_example(PUBLIC / "example")


def write_example(folder: Path) -> None:
    """Write a phantom patient as three NIfTI files, stored as right, anterior, superior."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    image = make_patient(NUMBER, size=SIZE, seed=SEED).image
    slices, rows, columns = (length * mm / 2 for length, mm in zip(image.shape, SPACING, strict=False))
    affine = np.diag([*SPACING[::-1], 1.0])
    affine[:3, 3] = -columns, -rows, -slices
    for short, sequence in SHORT_NAMES.items():
        stored = image[..., SEQUENCES.index(sequence)].transpose(2, 1, 0)[::-1, ::-1]
        volume = nibabel.Nifti1Image(np.ascontiguousarray(stored), affine)
        volume.header.set_xyzt_units("mm")
        (folder / f"example_{short}.nii.gz").write_bytes(gzip.compress(volume.to_bytes(), mtime=0))


if __name__ == "__main__":
    main()
