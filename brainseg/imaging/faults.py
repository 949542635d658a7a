"""The faults a data set can have, and one readable message for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from brainseg.errors import UserError

MAX_LISTED = 10  # faults of one kind that are listed


class FaultKind(Enum):
    """A kind of fault: its title, what was expected, and how to fix it. Faults are reported in this order."""

    UNKNOWN_NAME = (
        "file name that fits no template",
        "a name as described by data.pattern in params.yaml, with a slice number of at most nine digits",
        "rename the file, change data.pattern, or move the file out of data.root",
    )
    AMBIGUOUS_NAME = (
        "file name that fits both templates",
        "a name that fits either data.pattern.image or data.pattern.mask in params.yaml",
        "change the templates so that they tell images from masks",
    )
    DUPLICATE_SLICE = (
        "duplicate slice number",
        "one image and one mask for each slice number of a patient",
        "keep one of the two files",
    )
    MISSING_MASK = (
        "image without mask",
        "a mask for each image; the mask of a slice without tumour is black",
        "add the mask or move the image out of data.root",
    )
    MISSING_IMAGE = (
        "mask without image",
        "an image for each mask",
        "add the image or move the mask out of data.root",
    )
    UNREADABLE = (
        "unreadable or truncated file",
        "a complete image file and permission to read it",
        "copy or download the file again, or change its permissions",
    )
    PIXEL_FORMAT = (
        "unsupported pixel format",
        "one image per file, 8-bit, RGB or grey, without transparency; a grey mask",
        "convert the file; for 16-bit images, choose the window that a radiologist would use",
    )
    NOT_BINARY = (
        "mask that is not binary",
        "0 outside the tumour and one other value (255 or 1) inside, nothing in between",
        "save masks without smoothing and not as JPEG; threshold a mask that was resized",
    )
    SIZE_MISMATCH = (
        "size mismatch",
        "the same height and width for all images and masks of a patient",
        "use the original files; the pipeline does the resizing",
    )
    SLICE_GAP = (
        "gap in slice numbers",
        "consecutive numbers from 1 (or 0), because consecutive slices are taken as neighbours in the head",
        "add the missing slices, or renumber the slices if none is missing",
    )
    EMPTY_FOLDER = (
        "folder without images",
        "images in each folder",
        "add the images or remove the folder",
    )
    LEAK = (
        "same image under two patients",
        "each image under one patient; a patient with two names may be in training and in test, which is a leak",
        "find out which patient it belongs to and remove the other file",
    )

    title: str
    expected: str
    fix: str

    def __init__(self, title: str, expected: str, fix: str) -> None:
        self.title = title
        self.expected = expected
        self.fix = fix


@dataclass(frozen=True)
class Fault:
    """One fault in a data set.

    Attributes:
        kind: the kind of fault.
        location: the file, folder or patient that has the fault.
        found: what was found there.
    """

    kind: FaultKind
    location: str
    found: str


class FaultError(UserError):
    """A fault raised as an error by functions that read a single file.

    Attributes:
        fault: the fault, for callers that collect several.
    """

    def __init__(self, fault: Fault) -> None:
        kind = fault.kind
        super().__init__(
            f"{printable(fault.location)}: {kind.title}: {fault.found}. Expected: {kind.expected}. To fix: {kind.fix}."
        )
        self.fault = fault


def format_faults(faults: Iterable[Fault]) -> str:
    """Format faults as text, grouped by kind, with the first ten of each kind.

    Args:
        faults: in any order of kinds; within a kind their order is kept.

    Returns:
        Lines without a newline at the end; an empty text if there are no faults.
    """
    groups: dict[FaultKind, list[Fault]] = {kind: [] for kind in FaultKind}
    for fault in faults:
        groups[fault.kind].append(fault)
    lines = []
    for kind, group in groups.items():
        if group:
            lines += ["", f"{kind.title} ({len(group)})", f"  expected: {kind.expected}", f"  to fix: {kind.fix}"]
            lines += [f"    {printable(fault.location)}: {fault.found}" for fault in group[:MAX_LISTED]]
        if len(group) > MAX_LISTED:
            lines.append(f"    and {len(group) - MAX_LISTED} more")
    return "\n".join(lines[1:])


def printable(text: str) -> str:
    """Escape a file name that has control characters or broken Unicode, so that any terminal can show it."""
    return text if text.isprintable() else ascii(text)
