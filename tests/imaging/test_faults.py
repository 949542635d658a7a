"""The message about faults, for one file and for a data set. tests/dataset/test_checks.py has every kind of fault."""

import pytest

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import Fault, FaultError, format_faults


def test_faults_are_grouped_by_kind_in_the_order_of_the_kinds() -> None:
    faults = [
        Fault(FaultKind.LEAK, "b_1.png", "the same pixels as a_1.png"),
        Fault(FaultKind.MISSING_MASK, "a_2.png", "no a_2_mask.png"),
        Fault(FaultKind.LEAK, "b_2.png", "the same pixels as a_2.png"),
    ]
    assert format_faults(faults) == (
        "image without mask (1)\n"
        f"  expected: {FaultKind.MISSING_MASK.expected}\n"
        f"  to fix: {FaultKind.MISSING_MASK.fix}\n"
        "    a_2.png: no a_2_mask.png\n"
        "\n"
        "same image under two patients (2)\n"
        f"  expected: {FaultKind.LEAK.expected}\n"
        f"  to fix: {FaultKind.LEAK.fix}\n"
        "    b_1.png: the same pixels as a_1.png\n"
        "    b_2.png: the same pixels as a_2.png"
    )
    assert format_faults([]) == ""


@pytest.mark.parametrize(("count", "lines"), [(10, 13), (11, 14)])
def test_at_most_ten_faults_of_a_kind_are_listed(count: int, lines: int) -> None:
    text = format_faults(Fault(FaultKind.SLICE_GAP, f"P{number}", "missing: 2") for number in range(count))
    assert len(text.splitlines()) == lines
    assert ("    and 1 more" in text) == (count == 11)


def test_error_of_one_file_says_what_was_expected_and_how_to_fix_it() -> None:
    error = FaultError(Fault(FaultKind.UNREADABLE, "a\n.png", "0 bytes"))
    assert str(error) == (
        "a\\n.png: unreadable or damaged file: 0 bytes. "
        f"Expected: {FaultKind.UNREADABLE.expected}. To fix: {FaultKind.UNREADABLE.fix}."
    )
