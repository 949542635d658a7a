"""A scan in the form that the network takes, whatever files it was read from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import SEQUENCES, BoolArray
from brainseg.scans.grid import Grid

SourceKind = Literal["kaggle", "slices", "multipage_tiff", "nifti", "dicom"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Where a scan was read from, and what is needed to write a result in the same form.

    Attributes:
        kind: the form of the files.
        paths: all files that were read, images and masks, for their digests; the files of FLAIR first.
        stems: for slices in files of their own: the name of each file without its suffix, in the order of the slices.
        detail: what the writer of this kind needs besides, such as `brainseg.scans.nifti.NiftiSpace`; else None.
    """

    kind: SourceKind
    paths: tuple[Path, ...]
    stems: tuple[str, ...] = ()
    detail: Any = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """The scan of one patient in the network's orientation.

    Attributes:
        case_id: the name of the case, safe as the name of a file; see `brainseg.scans.names.safe_name`.
        image: shape (S, H, W, 3), real, finite, channels in the order of `SEQUENCES`; dtype as in the files, float32 if
            a sequence was resampled.
        grid: how the stored voxels of FLAIR lie; (S, H, W) is `grid.network_shape`.
        source: the files.
        missing: the names of sequences that the scan does not have and that are filled with FLAIR.
        notes: messages for the user, one sentence or more each, without the name of the case.
        mask_true: shape (S, H, W), bool, True = tumour; None if no masks lie beside the images.
    """

    case_id: str
    image: NDArray[Any]
    grid: Grid
    source: Source
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mask_true: BoolArray | None = None

    def __post_init__(self) -> None:
        """Check that the attributes fit together.

        Raises:
            ValueError: if a shape, dtype or name is not as documented.
        """
        expected = (*self.grid.network_shape, len(SEQUENCES))
        if self.image.shape != expected or self.image.dtype.kind not in "uif":
            raise ValueError(f"image: expected {expected}, real, found {self.image.shape} {self.image.dtype}")
        if self.mask_true is not None and (self.mask_true.shape != expected[:3] or self.mask_true.dtype != np.bool_):
            raise ValueError(
                f"mask_true: expected {expected[:3]} bool, found {self.mask_true.shape} {self.mask_true.dtype}"
            )
        if not set(self.missing) <= set(SEQUENCES):
            raise ValueError(f"missing: expected names of {SEQUENCES}, found {self.missing}")

    @property
    def slice_step(self) -> int:
        """How many slices away the neighbours are that the network sees; see `Grid.slice_step`."""
        return self.grid.slice_step
