"""What is drawn in a panel: pixels, grey levels, outlines, agreement and close-ups, looked up in the pixels."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from brainseg.figures.panels import (
    FALSE_POSITIVE_COLOUR,
    MISSED_COLOUR,
    OUTLINE_COLOUR,
    TUMOUR_GREY,
    draw_agreement,
    draw_outline,
    grey_panel,
    mask_panel,
    zoom_in,
)
from brainseg.figures.sheet import PANEL_PIXELS, Sheet
from brainseg.imaging.volume import BoolArray, ByteArray
from tests.figures.panels import grey_image, of_colour, panels_of, square_mask


def new_sheet() -> Sheet:
    return Sheet(2, 2, title="")


def saved(sheet: Sheet, path: Path) -> ByteArray:
    """The only panel of a sheet, as it is saved."""
    sheet.save(path)
    return panels_of(sheet, path)[0]


def grey_of(image: ByteArray, mask: BoolArray, path: Path) -> ByteArray:
    """The grey levels of a panel, in the size of the image."""
    sheet = new_sheet()
    grey_panel(sheet, 0.3, 0.3, image, mask)
    scale = PANEL_PIXELS // len(image)
    return saved(sheet, path)[::scale, ::scale, 0]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_panel_is_drawn_pixel_by_pixel(tmp_path: Path, size: int) -> None:
    mask = np.random.default_rng(2).random((size, size)) > 0.5
    sheet = new_sheet()
    mask_panel(sheet, 0.3, 0.3, mask)
    scale = PANEL_PIXELS // size
    expected = mask.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(saved(sheet, tmp_path / "a.png")[..., 0] == 255, expected)


def test_tumour_is_not_white_and_the_brain_not_dark(tmp_path: Path) -> None:
    """A head of 100, fat of 250 in a hundredth of it, and a tumour that is brighter than the 99th percentile."""
    image = np.zeros((128, 128), np.uint8)
    image[16:112, 16:112] = 100
    image[16, 16:96] = 250
    none = np.zeros((128, 128), np.bool_)
    without = grey_of(image, none, tmp_path / "a.png")
    assert without[64, 64] == 255  # 100, the 99th percentile
    tumour = none.copy()
    tumour[60:66, 60:66] = True
    image[tumour] = 200
    grey = grey_of(image, tumour, tmp_path / "b.png")
    assert grey[62, 62] == pytest.approx(255 * TUMOUR_GREY, abs=1)
    assert grey[40, 40] == pytest.approx(255 * TUMOUR_GREY / 2, abs=1)


def test_black_slice_is_black(tmp_path: Path) -> None:
    black = np.zeros((128, 128), np.uint8)
    assert grey_of(black, square_mask(), tmp_path / "a.png").max() == 0


def test_outline_is_on_the_border_of_the_mask_and_nowhere_else(tmp_path: Path) -> None:
    sheet = new_sheet()
    mask = square_mask()
    axes = grey_panel(sheet, 0.3, 0.3, grey_image()[..., 0], mask)
    draw_outline(axes, mask, OUTLINE_COLOUR)
    outline = of_colour(saved(sheet, tmp_path / "a.png"), OUTLINE_COLOUR)
    doubled = mask.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    border = cv2.dilate(doubled, kernel) != cv2.erode(doubled, kernel)  # two pixels wide
    assert outline[border].mean() > 0.95
    assert not outline[cv2.dilate(border.astype(np.uint8), kernel, iterations=2) == 0].any()


def test_outline_is_closed_at_the_edge_of_the_image(tmp_path: Path) -> None:
    sheet = new_sheet()
    axes = mask_panel(sheet, 0.3, 0.3, np.zeros((128, 128), np.bool_))
    draw_outline(axes, np.ones((128, 128), np.bool_), OUTLINE_COLOUR)
    outline = of_colour(saved(sheet, tmp_path / "a.png"), OUTLINE_COLOUR)
    for edge in (outline[0], outline[-1], outline[:, 0], outline[:, -1]):
        assert edge.all()


def test_agreement_shows_overlap_missed_and_false_positive(tmp_path: Path) -> None:
    """At half size too, which is how a page shows the figure."""
    sheet = new_sheet()
    mask_true = square_mask()  # rows 32 to 63, columns 48 to 95
    mask_pred = np.roll(mask_true, 8, axis=1)
    axes = grey_panel(sheet, 0.3, 0.3, np.where(mask_true, 30, 100).astype(np.uint8), mask_true)
    draw_agreement(axes, mask_true, mask_pred)
    panel = saved(sheet, tmp_path / "a.png")
    for size in (1, 2):
        image = cv2.resize(panel, None, fx=1 / size, fy=1 / size, interpolation=cv2.INTER_AREA)
        found = {
            name: of_colour(image, colour)
            for name, colour in (("missed", MISSED_COLOUR), ("false positive", FALSE_POSITIVE_COLOUR))
        }
        for name, mask in (("missed", mask_true & ~mask_pred), ("false positive", mask_pred & ~mask_true)):
            expected = mask[:: size // 2, :: size // 2] if size == 2 else mask.repeat(2, axis=0).repeat(2, axis=1)
            np.testing.assert_array_equal(found[name], expected, err_msg=name)
        white = image.min(axis=-1) > 150
        top, left, right = (edge * 2 // size for edge in (32, 56, 96))  # of the overlap
        assert white[top - 1 : top + 1, left + 4 : right - 4].any(axis=0).all()
        assert white[top + 8 : top + 16, left : left + 2].any(axis=1).all()  # beside the fill of the missed part
        inside = white[top + 6 : top + 20, left + 8 : right - 8]
        assert not inside.any()


def test_agreement_of_empty_masks_draws_nothing(tmp_path: Path) -> None:
    empty = np.zeros((128, 128), np.bool_)
    panels = []
    for draw in (False, True):
        sheet = new_sheet()
        axes = mask_panel(sheet, 0.3, 0.3, square_mask())
        if draw:
            draw_agreement(axes, empty, empty)
        panels.append(saved(sheet, tmp_path / "a.png"))
    np.testing.assert_array_equal(*panels)


def shown_by(mask: BoolArray) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the close-up of a mask, in pixels from the corner of the image."""
    axes = Figure().add_subplot()
    axes.imshow(mask)
    zoom_in(axes, mask)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    return left + 0.5, right + 0.5, top + 0.5, bottom + 0.5


def test_close_up_by_hand() -> None:
    mask = np.zeros((100, 100), np.bool_)
    assert shown_by(mask) == (0, 100, 0, 100)
    mask[40:50, 60:64] = True
    assert shown_by(mask) == (37, 87, 20, 70)  # half the size, the mask in its middle
    mask[:] = False
    mask[0, 99] = True
    assert shown_by(mask) == (50, 100, 0, 50)  # not beyond the slice
    mask[:] = False
    mask[20:80, 20:30] = True
    assert shown_by(mask) == (0, 78, 11, 89)  # 60 * 1.3


@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.data())
def test_close_up_contains_the_mask_and_nothing_beyond_the_slice(shape: tuple[int, int], data: st.DataObject) -> None:
    mask = np.zeros(shape, np.bool_)
    for _ in range(data.draw(st.integers(1, 4))):
        mask[data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))] = True
    left, right, top, bottom = shown_by(mask)
    assert 0 <= left < right <= shape[1]
    assert 0 <= top < bottom <= shape[0]
    rows, columns = np.nonzero(mask)
    assert top <= rows.min() < rows.max() + 1 <= bottom
    assert left <= columns.min() < columns.max() + 1 <= right
