"""Digests, and names and identifiers that only a key leads to."""

import hashlib
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from brainseg.scans.digests import digest_of, keyed_name, keyed_uid


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
