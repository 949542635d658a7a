"""Labels beside lines and dots: moved apart, by hand and by their law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.figures.labels import Label, draw_labels, label_positions
from brainseg.figures.sheet import Sheet
from tests.figures.panels import box_of, texts


def test_labels_by_hand() -> None:
    assert label_positions([0.5, 0.86, 0.9], 0.05) == pytest.approx([0.5, 0.85, 0.9])
    assert label_positions([0.9, 0.9, 0.9], 0.05) == pytest.approx([0.8, 0.85, 0.9])
    assert label_positions([], 0.05) == []


@given(st.lists(st.floats(0, 1), max_size=6).map(sorted))
def test_labels_keep_their_distance(values: list[float]) -> None:
    positions = label_positions(values, 0.05)
    assert (np.diff(positions) >= 0.05 - 1e-9).all()
    assert all(position <= value for position, value in zip(positions, values, strict=True))


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("outside", [True, False])
def test_labels_stand_beside_their_points(scale: str, outside: bool) -> None:
    sheet = Sheet(6, 4, title="")
    axes = sheet.axes(1, 0.5, 3, 3)
    axes.set(xlim=(0, 10), ylim=(1, 100), yscale=scale)
    points = {"low": (2, 3), "high": (9, 60)}
    draw_labels(axes, [Label(x=x, y=y, text=text, colour="red") for text, (x, y) in points.items()], outside=outside)
    boxes = {text.get_text(): box_of(text) for text in texts(sheet) if text.get_text() in points}
    for text, box in boxes.items():
        x, y = axes.transData.transform(points[text])
        assert box.y0 < y < box.y1
        if outside:
            assert box.x0 > axes.bbox.x1
        else:  # towards the middle, close to the point
            assert box.x0 > x if text == "low" else box.x1 < x
            assert min(abs(box.x0 - x), abs(box.x1 - x)) < 25
