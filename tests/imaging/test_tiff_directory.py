"""The directory of a TIFF file: damaged ones are refused, whatever they declare."""

import struct

import pytest

from brainseg.imaging.faults import DecodingError
from brainseg.imaging.tiff_directory import MAX_TAGS, MAX_VALUES, count_directories, first_directory
from tests.imaging.pictures import grey_tiff, tiff

GOOD = tiff(grey_tiff(), bytes(32), bytes(32))
DIRECTORY = 72  # offset


def test_values_and_spans() -> None:
    directory = first_directory(GOOD)
    assert directory.tags[256] == (8,)
    assert directory.tags[273] == (8, 40)
    assert directory.following == 0
    assert directory.ascending
    assert directory.spans == ((DIRECTORY, DIRECTORY + 2 + 9 * 12 + 4), (186, 194), (194, 202))


def changed(offset: int, replacement: bytes) -> bytes:
    return GOOD[:offset] + replacement + GOOD[offset + len(replacement) :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"II", "2 bytes without the header of a TIFF file"),
        (changed(2, b"\x29"), "without the header of a TIFF file"),
        (changed(4, b"\xff\xff\xff\xff"), "a TIFF directory that is not inside the file"),
        (changed(DIRECTORY, b"\xff\xff"), "a TIFF directory that is not inside the file"),
        (changed(DIRECTORY + 2 + 5 * 12 + 4, b"\xff\xff\xff\x7f"), "a value of tag 273 that is not inside the file"),
        (changed(DIRECTORY + 2 + 2, b"\x63"), "TIFF tag 256 of the unknown type 99"),
        (b"II\x2b\0\x08\0\0\0" + b"\xff" * 8, "a TIFF directory that is not inside the file"),
        (b"II\x2b\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**64 - 1) + bytes(99), "a TIFF directory that is not inside"),
    ],
)
def test_damage_is_one_error(content: bytes, message: str) -> None:
    with pytest.raises(DecodingError, match=message):
        first_directory(content)


def test_tags_out_of_order_are_noticed() -> None:
    assert not first_directory(changed(DIRECTORY + 2, struct.pack("<H", 257))).ascending
    assert not first_directory(changed(DIRECTORY + 2, struct.pack("<H", 400))).ascending


def test_text_and_huge_lists_have_no_values() -> None:
    assert first_directory(changed(DIRECTORY + 2 + 2, b"\x02")).tags[256] == ()
    long = tiff(grey_tiff(t700=tuple(range(2**17 + 1))), bytes(32), bytes(32))
    assert first_directory(long).tags[700] == ()


def many_tags(count: int, kind: int, values: int) -> bytes:
    """A TIFF file whose tags all refer to the same values."""
    start = 8 + 2 + 12 * count + 4
    entries = b"".join(struct.pack("<HHII", tag, kind, values, start) for tag in range(1, count + 1))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + bytes(4 * values)


def test_tags_that_share_values_take_no_memory() -> None:
    """In a file of a megabyte, 65,000 tags that refer to the same numbers took 60 gigabytes."""
    assert len(first_directory(many_tags(2, 4, MAX_VALUES)).tags[2]) == MAX_VALUES
    with pytest.raises(DecodingError, match="more than 262144 values"):
        first_directory(many_tags(3, 4, MAX_VALUES))
    assert first_directory(many_tags(MAX_TAGS, 1, MAX_VALUES)).tags == dict.fromkeys(range(1, MAX_TAGS + 1), ())
    with pytest.raises(DecodingError, match=f"a TIFF directory with {MAX_TAGS + 1} tags"):
        first_directory(many_tags(MAX_TAGS + 1, 4, 2))


def test_directories_are_counted_and_a_circle_is_refused() -> None:
    assert count_directories(GOOD) == 1
    with pytest.raises(DecodingError, match="form a circle"):
        count_directories(tiff(grey_tiff(), bytes(32), bytes(32), following=DIRECTORY))
