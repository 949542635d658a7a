"""Reading one image or mask: its channels, its values, and all that is refused, in any format."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.fault_kinds import MAX_FILE_BYTES, MAX_SIDE, FaultKind
from brainseg.imaging.faults import FaultError
from brainseg.imaging.raster import read_image, read_mask, read_mask_and_value
from tests.imaging.pictures import BLOCK, GREY, RGB, fault_of, grey_tiff, tiff, write
from tests.project import ROOT


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".bmp", ".TIF"])
def test_image_is_rgb_in_every_format(tmp_path: Path, suffix: str) -> None:
    image = read_image(write(tmp_path / f"a{suffix}", RGB[..., ::-1]))
    np.testing.assert_array_equal(image, RGB)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".jpg"])
def test_grey_image_is_repeated(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", GREY)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    image = read_image(path)
    np.testing.assert_array_equal(image, np.stack([stored] * 3, axis=-1))
    assert image.flags.c_contiguous


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path: Path, suffix: str) -> None:
    bgra = np.dstack([RGB[..., ::-1], np.full((8, 10), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(write(tmp_path / f"a{suffix}", bgra)), RGB)
    bgra[0, 0, 3] = 254
    assert fault_of(write(tmp_path / f"b{suffix}", bgra)) == (
        FaultKind.CHANNELS,
        "4 channels, transparent or not RGB",
    )


def test_format_is_told_by_the_content(tmp_path: Path) -> None:
    png = write(tmp_path / "a.png", RGB[..., ::-1]).rename(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(png), RGB)
    jpeg = write(tmp_path / "b.jpg", BLOCK).rename(tmp_path / "b.png")
    assert fault_of(jpeg, mask=True) == (FaultKind.FORMAT, "a JPEG whose name ends in .png")
    assert read_image(jpeg).shape == (8, 10, 3)


def test_jpeg_is_refused_as_mask(tmp_path: Path) -> None:
    kind, found = fault_of(write(tmp_path / "a.jpg", BLOCK), mask=True)
    assert (kind, found) == (FaultKind.FORMAT, "a file that does not end in .tif, .tiff, .png, .bmp")


@pytest.mark.parametrize("inside", [255, 1, 16])
def test_mask_is_bool_whatever_its_value_inside(tmp_path: Path, inside: int) -> None:
    mask, value = read_mask_and_value(write(tmp_path / "a.tif", BLOCK // 255 * np.uint8(inside)))
    assert mask.dtype == np.bool_
    assert mask.flags.c_contiguous
    np.testing.assert_array_equal(mask, BLOCK == 255)
    assert value == inside


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_mask_of_one_bit_is_read(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(BLOCK).convert("1").save(tmp_path / f"a{suffix}")
    mask, value = read_mask_and_value(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(mask, BLOCK == 255)
    assert value == 255


def test_black_mask_is_empty(tmp_path: Path) -> None:
    mask, value = read_mask_and_value(write(tmp_path / "a.png", np.zeros((4, 4), np.uint8)))
    assert mask.shape == (4, 4)
    assert not mask.any()
    assert value == 0


def test_mask_with_equal_channels_is_read_and_with_colours_refused(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", np.dstack([BLOCK] * 3))), BLOCK == 255)
    red = np.dstack([BLOCK * 0, BLOCK * 0, BLOCK])
    expected = (FaultKind.COLOURED_MASK, "2 colours: (0, 0, 0), (255, 0, 0)")
    assert fault_of(write(tmp_path / "b.png", red), mask=True) == expected


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_palette_is_looked_up(tmp_path: Path, suffix: str) -> None:
    picture = Image.fromarray(np.array(BLOCK == 255, np.uint8), "P")
    picture.putpalette([0, 0, 0, 90, 90, 90])
    picture.save(tmp_path / f"grey{suffix}")
    assert read_mask_and_value(tmp_path / f"grey{suffix}")[1] == 90
    picture.putpalette([255, 255, 255, 128, 0, 0])
    picture.save(tmp_path / f"colour{suffix}")
    expected = np.where(BLOCK[..., None] == 255, (128, 0, 0), 255)
    np.testing.assert_array_equal(read_image(tmp_path / f"colour{suffix}"), expected)
    kind, found = fault_of(tmp_path / f"colour{suffix}", mask=True)
    assert (kind, found) == (FaultKind.COLOURED_MASK, "2 colours: (128, 0, 0), (255, 255, 255)")


def test_mask_with_values_in_between_is_refused(tmp_path: Path) -> None:
    smooth = BLOCK.copy()
    smooth[2, 3] = 128
    path = write(tmp_path / "a.png", smooth)
    assert fault_of(path, mask=True) == (FaultKind.NOT_BINARY, "3 values: 0, 128, 255")
    with pytest.raises(FaultError, match=r"a\.png: mask that is not binary: 3 values: 0, 128, 255"):
        read_mask(path)
    noise = np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8)
    assert fault_of(write(tmp_path / "b.png", noise), mask=True)[1].endswith(", ...")


def test_labels_are_told_from_smoothing(tmp_path: Path) -> None:
    labels = np.zeros((8, 8), np.uint8)
    labels[0, :3] = (1, 2, 4)
    kind, found = fault_of(write(tmp_path / "a.png", labels), mask=True)
    assert (kind, found) == (FaultKind.SEVERAL_LABELS, "4 values: 0, 1, 2, 4")
    assert "BraTS" in kind.fix


@pytest.mark.parametrize(("rows", "accepted"), [(4, True), (5, False), (8, False)])
def test_mask_of_more_than_half_of_the_pixels_is_refused(tmp_path: Path, rows: int, accepted: bool) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[:rows] = 1
    path = write(tmp_path / "a.png", mask)
    if accepted:
        assert read_mask(path).sum() == 32
    else:
        assert fault_of(path, mask=True) == (FaultKind.INVERTED_MASK, f"{rows * 12.5:.0f}% of the pixels are 1")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("mask", [False, True])
def test_16_bits_are_refused_with_other_advice_for_a_mask(tmp_path: Path, suffix: str, mask: bool) -> None:
    kind, found = fault_of(write(tmp_path / f"a{suffix}", (BLOCK // 255).astype(np.uint16)), mask=mask)
    assert kind is (FaultKind.MASK_DEPTH if mask else FaultKind.IMAGE_DEPTH)
    assert found.startswith("16-bit ")
    assert ("radiologist" in kind.fix) == (not mask)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp", "a.jpg"])
def test_every_truncation_is_noticed(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / name, np.random.default_rng(0).integers(0, 255, (10, 9, 3), dtype=np.uint8))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert fault_of(path)[0] is FaultKind.UNREADABLE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("content", "found"), [(b"", "0 bytes"), (b"<html>not here</html>", "21 bytes")])
def test_content_that_is_not_an_image_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert fault_of(tmp_path / "a.tif") == (FaultKind.UNREADABLE, f"{found} that are not an image")


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    for name, found in (("folder", "a folder"), ("pipe", "not a regular file"), ("none", "no such file or directory")):
        assert fault_of(tmp_path / f"{name}.tif") == (FaultKind.UNREADABLE, found)


def test_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(500 * 2**30)  # sparse: it takes no space
    (tmp_path / "b.tif").write_bytes(bytes(MAX_FILE_BYTES))
    assert fault_of(tmp_path / "b.tif")[0] is FaultKind.UNREADABLE
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    assert fault_of(tmp_path / "a.tif") == (FaultKind.TOO_LARGE, "512000 MiB")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".jpg"])
def test_largest_side_is_read_and_a_larger_one_refused(tmp_path: Path, suffix: str) -> None:
    for side in (MAX_SIDE, MAX_SIDE + 1):
        write(tmp_path / f"{side}{suffix}", np.zeros((side, 3), np.uint8))
    assert read_image(tmp_path / f"{MAX_SIDE}{suffix}").shape == (MAX_SIDE, 3, 3)
    assert fault_of(tmp_path / f"{MAX_SIDE + 1}{suffix}") == (FaultKind.TOO_LARGE, "2049 x 3 pixels")


def declare(suffix: str, side: int) -> bytes:
    """A small file whose header declares side x side pixels."""
    if suffix == ".tif":
        return tiff(grey_tiff(t256=side, t257=side, t278=side, t273=-1, t279=32), bytes(32))
    content = cv2.imencode(suffix, np.zeros((16, 16), np.uint8))[1].tobytes()
    if suffix == ".png":
        header = b"IHDR" + side.to_bytes(4) * 2 + content[24:29]
        return content[:12] + header + zlib.crc32(header).to_bytes(4) + content[33:]
    if suffix == ".bmp":
        return content[:18] + side.to_bytes(4, "little") * 2 + content[26:]
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + side.to_bytes(2) * 2 + content[start + 4 :]


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".jpg"])
def test_size_is_refused_before_memory_is_taken(tmp_path: Path, suffix: str) -> None:
    """Read by a process that may not take the memory for 60,000 x 60,000 pixels."""
    (tmp_path / f"a{suffix}").write_bytes(declare(suffix, 60_000))
    code = (
        "import resource, sys; from pathlib import Path; from brainseg.imaging.raster import read_image\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "try: read_image(Path(sys.argv[1]))\n"
        "except Exception as error: print(error.fault.kind.name, error.fault.found)"
    )
    arguments = [sys.executable, "-c", code, tmp_path / f"a{suffix}"]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "TOO_LARGE 60000 x 60000 pixels"
    assert result.stderr == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", BLOCK)
    path.chmod(0)
    assert fault_of(path) == (FaultKind.UNREADABLE, "permission denied")


def test_file_name_that_is_not_ascii_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Schädel 脑.png"
    path.write_bytes(cv2.imencode(".png", BLOCK)[1].tobytes())
    assert read_mask(path).sum() == 12


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT names no folder with the Kaggle set")
def test_real_slices_are_read_as_opencv_reads_them() -> None:
    paths = sorted(Path(os.environ["LGG_ROOT"]).glob("*/*.tif"))
    fractions = []
    for path in paths[::7]:
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if path.stem.endswith("_mask"):
            fractions.append(read_mask(path).mean())
            np.testing.assert_array_equal(read_mask(path), stored == 255)
        else:
            np.testing.assert_array_equal(read_image(path), stored[..., ::-1])
    assert max(fractions) < 0.15
