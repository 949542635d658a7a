"""Slices as panels: what is drawn where, and outlines on the border of the mask."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.figures.sheet import DPI, MARGIN, PANEL_GAP, PANEL_SIZE, ROW_HEIGHT, TRUE_COLOUR
from brainseg.figures.slices import draw_slices
from tests.figures.panels import PANEL_PIXELS, grey_image, of_colour, panel_of, read_png, square_mask


@pytest.mark.parametrize("size", [64, 128, 256])
def test_slices_are_drawn_pixel_by_pixel(tmp_path: Path, size: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    mask = np.random.default_rng(2).random((size, size)) > 0.5
    draw_slices([("title", image, mask)] * 4, tmp_path / "slices.png")
    figure = read_png(tmp_path / "slices.png")
    scale = PANEL_PIXELS // size
    np.testing.assert_array_equal(panel_of(figure, 0), image.repeat(scale, axis=0).repeat(scale, axis=1))
    expected_mask = mask.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(panel_of(figure, 1)[..., 0] == 255, expected_mask)


def test_outline_is_on_the_border_of_the_mask_and_nowhere_else(tmp_path: Path) -> None:
    draw_slices([("title", grey_image(), square_mask())], tmp_path / "slices.png")
    outline = of_colour(panel_of(read_png(tmp_path / "slices.png"), 2), TRUE_COLOUR)
    doubled = square_mask().repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    border = cv2.dilate(doubled, kernel) != cv2.erode(doubled, kernel)  # two pixels wide
    assert outline[border].mean() > 0.95
    assert not outline[cv2.dilate(border.astype(np.uint8), kernel, iterations=2) == 0].any()


def test_outline_is_closed_at_the_edge_of_the_image(tmp_path: Path) -> None:
    draw_slices([("title", grey_image(), np.ones((128, 128), np.bool_))], tmp_path / "slices.png")
    outline = of_colour(panel_of(read_png(tmp_path / "slices.png"), 2), TRUE_COLOUR)
    assert outline[0].all()
    assert outline[-1].all()
    assert outline[:, 0].all()
    assert outline[:, -1].all()


def test_slice_without_tumour_has_no_outline(tmp_path: Path) -> None:
    draw_slices([("title", grey_image(), np.zeros((128, 128), np.bool_))], tmp_path / "slices.png")
    assert not of_colour(read_png(tmp_path / "slices.png"), TRUE_COLOUR).any()


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 2, 2), (5, 2, 3)])
def test_more_than_two_slices_stand_in_two_columns(tmp_path: Path, count: int, columns: int, rows: int) -> None:
    draw_slices([("title", grey_image(), square_mask())] * count, tmp_path / "slices.png")
    figure = read_png(tmp_path / "slices.png")
    width, height = round((3 * PANEL_SIZE + 2 * PANEL_GAP + MARGIN) * DPI), round(ROW_HEIGHT * DPI)
    assert figure.shape[1] == pytest.approx(columns * width + MARGIN * DPI, abs=1)
    centres = [figure[150 + row * height, 150 + column * width] for column in range(columns) for row in range(rows)]
    assert sum(bool(np.any(centre < 255)) for centre in centres) == count


def test_black_slice_of_any_shape_and_any_title_are_drawn(tmp_path: Path) -> None:
    black = np.zeros((20, 33, 3), dtype=np.uint8)
    draw_slices([("a $x$ _{ " + "W" * 200, black, np.zeros((20, 33), np.bool_))], tmp_path / "slices.png")
    figure = read_png(tmp_path / "slices.png")
    assert (figure[:, -round(MARGIN * DPI) + 2 :] == 255).all()  # the title ends where the panels do
