"""A fault of a data set, and one readable message for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from brainseg.errors import UserError
from brainseg.imaging.fault_kinds import MAX_SIDE, FaultKind
from brainseg.terminal import printable

MAX_LISTED = 10  # faults of one kind that are listed


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
            f"{printable(fault.location)}: {kind.title}: {printable(fault.found)}. Expected: {kind.expected}."
            f" To fix: {kind.fix}."
        )
        self.fault = fault


class DecodingError(Exception):
    """A fault in the content of a file, raised by a decoder, which does not know the file's name.

    Attributes:
        kind: the kind of fault.
        found: what was found.
    """

    def __init__(self, kind: FaultKind, found: str) -> None:
        super().__init__(found)
        self.kind = kind
        self.found = found


def check_size(height: int, width: int) -> None:
    """Check the size that the header of a file declares, before memory is taken for its pixels.

    Args:
        height: pixels.
        width: pixels.

    Raises:
        DecodingError: if a side is 0 or larger than `MAX_SIDE`.
    """
    if height < 1 or width < 1:
        raise DecodingError(FaultKind.UNREADABLE, f"a header that declares {height} x {width} pixels")
    if height > MAX_SIDE or width > MAX_SIDE:
        raise DecodingError(FaultKind.TOO_LARGE, f"{height} x {width} pixels")


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
            lines += [f"    {printable(fault.location)}: {printable(fault.found)}" for fault in group[:MAX_LISTED]]
        if len(group) > MAX_LISTED:
            lines.append(f"    and {len(group) - MAX_LISTED} more")
    return "\n".join(lines[1:])
