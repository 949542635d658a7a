"""The orientation tag: one rule for all formats and all places where it can stand."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.raster import read_image
from tests.imaging.pictures import GREY, fault_of
from tests.imaging.test_png import chunk

PLACES = (
    *("exif.tif", "exif.png", "exif.jpg", "xmp.jpg", "xmp.png", "profile.png", "compressed_profile.png"),
    *("compressed_xmp.png", "xmp_profile.png", "compressed_xmp_profile.png"),
)


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[274] = orientation
    return block.tobytes()


def with_orientation(place: str, orientation: int) -> bytes:
    """A picture whose orientation stands in one place."""
    where, _, suffix = place.partition(".")
    file = io.BytesIO()
    kind = {"tif": "TIFF", "png": "PNG", "jpg": "JPEG"}[suffix]
    options = {"exif": exif(orientation)} if where == "exif" else {}
    Image.fromarray(GREY).save(file, kind, **options)
    content = file.getvalue()
    xmp = f"<rdf:Description tiff:Orientation='{orientation}'/>".encode()
    profile = b"\nexif\n%8d\n" % len(exif(orientation)) + exif(orientation).hex().encode()
    xmp_profile = b"\nxmp\n%8d\n" % len(xmp) + xmp.hex().encode()
    if place == "xmp.jpg":
        segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp
        return content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + content[2:]
    texts = {
        "xmp.png": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        "profile.png": chunk(b"tEXt", b"Raw profile type exif\0" + profile),
        "compressed_profile.png": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)),
        "compressed_xmp.png": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0XMP\0" + zlib.compress(xmp)),
        "xmp_profile.png": chunk(b"tEXt", b"Raw profile type xmp\0" + xmp_profile),
        "compressed_xmp_profile.png": chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(xmp_profile)),
    }
    return content[:33] + texts.get(place, b"") + content[33:] if suffix == "png" else content


@pytest.mark.parametrize("place", PLACES)
def test_orientation_other_than_upright_is_refused(tmp_path: Path, place: str) -> None:
    path = tmp_path / f"a.{place.partition('.')[2]}"
    path.write_bytes(with_orientation(place, 1))
    assert read_image(path).shape == (*GREY.shape, 3)
    if path.suffix != ".jpg":
        np.testing.assert_array_equal(read_image(path)[..., 0], GREY)
    for orientation in (0, 2, 3, 6, 8):
        path.write_bytes(with_orientation(place, orientation))
        kind, found = fault_of(path)
        assert kind is FaultKind.ORIENTATION
        assert found == f"orientation {orientation} where 1 is expected"


def test_damaged_exif_is_refused(tmp_path: Path) -> None:
    content = with_orientation("exif.jpg", 1).replace(b"Exif\0\0MM", b"Exif\0\0XX")
    (tmp_path / "a.jpg").write_bytes(content)
    assert fault_of(tmp_path / "a.jpg")[0] is FaultKind.UNREADABLE
    (tmp_path / "a.png").write_bytes(with_orientation("profile.png", 1))
    content = with_orientation("exif.png", 1)
    damaged = content[:33] + chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  4\nxyz") + content[33:]
    (tmp_path / "a.png").write_bytes(damaged)
    assert fault_of(tmp_path / "a.png") == (FaultKind.UNREADABLE, "a damaged EXIF or XMP profile")
