"""The Bland-Altman plot: limits of agreement by hand, any number of patients, the same bytes twice."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.figures.bland_altman import draw_bland_altman, limits_of_agreement


def volumes(count: int) -> pd.DataFrame:
    """Make the volumes of this many patients."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, 60_000, count)
    return pd.DataFrame({"tumour_pixels": true, "predicted_pixels": true + rng.integers(-3000, 4000, count)})


def test_limits_of_agreement_by_hand() -> None:
    mean, low, high = limits_of_agreement(np.array([-1.0, 0.0, 4.0]))
    half_width = 1.96 * np.sqrt((2**2 + 1**2 + 3**2) / 2)
    assert (mean, low, high) == pytest.approx((1, 1 - half_width, 1 + half_width))


def test_limits_of_agreement_need_two_patients() -> None:
    mean, low, high = limits_of_agreement(np.array([2.0]))
    assert mean == 2
    assert np.isnan([low, high]).all()
    assert np.isnan(limits_of_agreement(np.array([]))).all()


@pytest.mark.parametrize("count", [0, 1, 2, 300])
@pytest.mark.parametrize("leaky", [False, True])
def test_any_number_of_patients_is_drawn(tmp_path: Path, count: int, leaky: bool) -> None:
    path = tmp_path / "bland_altman.png"
    draw_bland_altman(volumes(count), path, leaky=leaky)
    figure = cv2.imread(str(path))
    blue = (figure[..., 0].astype(int) - figure[..., 2]) > 80
    assert blue.any() == (count > 0)
    red = (figure[..., 2].astype(int) - figure[..., 0]) > 80
    assert red.any() == leaky


def test_same_patients_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_bland_altman(volumes(9), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
