"""Scans from pictures, and the pages of TIFF files."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from brainseg.errors import UserError
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.tiff import decode_tiff
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import find_cases
from brainseg.scans.scan import Scan
from brainseg.scans.tiff_pages import count_pages, split_pages
from tests.scans.scan_files import draw, write_pages, write_slices


def read(path: Path, *, with_masks: bool = False) -> Scan:
    (case,) = find_cases([path])
    return read_scan(case, with_masks=with_masks)


def test_one_patient_in_all_forms_of_pictures_is_the_same_scan(tmp_path: Path) -> None:
    image = draw((6, 20, 18, 3))
    write_slices(tmp_path / "patient", image, "patient_{}.tif")
    write_slices(tmp_path / "png", image, "s{:02}.png")
    write_slices(tmp_path / "bmp", image, "s{}.bmp")
    write_pages(tmp_path / "stack.tif", image)
    scans = [read(tmp_path / name) for name in ("patient", "png", "bmp", "stack.tif")]
    assert [scan.source.kind for scan in scans] == ["kaggle", "slices", "slices", "multipage_tiff"]
    for scan in scans:
        np.testing.assert_array_equal(scan.image, image)
        assert scan.image.dtype == np.uint8
        assert (scan.missing, scan.grid.spacing_mm, scan.slice_step) == ((), None, 1)


def test_grey_pictures_are_flair(tmp_path: Path) -> None:
    write_slices(tmp_path / "grey", draw())
    scan = read(tmp_path / "grey")
    assert scan.missing == ("pre-contrast", "post-contrast")
    assert scan.notes[0] == "The pictures have one sequence, which is taken as FLAIR."
    assert "from the lowest to the highest" in scan.notes[1]


def test_a_channel_that_equals_flair_is_missing(tmp_path: Path) -> None:
    image = draw((3, 8, 8, 3))
    image[..., 2] = image[..., 1]
    write_slices(tmp_path / "a", image)
    assert read(tmp_path / "a").missing == ("post-contrast",)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("shape", [(4, 15, 17), (4, 15, 17, 3)])
def test_pages_are_decoded_as_tifffile_does(tmp_path: Path, compression: str | None, shape: tuple[int, ...]) -> None:
    path = write_pages(tmp_path / "stack.tif", draw(shape), compression=compression)
    pages = [decode_tiff(page) for page in split_pages(path.read_bytes())]
    np.testing.assert_array_equal(pages, tifffile.imread(path))
    assert count_pages(path) == 2
    assert count_pages(path, 9) == 4


@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_in_tiles_and_both_byte_orders(tmp_path: Path, order: str) -> None:
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path, byteorder=order) as writer:
        for plane in draw((3, 40, 50)):
            writer.write(plane, tile=(16, 32), compression="zlib", contiguous=False)
    pages = [decode_tiff(page) for page in split_pages(path.read_bytes())]
    np.testing.assert_array_equal(pages, draw((3, 40, 50)))


def test_pages_in_a_circle_end(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "stack.tif", draw((3, 8, 8)))
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, first)
    with pytest.raises(DecodingError, match="circle"):
        split_pages(bytes(content))
    path.write_bytes(content)
    assert count_pages(path, 100) == 100


def test_pages_that_share_their_pixels_take_no_memory(tmp_path: Path) -> None:
    """A file of ten megabytes with a thousand pages of the same pixels would take ten gigabytes."""
    path = write_pages(tmp_path / "stack.tif", draw((1, 1500, 1500)))
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    size = 2 + 12 * struct.unpack_from("<H", content, first)[0]
    for _ in range(4):
        directory = bytes(content[first : first + size])
        content[4:8] = struct.pack("<I", len(content))
        content += directory + struct.pack("<I", first)
        first = len(content) - size - 4
    with pytest.raises(DecodingError, match="overlap each other"):
        split_pages(bytes(content))


@pytest.mark.parametrize("start", [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0\0\0\0\0\0\0\0\0"])
def test_files_without_pages_are_refused(start: bytes) -> None:
    with pytest.raises(DecodingError):
        split_pages(start)


def test_pages_of_different_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(draw((8, 8)))
        writer.write(draw((9, 8)))
    with pytest.raises(UserError, match=r"stack\.tif, page 2: 9 x 8 pixels, where page 1 has 8 x 8"):
        read(path)


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "stack.tif", draw((3, 30, 30)), compression="tiff_adobe_deflate")
    content = bytearray(path.read_bytes())
    content[-20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"stack\.tif(, page \d)?: unreadable or damaged"):
        read(path)


def test_too_many_pixels_are_refused_after_the_first_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainseg.scans.checks.MAX_VOXELS", 500)
    write_slices(tmp_path / "a", draw((6, 10, 10)))
    with pytest.raises(UserError, match="6 x 10 x 10 voxels are too many"):
        read(tmp_path / "a")


def test_masks_of_a_stack(tmp_path: Path) -> None:
    mask = draw((4, 9, 9)) > 200
    write_pages(tmp_path / "a.tif", draw((4, 9, 9)))
    write_pages(tmp_path / "a_mask.tif", mask.astype(np.uint8) * 255)
    scan = read(tmp_path, with_masks=True)
    np.testing.assert_array_equal(scan.mask_true, mask)
    write_pages(tmp_path / "a_mask.tif", draw((4, 9, 9)))
    with pytest.raises(UserError, match="Expected: 0 and one other"):
        read(tmp_path, with_masks=True)
    write_pages(tmp_path / "a_mask.tif", np.zeros((3, 9, 9), np.uint8))
    with pytest.raises(UserError, match=r"3 x 9 x 9 pixels. Expected: 4 x 9 x 9"):
        read(tmp_path, with_masks=True)


def test_a_folder_of_one_slice(tmp_path: Path) -> None:
    write_slices(tmp_path / "a", draw((1, 9, 9)), "only.png")
    assert read(tmp_path / "a").image.shape == (1, 9, 9, 3)


def test_slices_may_start_at_any_number(tmp_path: Path) -> None:
    for path in write_slices(tmp_path / "a", draw((4, 9, 9)))[:2]:
        path.unlink()
    np.testing.assert_array_equal(read(tmp_path / "a").image[..., 0], draw((4, 9, 9))[2:])
