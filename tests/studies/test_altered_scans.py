"""Altered copies of scans, and what is said of their scores."""

import numpy as np
import pandas as pd
import pytest

from brainseg.imaging.head import find_head
from brainseg.imaging.volume import FLAIR
from studies.altered_scans import ALTERATIONS, predict_resized, summarise
from tests.imaging.drawn_head import draw_head

IMAGE = np.rint(draw_head()).astype(np.uint8)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_alteration_keeps_the_shape_and_its_argument(name: str) -> None:
    before = IMAGE.copy()
    altered = ALTERATIONS[name](IMAGE)
    assert altered.shape == IMAGE.shape
    np.testing.assert_array_equal(IMAGE, before)
    assert np.array_equal(altered, IMAGE) == (name == "unaltered")


@pytest.mark.parametrize("name", [name for name in ALTERATIONS if "skull" not in name])
def test_the_head_is_found_in_the_same_place(name: str) -> None:
    expected, found = find_head(IMAGE), find_head(ALTERATIONS[name](IMAGE))
    assert found.mirror_axis == pytest.approx(expected.mirror_axis, abs=2)
    assert found.box.height == pytest.approx(expected.box.height, abs=2)


@pytest.mark.parametrize(("factor", "pad"), [(0.5, False), (2.0, False), (1.5, True)])
def test_a_prediction_comes_back_to_the_original_grid(factor: float, pad: bool) -> None:
    """With a prediction that is bright FLAIR, away from the edges of the scalp."""
    back = predict_resized(lambda image: image[..., FLAIR].astype(np.float32), IMAGE, factor, pad=pad)
    assert back.shape == IMAGE.shape[:3]
    smooth = np.abs(np.diff(IMAGE[..., FLAIR].astype(float), axis=1, prepend=0)) < 5
    assert np.median(np.abs(back - IMAGE[..., FLAIR])[smooth]) < 2


def test_the_summary_is_paired_with_the_unaltered_scans() -> None:
    scores = pd.DataFrame(
        {
            "patient_id": ["a", "b", "a", "b"],
            "alteration": ["unaltered", "unaltered", "noise in the air", "noise in the air"],
            "dice": [0.8, 0.9, 0.7, 0.8],
        }
    )
    table = summarise(scores).set_index("alteration")
    assert table.loc["noise in the air", ["patients", "mean", "difference"]].tolist() == pytest.approx([2, 0.75, -0.1])
