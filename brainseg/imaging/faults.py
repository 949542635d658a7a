"""What can be wrong with a data set: the kinds of fault, and one readable message for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from brainseg.errors import UserError

SHOWN = 10  # faults of a kind that are named one by one


class FaultKind(Enum):
    """A kind of fault: its title, what was expected, and how to mend it; in the order they are reported."""

    NAME = (
        "name that does not parse",
        "a name as data.pattern says; letters, digits and signs, a slice number of at most nine digits",
        "rename it, change data.pattern in params.yaml, or move it out of data.root",
    )
    BOTH = (
        "name that is an image's and a mask's",
        "a name that fits data.pattern.image or data.pattern.mask, not both",
        "make the two templates in params.yaml tell images from masks",
    )
    TWICE = ("slice number twice", "one image and one mask for each slice number", "keep one of the two files")
    NO_MASK = (
        "image without mask",
        "a mask for each image; a slice without tumour has a black one",
        "add the mask or move the image out of data.root",
    )
    NO_IMAGE = ("mask without image", "an image for each mask", "add the image or move the mask out of data.root")
    UNREADABLE = (
        "unreadable or truncated file",
        "a whole picture that this user may read",
        "copy or download it again, or give it read permission",
    )
    PIXELS = (
        "pixels of another kind",
        "one picture a file, 8-bit, RGB or grey, without transparency; a mask grey",
        "convert it, for example from 16 bit with the window that a radiologist would use",
    )
    VALUES = (
        "mask that is not two-valued",
        "0 outside the tumour and one other value (255 or 1) inside, nothing between",
        "write masks without smoothing and without JPEG; threshold one that was scaled",
    )
    SIZE = (
        "sizes that differ",
        "one height and width for all images and masks of a patient",
        "take the original file; scaling is the pipeline's work",
    )
    GAP = (
        "gap in slice numbers",
        "numbers from 1 (or 0) without gaps, because neighbours in number are neighbours in the head",
        "add the missing slices, or renumber if there were none",
    )
    EMPTY = ("folder with no slices", "pictures in each folder", "fill it or remove it")
    LEAK = (
        "the same picture under two patients",
        "each picture under one patient: a patient in training and test under two names is a leak",
        "find out whose it is and remove the other",
    )

    title: str
    expected: str
    mend: str

    def __init__(self, title: str, expected: str, mend: str) -> None:
        self.title = title
        self.expected = expected
        self.mend = mend


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: what it is an instance of.
        place: the file, folder or patient.
        found: what was found there.
    """

    kind: FaultKind
    place: str
    found: str


class FaultError(UserError):
    """One fault as an error, for those who read a single file.

    Attributes:
        fault: the fault, for those who collect them.
    """

    def __init__(self, fault: Fault) -> None:
        kind = fault.kind
        super().__init__(
            f"{printable(fault.place)}: {kind.title}: {fault.found}. Expected: {kind.expected}. To mend: {kind.mend}."
        )
        self.fault = fault


def report(faults: Iterable[Fault]) -> str:
    """All faults as text, grouped by kind: every kind appears, of each the first ten places.

    Args:
        faults: in the order in which they are to be shown within a kind.

    Returns:
        Lines without a newline at the end; empty without faults.
    """
    groups: dict[FaultKind, list[Fault]] = {kind: [] for kind in FaultKind}
    for fault in faults:
        groups[fault.kind].append(fault)
    lines = []
    for kind, group in groups.items():
        if group:
            lines += ["", f"{kind.title} ({len(group)})", f"  expected: {kind.expected}", f"  to mend: {kind.mend}"]
            lines += [f"    {printable(fault.place)}: {fault.found}" for fault in group[:SHOWN]]
        if len(group) > SHOWN:
            lines.append(f"    and {len(group) - SHOWN} more")
    return "\n".join(lines[1:])


def printable(text: str) -> str:
    """A file's name as any terminal can show it: escaped if it holds control characters or broken Unicode."""
    return text if text.isprintable() else ascii(text)
