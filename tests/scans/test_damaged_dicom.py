"""Damaged DICOM is read or refused with one message, and no decoder takes memory for what a file only declares."""

import struct
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_codestream import check_codestream
from brainseg.scans.dicom_studies import find_dicom_cases
from tests.scans.dicom_encoders import SYNTAXES
from tests.scans.dicom_files import drawn_volume, make_enhanced, make_slices, save, write_series
from tests.scans.dicom_refusal import refusal

VOLUME = drawn_volume((8, 16, 18))


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg lossless", "jpeg-ls", "jpeg 2000", "deflated"])
def test_truncated_file(tmp_path, syntax):
    paths = write_series(tmp_path, VOLUME, syntax=syntax)
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[:-150])
    assert paths[0].name in refusal(tmp_path)


def test_header_cut_off(tmp_path):
    paths = write_series(tmp_path, VOLUME)
    paths[2].write_bytes(paths[2].read_bytes()[:400])
    message = refusal(tmp_path)
    assert "1 damaged file(s) beside 7 others, the first:" in message
    assert "1_0002: no StudyInstanceUID" in message


def test_compressed_frame_of_another_size_than_declared(tmp_path):
    """A codestream of 65,535 x 65,535 is refused before a decoder takes memory for it."""
    for syntax, marker, offset in (("jpeg lossless", b"\xff\xc3", 5), ("jpeg-ls", b"\xff\xf7", 5)):
        folder = tmp_path / syntax
        path = write_series(folder, VOLUME, syntax=syntax)[0]
        content = bytearray(path.read_bytes())
        at = content.index(marker) + offset
        content[at : at + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        assert "compressed pixels of 65535 x 65535" in refusal(folder)
    header = struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 70000, 70000, 0, 0, 70000, 70000, 0, 0, 1)
    with pytest.raises(DamagedFileError, match="70000 x 70000"):
        check_codestream(header, 16, 18)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xc3\x00",
        b"\xff\xd8\x00\x00\x00\x00",
        b"\xff\x4f\xff\x51" + bytes(20),
        struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 18, 16, 0, 0, 0, 16, 0, 0, 1),  # tiles without a size
        struct.pack(">HHHH6I2IH", 0xFF4F, 0xFF51, 41, 0, 5000, 5000, 0, 0, 1, 1, 0, 0, 1),  # 25 million tiles
    ],
)
def test_codestream_without_a_header_that_can_be_read(content):
    with pytest.raises(DamagedFileError, match="without a header that can be read"):
        check_codestream(content, 16, 18)


def test_position_that_is_not_a_number(tmp_path):
    paths = write_series(tmp_path, VOLUME)
    content = paths[0].read_bytes()
    assert b"-40.0\\" in content
    paths[0].write_bytes(content.replace(b"-40.0\\", b"  nan\\"))
    assert "ImagePositionPatient is not 3 number(s)" in refusal(tmp_path)


def test_deflated_bomb(tmp_path, monkeypatch):
    write_series(tmp_path, VOLUME, syntax="deflated")
    monkeypatch.setattr("brainseg.scans.dicom_reading.MAX_FILE_BYTES", 500)
    assert all("when inflated" in (case.fault or "") for case in find_dicom_cases([tmp_path]))


def outcome(folder: Path) -> str:
    """What became of the files: read, or refused; anything else fails the test. No warning is let through."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            for case in find_dicom_cases([folder]):
                read_scan(case)
        except UserError:
            return "refused"
    return "read"


@settings(max_examples=40)  # each writes and reads three files
@given(
    st.sampled_from([name for name in SYNTAXES if name != "jpeg"]),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.none() | st.floats(0.1, 1),
)
def test_mutated_files_are_read_or_refused(tmp_path_factory, syntax, enhanced, changes, cut):
    folder = tmp_path_factory.mktemp("mutated")
    slices = make_slices(VOLUME[:3])
    paths = (
        [save(make_enhanced(slices), folder / "0", syntax)]
        if enhanced
        else [save(each, folder / str(index), syntax) for index, each in enumerate(slices)]
    )
    content = bytearray(paths[0].read_bytes())
    for place, value in changes:
        content[min(len(content) - 1, int(place**2 * len(content)))] = value
    paths[0].write_bytes(content[: int(cut * len(content))] if cut is not None else content)
    assert outcome(folder) in ("read", "refused")
