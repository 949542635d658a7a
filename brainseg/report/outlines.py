"""The masks and probabilities that `brainseg predict` wrote, read back in the network's orientation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.scans.grid import Grid

MASKS, PROBABILITIES = ("_mask",), ("_probability", "_probseg")  # at the end of names, before the suffix
NIFTI = ".nii.gz"


def read_mask(folder: Path, outputs: Sequence[str], grid: Grid) -> BoolArray | None:
    """Read the mask of a case, shape `grid.network_shape`, bool; None if it cannot be read or fits another scan."""
    segmentations = [folder / name for name in outputs if name.endswith("_seg.dcm")]
    array = _read(folder, outputs, MASKS, grid)
    if array is None and segmentations:
        array = _read_segmentation(segmentations[0], grid)
    return None if array is None else np.asarray(grid.to_network(array != 0), np.bool_)


def read_probability(folder: Path, outputs: Sequence[str], grid: Grid) -> FloatArray | None:
    """Read the probability of a case, shape `grid.network_shape`, float32; None as for `read_mask`."""
    array = _read(folder, outputs, PROBABILITIES, grid)
    return None if array is None else np.asarray(grid.to_network(array.astype(np.float32)), np.float32).clip(0, 1)


def _read(folder: Path, outputs: Sequence[str], endings: tuple[str, ...], grid: Grid) -> NDArray[Any] | None:
    """The stored array of the files with such names: one NIfTI, or pictures with one or more slices."""
    stems = {folder / name: name.removesuffix(NIFTI) if name.endswith(NIFTI) else Path(name).stem for name in outputs}
    paths = [path for path, stem in stems.items() if stem.endswith(endings) and path.suffix != ".json"]
    try:
        if paths and paths[0].name.endswith(NIFTI):
            array = np.asarray(nibabel.load(paths[0]).dataobj)  # type: ignore[attr-defined]
        elif paths:
            array = np.stack([plane for path in paths for plane in _planes(path)])
        else:
            return None
    except (OSError, ValueError, EOFError, nibabel.filebasedimages.ImageFileError):
        return None
    return array if array.shape == grid.shape else None


def _planes(path: Path) -> list[NDArray[Any]]:
    """The pages of a picture."""
    with Image.open(path) as picture:
        planes = []
        for page in range(getattr(picture, "n_frames", 1)):
            picture.seek(page)
            planes.append(np.asarray(picture))
        return planes


def _read_segmentation(path: Path, grid: Grid) -> NDArray[Any] | None:
    """The stored array of a DICOM segmentation: its voxels are put where their positions in the patient say."""
    import highdicom  # for DICOM only

    try:
        volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    except Exception:  # pydicom and highdicom raise classes of all kinds for damaged files
        return None
    if grid.affine is None:
        return None
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    found = np.argwhere(volume.array)
    places = np.linalg.inv(grid.affine) @ to_ras @ np.column_stack([found, np.ones(len(found))]).T
    stored = np.rint(places[:3]).astype(np.int64)
    if found.size and ((stored < 0).any() or (stored >= np.array(grid.shape)[:, None]).any()):
        return None
    array = np.zeros(grid.shape, np.bool_)
    array[tuple(stored)] = True
    return array
