"""Digests, and names and identifiers that only a key leads to."""

import hashlib
import hmac
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from brainseg.scans.digests import digest_of, keyed_name, keyed_uid, sha256_of


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_name_and_identifier_are_keyed_hashes() -> None:
    digest = hmac.new(b"key", b"name", hashlib.sha256).digest()
    assert keyed_name(b"key", "name") == digest.hex()[:16]
    assert keyed_uid(b"key", b"name") == f"2.25.{int.from_bytes(digest[:16], 'big')}"
    assert keyed_name(b"other", "name") != keyed_name(b"key", "name")


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_identifiers_are_valid_in_dicom(key: bytes, content: bytes) -> None:
    """PS3.5 chapter 9: at most 64 characters, and no component begins with 0 unless it is 0."""
    found = keyed_uid(key, content)
    assert len(found) <= 64
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", found)


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_parts_that_differ_have_different_digests(one: list[bytes], other: list[bytes]) -> None:
    """Also if they are the same when written one after the other."""
    assert (digest_of(*one) == digest_of(*other)) == (one == other)
