"""A DICOM series to segment, and a mask for it."""

from pathlib import Path

import numpy as np

from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_objects import Algorithm
from brainseg.scans.dicom_studies import find_dicom_cases
from brainseg.scans.scan import Scan
from tests.scans.dicom_files import drawn_volume

VOLUME = drawn_volume((6, 20, 24))
ALGORITHM = Algorithm(version="1.2.3", model_digest="0123456789abcdef" * 4, parameters=(("threshold", "0.5"),))
IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def read(folder: Path) -> Scan:
    (case,) = find_dicom_cases([folder])
    return read_scan(case)


def draw_mask(scan: Scan) -> np.ndarray:
    """A mask without symmetry, with empty slices at both ends."""
    mask = np.zeros(scan.grid.network_shape, np.bool_)
    inner = tuple(slice(length // 5, length // 2) for length in mask.shape)
    mask[inner] = True
    mask[mask.shape[0] // 3, :4, -3:] = True
    return mask
