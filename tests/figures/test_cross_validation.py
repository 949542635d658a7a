"""The figure of a cross-validation: any number of patients, no misleading line, the same bytes twice."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.evaluation.cross_validation import PatientSource
from brainseg.figures.cross_validation import draw_dice_distribution, label_positions


def draw(path: Path, count: int, source: PatientSource) -> np.ndarray:
    """Draw patients with a Dice from 0.3 to 0.95; returns the figure, shape (H, W, 3), int64, BGR."""
    draw_dice_distribution(pd.DataFrame({"dice": np.linspace(0.3, 0.95, count)}), path, source=source)
    return cv2.imread(str(path)).astype(int)


@pytest.mark.parametrize("source", ["published", "synthetic", "other"])
def test_published_scores_are_drawn_for_the_published_set_only(tmp_path: Path, source: PatientSource) -> None:
    figure = draw(tmp_path / "a.png", 9, source)
    orange = (figure == (0x00, 0x5E, 0xD5)).all(axis=2)
    red = (figure == (0x1F, 0x12, 0xC1)).all(axis=2)
    assert orange.any() == (source == "published")
    assert red.any() == (source == "synthetic")


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_any_number_of_patients_is_drawn(tmp_path: Path, count: int) -> None:
    figure = draw(tmp_path / "a.png", count, "other")
    blue = (figure == (0xB2, 0x72, 0x00)).all(axis=2)
    assert blue.any() == (count > 0)


def test_patients_without_a_dice_are_left_out(tmp_path: Path) -> None:
    known = pd.DataFrame({"dice": [0.3, 0.6, 0.9]})
    draw_dice_distribution(known, tmp_path / "a.png", source="other")
    draw_dice_distribution(pd.concat([known, pd.DataFrame({"dice": [np.nan]})]), tmp_path / "b.png", source="other")
    first, second = (cv2.imread(str(tmp_path / name)) for name in ("a.png", "b.png"))
    rows = np.flatnonzero((first != second).any(axis=(1, 2)))
    assert rows.min() > 0.88 * len(first)  # only the caption, which counts them, differs


def test_same_patients_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, 9, "published")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_labels_by_hand() -> None:
    assert label_positions([0.5, 0.86, 0.9], 0.05) == pytest.approx([0.5, 0.85, 0.9])
    assert label_positions([0.9, 0.9, 0.9], 0.05) == pytest.approx([0.8, 0.85, 0.9])
    assert label_positions([], 0.05) == []


@given(st.lists(st.floats(0, 1), max_size=6).map(sorted))
def test_labels_keep_their_distance(values: list[float]) -> None:
    positions = label_positions(values, 0.05)
    assert (np.diff(positions) >= 0.05 - 1e-9).all()
    assert all(position <= value for position, value in zip(positions, values, strict=True))
