"""Writing results in the form of the input."""

from pathlib import Path

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.scans import write_nifti, write_pictures
from brainseg.scans.scan import Scan

PICTURES = ("kaggle", "slices", "multipage_tiff")


def write_mask(scan: Scan, mask: BoolArray, folder: Path) -> list[Path]:
    """Write a mask in the form of the input: pictures for pictures, NIfTI for NIfTI and DICOM.

    Args:
        scan: as read.
        mask: shape (S, H, W), bool, in the network's orientation.
        folder: created if it is missing; all files are inside it.

    Returns:
        The files that were written.
    """
    if scan.source.kind in PICTURES:
        return write_pictures.write_mask(scan, mask, folder)
    return [write_nifti.write_mask(scan, mask, folder)]


def write_probability(scan: Scan, probability: FloatArray, folder: Path) -> list[Path]:
    """Write probabilities, shape (S, H, W), float32, as `write_mask` writes a mask."""
    if scan.source.kind in PICTURES:
        return write_pictures.write_probability(scan, probability, folder)
    return [write_nifti.write_probability(scan, probability, folder)]
