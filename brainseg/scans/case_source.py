"""A case that was recognised and not yet read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainseg.scans.scan import SourceKind


@dataclass(frozen=True, kw_only=True)
class CaseSource:
    """The files of one case; `brainseg.scans.cases.read_scan` reads them.

    Attributes:
        case_id: safe as the name of a file, and different from those of the other cases.
        kind: the form of the files.
        place: the folder in which the files are, whose name tells cases of the same name apart.
        images: slices in files of their own, in order; or the one multi-page TIFF.
        masks: the mask of each image, or None; empty if no masks lie beside the images.
        sequences: for NIfTI: the file of each sequence by its name in `brainseg.imaging.volume.SEQUENCES`.
        channels: for a 4-D NIfTI: the name of the sequence of each volume, or "" for one that is not used.
        mask: for NIfTI and multi-page TIFF: the file of the mask, or None.
        detail: for DICOM: what its reader needs.
        notes: messages for the user.
        fault: why the case cannot be read, so that other cases go on; None if nothing is known yet.
    """

    case_id: str
    kind: SourceKind
    place: Path
    images: tuple[Path, ...] = ()
    masks: tuple[Path | None, ...] = ()
    sequences: Mapping[str, Path] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    mask: Path | None = None
    detail: Any = None
    notes: tuple[str, ...] = ()
    fault: str | None = None
