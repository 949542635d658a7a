"""Reading one image or mask: its channels, its values, and all that is refused."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.imaging.faults import FaultError, FaultKind
from brainseg.imaging.raster import quiet_opencv, read_image, read_mask

RED_BLOCK = np.zeros((8, 10, 3), np.uint8)
RED_BLOCK[2:5, 3:7] = (200, 30, 10)  # RGB
BLOCK = np.zeros((8, 10), np.uint8)
BLOCK[2:5, 3:7] = 255


def write(path: Path, pixels: np.ndarray) -> Path:
    """Write pixels in OpenCV's order (BGR)."""
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".bmp", ".TIF"])
def test_image_is_rgb_in_every_format(tmp_path: Path, suffix: str) -> None:
    image = read_image(write(tmp_path / f"a{suffix}", RED_BLOCK[..., ::-1]))
    np.testing.assert_array_equal(image, RED_BLOCK)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


def test_jpeg_is_read_as_image_and_refused_as_mask(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", np.full((16, 16, 3), (10, 30, 200), np.uint8))
    assert np.abs(read_image(path).astype(int) - (200, 30, 10)).max() < 8
    with pytest.raises(FaultError, match=r"a file that does not end in \.tif, \.tiff, \.png, \.bmp"):
        read_mask(path)


def test_grey_image_is_repeated(tmp_path: Path) -> None:
    grey = np.arange(80, dtype=np.uint8).reshape(8, 10)
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", grey)), np.stack([grey] * 3, axis=-1))


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path: Path) -> None:
    bgra = np.dstack([RED_BLOCK[..., ::-1], np.full((8, 10), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", bgra)), RED_BLOCK)
    bgra[0, 0, 3] = 254
    with pytest.raises(FaultError, match="4 channels, transparent or not RGB"):
        read_image(write(tmp_path / "b.png", bgra))


@pytest.mark.parametrize("inside", [255, 1])
def test_mask_is_bool_whatever_its_value_inside(tmp_path: Path, inside: int) -> None:
    path = write(tmp_path / "a.tif", BLOCK // 255 * np.uint8(inside))
    mask = read_mask(path)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, BLOCK == 255)


def test_black_mask_is_empty(tmp_path: Path) -> None:
    mask = read_mask(write(tmp_path / "a.png", np.zeros((4, 4), np.uint8)))
    assert mask.shape == (4, 4)
    assert not mask.any()


def test_mask_with_equal_channels_is_read_and_with_colours_refused(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", np.dstack([BLOCK] * 3))), BLOCK == 255)
    with pytest.raises(FaultError, match="colours"):
        read_mask(write(tmp_path / "b.png", RED_BLOCK))


def test_mask_with_values_in_between_is_refused(tmp_path: Path) -> None:
    smooth = BLOCK.copy()
    smooth[2, 3] = 128
    with pytest.raises(FaultError, match=r"a\.png: mask that is not binary: 3 values: 0, 128, 255"):
        read_mask(write(tmp_path / "a.png", smooth))


def test_mask_without_background_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="every pixel is 255, no background; inverted"):
        read_mask(write(tmp_path / "a.png", np.full((4, 4), 255, np.uint8)))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_more_than_8_bit_is_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(FaultError, match=f"{dtype} pixels where 8-bit are expected"):
        read_image(write(tmp_path / "a.tif", RED_BLOCK.astype(dtype)))


def test_stack_of_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    assert cv2.imwritemulti(str(path), [BLOCK, BLOCK, BLOCK])
    with pytest.raises(FaultError, match="3 images in one file"):
        read_mask(path)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp", "a.jpg"])
def test_every_truncation_is_noticed(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    path = write(tmp_path / name, rng.integers(0, 255, (24, 20, 3), dtype=np.uint8))
    whole, content = read_image(path), path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            image = read_image(path)
        except FaultError as error:
            assert error.fault.kind is FaultKind.UNREADABLE  # noqa: PT017 (some truncations may be harmless)
        else:
            np.testing.assert_array_equal(image, whole)  # a JPEG without its end mark has all its pixels
            assert len(content) - length <= 2
    assert capfd.readouterr().err == ""


def test_truncated_tiff_pixels_are_noticed_when_the_directory_comes_first(tmp_path: Path) -> None:
    # Hand-made: header, directory at offset 8 (as written by programs other than OpenCV), 64 pixels at the end.
    # Tags: width, height, bits, compression, photometric, offset of the pixels, channels, rows per strip, bytes.
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 122, 277: 1, 278: 8, 279: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    content = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + bytes(range(64))
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path)[..., 0], np.arange(64).reshape(8, 8))
    path.write_bytes(content[:-1])
    with pytest.raises(FaultError, match=f"{len(content) - 1} bytes that are not a complete image"):
        read_image(path)


@pytest.mark.parametrize(("content", "found"), [(b"", "0 bytes"), (b"<html>not here</html>", "21 bytes")])
def test_content_that_is_not_an_image_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(FaultError, match=f"unreadable or truncated file: {found} that are not a complete image"):
        read_image(path)


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    for name, found in (("folder", "a folder"), ("pipe", "not a regular file"), ("none", "no such file")):
        with pytest.raises(FaultError, match=found):
            read_image(tmp_path / f"{name}.tif")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", BLOCK)
    path.chmod(0)
    with pytest.raises(FaultError, match="permission denied"):
        read_image(path)


def test_file_name_that_is_not_ascii_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Schädel 脑.png"
    path.write_bytes(cv2.imencode(".png", BLOCK)[1].tobytes())
    assert read_mask(path).sum() == 12


def test_opencv_log_level_is_restored() -> None:
    before = cv2.utils.logging.getLogLevel()
    with quiet_opencv():
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_SILENT
    assert cv2.utils.logging.getLogLevel() == before
