"""Decoding TIFF: what is read, what is refused, and that nothing is filled with black or cut off."""

from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.raster import read_image, read_mask
from tests.imaging.pictures import BLOCK, fault_of, grey_tiff, tiff, write

PIXELS = bytes(range(64))
HALVES = (PIXELS[:32], PIXELS[32:])
RGB = np.random.default_rng(0).integers(0, 255, (50, 37, 3), dtype=np.uint8)


def save(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def found_in(tmp_path: Path, content: bytes) -> tuple[FaultKind, str]:
    return fault_of(save(tmp_path / "a.tif", content))


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
@pytest.mark.parametrize(
    "options",
    [
        {"rowsperstrip": 7},
        {"rowsperstrip": 50},
        {"tile": (32, 16)},
        {"planarconfig": "separate", "rowsperstrip": 20},
        {"planarconfig": "separate", "tile": (16, 48)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"bigtiff": True, "byteorder": ">"},
    ],
    ids=lambda options: "-".join(options),
)
def test_layouts(tmp_path: Path, compression: str | None, options: dict[str, object]) -> None:
    separate = options.get("planarconfig") == "separate"
    pictures = {"rgb": RGB.transpose(2, 0, 1) if separate else RGB} | ({} if separate else {"minisblack": RGB[..., 0]})
    for photometric, pixels in pictures.items():
        for predictor in (False, True) if compression in ("lzw", "zlib") else (False,):
            path = tmp_path / f"{photometric}_{predictor}.tif"
            settings = {"photometric": photometric, "compression": compression, "predictor": predictor, **options}
            tifffile.imwrite(path, pixels, **settings)
            expected = RGB if photometric == "rgb" else np.stack([pixels] * 3, axis=-1)
            np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("compression", [None, "lzw", "packbits"])
def test_grey_with_0_as_white_is_inverted(tmp_path: Path, compression: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 255 - BLOCK, photometric="miniswhite", compression=compression)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), BLOCK == 255)
    stored = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], stored)
    tifffile.imwrite(tmp_path / "b.tif", BLOCK == 0, photometric="miniswhite", compression=compression)
    np.testing.assert_array_equal(read_mask(tmp_path / "b.tif"), BLOCK == 255)


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_channels_that_are_tagged_as_grey_are_refused(tmp_path: Path, samples: int, planar: str) -> None:
    pixels = np.stack([RGB[..., 0]] * samples, axis=-1 if planar == "contig" else 0)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig=planar, compression="lzw")
    expected = (FaultKind.CHANNELS, f"{samples} channel(s) tagged as grey")
    assert fault_of(tmp_path / "a.tif") == expected
    assert fault_of(tmp_path / "a.tif", mask=True) == expected


def test_one_hot_mask_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([255 - BLOCK, BLOCK]), photometric="minisblack", planarconfig="contig"
    )
    assert fault_of(tmp_path / "a.tif", mask=True) == (FaultKind.CHANNELS, "2 channel(s) tagged as grey")


def test_alpha_is_dropped_if_it_is_opaque(tmp_path: Path) -> None:
    for value, name in ((255, "opaque"), (254, "other")):
        for pixels, photometric in ((RGB, "rgb"), (RGB[..., :1], "minisblack")):
            with_alpha = np.dstack([pixels, np.full(RGB.shape[:2], value, np.uint8)])
            path = tmp_path / f"{name}_{photometric}.tif"
            tifffile.imwrite(path, with_alpha, photometric=photometric, planarconfig="contig", extrasamples=[2])
            if name == "opaque":
                np.testing.assert_array_equal(read_image(path), np.broadcast_to(pixels, RGB.shape))
            else:
                assert fault_of(path)[0] is FaultKind.CHANNELS


def test_five_channels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([RGB, RGB[..., :2]]), photometric="rgb")
    assert fault_of(tmp_path / "a.tif") == (FaultKind.CHANNELS, "5 channel(s) tagged as RGB")


@pytest.mark.parametrize(
    ("compression", "name"),
    [("jpeg2000", "JPEG 2000"), ("zstd", "Zstandard"), ("lzma", "LZMA"), ("webp", "WebP"), ("jpeg", "JPEG")],
)
def test_other_compressions_are_refused_by_name(tmp_path: Path, compression: str, name: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", compression=compression)
    assert fault_of(tmp_path / "a.tif") == (FaultKind.ENCODING, f"TIFF compression {name}")


@pytest.mark.parametrize(
    ("changes", "kind", "found"),
    [
        ({"t258": 4}, FaultKind.ENCODING, "a TIFF of 1 channel(s) of 4 bits"),
        ({"t258": 16}, FaultKind.IMAGE_DEPTH, "16-bit unsigned pixels where 8-bit unsigned are expected"),
        ({"t339": 2}, FaultKind.IMAGE_DEPTH, "8-bit signed pixels where 8-bit unsigned are expected"),
        ({"t262": 5}, FaultKind.CHANNELS, "1 channel(s) tagged as CMYK"),
        ({"t262": 32803}, FaultKind.CHANNELS, "1 channel(s) tagged as photometric 32803"),
        ({"t259": 65000}, FaultKind.ENCODING, "TIFF compression number 65000"),
        ({"t262": 3, "t320": (0,) * 6}, FaultKind.UNREADABLE, "a palette of 6 values where 768 are needed"),
        ({"t338": (1, 2)}, FaultKind.UNREADABLE, "2 extra channels in a TIFF of 1 channels"),
        ({"t257": (8, 8)}, FaultKind.UNREADABLE, "TIFF tag 257 with other than one value, a whole number"),
        ({"t257": 9}, FaultKind.UNREADABLE, "2 offsets and 2 sizes of TIFF strips or tiles where 3 are needed"),
        ({"t273": (-1,), "t279": (32,)}, FaultKind.UNREADABLE, "1 offsets and 1 sizes of TIFF strips or tiles where 2"),
        ({"t257": 0}, FaultKind.UNREADABLE, "a header that declares 0 x 8 pixels"),
        ({"t256": 2049}, FaultKind.TOO_LARGE, "8 x 2049 pixels"),
        ({"t278": 0}, FaultKind.UNREADABLE, "TIFF strips without rows"),
        ({"t279": (32, 31)}, FaultKind.UNREADABLE, "strip or tile 2 of 2 does not give its 4 rows (uncompressed)"),
        ({"t279": (32, 33)}, FaultKind.UNREADABLE, "TIFF strips or tiles that overlap each other or the directory"),
        ({"t279": (32, 0)}, FaultKind.UNREADABLE, "strip or tile 2 of 2 is empty"),
        ({"t279": (32, 9999)}, FaultKind.UNREADABLE, "strip or tile 2 of 2 is not inside the file"),
        ({"t273": (-1, -1)}, FaultKind.UNREADABLE, "TIFF strips or tiles that overlap each other or the directory"),
        ({"t273": (0, -2)}, FaultKind.UNREADABLE, "TIFF strips or tiles that overlap each other or the directory"),
        ({"t324": -1, "t325": 64, "t322": 8, "t323": 8}, FaultKind.UNREADABLE, "TIFF tiles of 8 x 8 pixels"),
        ({"t274": 6}, FaultKind.ORIENTATION, "orientation 6 where 1 is expected"),
    ],
    ids=lambda value: ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_tags_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, int | tuple[int, ...]], kind: FaultKind, found: str
) -> None:
    np.testing.assert_array_equal(
        read_image(save(tmp_path / "good.tif", tiff(grey_tiff(), *HALVES)))[..., 0], np.arange(64).reshape(8, 8)
    )
    actual = found_in(tmp_path, tiff(grey_tiff(**changes), *HALVES))
    assert actual[0] is kind
    assert actual[1].startswith(found)


def test_last_strip_may_be_cut_or_whole(tmp_path: Path) -> None:
    whole = tiff(grey_tiff(t257=7), *HALVES)
    cut = tiff(grey_tiff(t257=7, t279=(32, 24)), PIXELS[:32], PIXELS[32:56])
    for content in (whole, cut):
        image = read_image(save(tmp_path / "a.tif", content))
        np.testing.assert_array_equal(image[..., 0], np.arange(56).reshape(7, 8))


@pytest.mark.parametrize(
    ("compression", "encode"),
    [(5, imagecodecs.lzw_encode), (8, imagecodecs.zlib_encode), (32773, imagecodecs.packbits_encode)],
)
@pytest.mark.parametrize("extra", [-1, 1, 10_000])
def test_strip_that_decodes_to_more_or_less_is_refused(
    tmp_path: Path, compression: int, encode: object, extra: int
) -> None:
    first = encode(PIXELS[:32])
    for second, accepted in ((encode(PIXELS[32:]), True), (encode((PIXELS[32:] + bytes(10_000))[: 32 + extra]), False)):
        tags = grey_tiff(t259=compression, t279=(len(first), len(second)))
        path = save(tmp_path / "a.tif", tiff(tags, first, second))
        if accepted:
            np.testing.assert_array_equal(read_image(path)[..., 0], np.arange(64).reshape(8, 8))
        else:
            kind, found = fault_of(path)
            assert kind is FaultKind.UNREADABLE
            assert found.startswith("strip or tile 2 of 2 does not give its 4 rows (")


@pytest.mark.parametrize("compression", ["lzw", "zlib"])
def test_hole_in_a_compressed_strip_is_noticed(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB, photometric="rgb", compression=compression)
    with tifffile.TiffFile(path) as file:
        start, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start + size // 2 : start + size * 3 // 4] = bytes(size * 3 // 4 - size // 2)
    path.write_bytes(content)
    assert fault_of(path)[0] is FaultKind.UNREADABLE


def test_stack_of_images_is_refused(tmp_path: Path) -> None:
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), [BLOCK, BLOCK, BLOCK])
    assert fault_of(tmp_path / "a.tif", mask=True) == (FaultKind.SEVERAL_IMAGES, "3 images in one file")


def test_stack_with_one_directory_is_refused(tmp_path: Path) -> None:
    stack = np.stack([RGB[:32, :32, 0]] * 3)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", truncate=True)
    assert fault_of(tmp_path / "a.tif")[0] is FaultKind.SEVERAL_IMAGES
    tifffile.imwrite(tmp_path / "b.tif", stack, photometric="minisblack", volumetric=True, tile=(16, 16, 16))
    assert fault_of(tmp_path / "b.tif") == (FaultKind.SEVERAL_IMAGES, "3 slices in one image")


def test_pixels_are_those_of_opencv(tmp_path: Path) -> None:
    for compression in (cv2.IMWRITE_TIFF_COMPRESSION_LZW, cv2.IMWRITE_TIFF_COMPRESSION_ADOBE_DEFLATE, 32773, 1):
        path = tmp_path / f"{compression}.tif"
        assert cv2.imwrite(str(path), RGB, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
        np.testing.assert_array_equal(read_image(path), cv2.imread(str(path))[..., ::-1])
    np.testing.assert_array_equal(read_mask(write(tmp_path / "mask.tif", BLOCK)), BLOCK == 255)
