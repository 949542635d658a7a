"""What is written for a case, and what became of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written for each case.

    Attributes:
        probabilities: whether to write probabilities, too.
        overlay: whether to write a picture of the outline.
        bids: whether masks are named by BIDS; NIfTI and DICOM only.
        nifti: whether to write NIfTI for DICOM, beside the DICOM segmentation.
        evaluate: whether to score against masks beside the images.
        key: replaces names of cases by keyed hashes; None: names stay.
    """

    probabilities: bool = False
    overlay: bool = False
    bids: bool = False
    nifti: bool = False
    evaluate: bool = False
    key: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: its name in the output.
        status: done, kept (finished before, by `resume`), or failed.
        seconds: that it took.
        inputs: SHA-256 of each file that was read, hexadecimal.
        outputs: files that were written, relative to the output folder.
        notes: messages for the user.
        row: of predictions.csv; None if it failed.
    """

    case: str
    status: str
    seconds: float = 0.0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row: dict[str, Any] | None = None
