"""Digests of several values together, and names and identifiers that only a key leads to."""

import hashlib
import hmac

NAME_DIGITS = 16  # hexadecimal, of a name: two of a million cases are the same once in 37 million trials


def digest_of(*parts: bytes) -> bytes:
    """SHA-256 of several parts, each with its length."""
    content = hashlib.sha256()
    for part in parts:
        content.update(len(part).to_bytes(8, "big") + part)
    return content.digest()


def keyed_name(key: bytes, name: str) -> str:
    """The name that stands for another one; without the key it cannot be guessed."""
    return hmac.digest(key, name.encode(), "sha256").hex()[:NAME_DIGITS]


def keyed_uid(key: bytes, content: bytes) -> str:
    """The DICOM identifier that stands for something.

    Source: DICOM PS3.5 B.2, UIDs from UUIDs below 2.25.
    """
    return f"2.25.{int.from_bytes(hmac.digest(key, content, 'sha256')[:16], 'big')}"
