"""The first look at a data set: which panels, large slices, titles, the warning."""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brainseg.figures.panels import OUTLINE_COLOUR
from brainseg.figures.sheet import PANEL_PIXELS
from brainseg.figures.slices import draw_slices
from brainseg.figures.warning_lines import SYNTHETIC
from brainseg.imaging.volume import Volume
from tests.figures.panels import (
    check_texts,
    grey_image,
    of_colour,
    one_slice,
    panels_of,
    saved_sheets,
    square_mask,
    written,
)


def test_each_sequence_is_drawn_in_grey_beside_the_mask_and_its_outline(tmp_path: Path) -> None:
    image = np.zeros((128, 128, 3), np.uint8)
    for channel, top in enumerate((0, 40, 80)):
        image[top : top + 30, :, channel] = 100
    with saved_sheets() as sheets:
        draw_slices([one_slice(image, square_mask())], tmp_path / "slices.png")
    *sequences, mask, outline = panels_of(sheets[0], tmp_path / "slices.png")
    for channel, panel in enumerate(sequences):
        assert (panel.max(axis=-1) == panel.min(axis=-1)).all()
        bright = image[..., channel].repeat(2, axis=0).repeat(2, axis=1) > 0
        assert panel[bright].min() > 200
        assert panel[~bright].max() == 0
    np.testing.assert_array_equal(mask[..., 0] == 255, square_mask().repeat(2, axis=0).repeat(2, axis=1))
    assert of_colour(outline, OUTLINE_COLOUR).any()
    for heading in ("pre-contrast", "FLAIR", "post-contrast", "mask", "TCGA_CS_0001_20000101, slice 7"):
        assert heading in written(sheets[0]).splitlines()


def test_slice_without_tumour_has_no_outline(tmp_path: Path) -> None:
    with saved_sheets() as sheets:
        draw_slices([one_slice(grey_image(), np.zeros((128, 128), np.bool_))], tmp_path / "slices.png")
    assert not of_colour(panels_of(sheets[0], tmp_path / "slices.png")[4], OUTLINE_COLOUR).any()


@pytest.mark.parametrize("count", [1, 5])
def test_every_slice_has_a_row_at_most_1600_pixels_wide(tmp_path: Path, count: int) -> None:
    with saved_sheets() as sheets:
        draw_slices([one_slice(grey_image(), square_mask())] * count, tmp_path / "slices.png", warnings=[SYNTHETIC])
    assert len(panels_of(sheets[0], tmp_path / "slices.png")) == 5 * count
    assert sheets[0].figure.bbox.width <= 1600
    assert SYNTHETIC in written(sheets[0])
    check_texts(sheets[0])


def test_large_slices_are_shrunk_one_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[Volume]] = []

    def volumes() -> Iterator[Volume]:
        for _ in range(3):
            assert not any(reference() for reference in alive), "two volumes in memory"
            volume = one_slice(grey_image(2048), square_mask(2048))
            alive.append(weakref.ref(volume))
            yield volume
            del volume

    with saved_sheets() as sheets:
        draw_slices(volumes(), tmp_path / "slices.png")
    drawn = [image.get_array() for axes in sheets[0].figure.axes for image in axes.images]
    assert len(drawn) == 15
    assert {max(array.shape[:2]) for array in drawn} == {PANEL_PIXELS}
    assert {type(array.base) for array in drawn if array.base is not None} <= {np.ndarray}
    assert max(array.base.nbytes for array in drawn if array.base is not None) <= 3 * PANEL_PIXELS**2


@pytest.mark.parametrize("patient_id", ["a $x_{$ " + "W" * 250, "张伟" * 60, "สมชาย", "x" * 255])
def test_black_slice_of_any_shape_and_any_patient_id_are_drawn(tmp_path: Path, patient_id: str) -> None:
    black = one_slice(np.zeros((20, 33, 3), np.uint8), np.zeros((20, 33), np.bool_), patient_id=patient_id)
    with saved_sheets() as sheets:
        draw_slices([black], tmp_path / "slices.png")
    check_texts(sheets[0])
    assert ", slice 7" in written(sheets[0])
