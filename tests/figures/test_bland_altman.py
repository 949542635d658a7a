"""The Bland-Altman plot: limits and outliers by hand, few patients, any identifiers, the same bytes twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from brainseg.figures.bland_altman import MIN_PATIENTS, draw_bland_altman, limits_of_agreement, outliers
from brainseg.figures.warning_lines import LEAKY, SYNTHETIC
from tests.figures.panels import check_texts, read_png, saved_sheets, written


def volumes(count: int, *, patient_id: str = "TCGA_CS_{}", spread: int = 4000) -> pd.DataFrame:
    """Make the volumes of this many patients."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, 60_000, count)
    return pd.DataFrame(
        {
            "patient_id": [patient_id.format(number) for number in range(count)],
            "tumour_pixels": true,
            "predicted_pixels": np.maximum(0, true + rng.integers(-spread, spread + 1, count)),
        }
    )


def test_limits_of_agreement_by_hand() -> None:
    differences = np.array([-1.0, 0.0, 4.0] * 5)
    half_width = 1.96 * np.sqrt(5 * (2**2 + 1**2 + 3**2) / 14)
    assert limits_of_agreement(differences) == pytest.approx((1, 1 - half_width, 1 + half_width))


def test_limits_of_agreement_need_enough_patients() -> None:
    """With fewer, half of a limit's 95 % interval, t * sqrt(3 / n) standard deviations, is more than one of them."""
    half_interval = {n: stats.t.ppf(0.975, n - 1) * np.sqrt(3 / n) for n in range(2, 40)}
    assert min(n for n, width in half_interval.items() if width <= 1) == MIN_PATIENTS
    for count in (1, 2, MIN_PATIENTS - 1):
        mean, low, high = limits_of_agreement(np.arange(count, dtype=float))
        assert mean == (count - 1) / 2
        assert np.isnan([low, high]).all()
    assert np.isnan(limits_of_agreement(np.array([]))).all()
    assert np.isfinite(limits_of_agreement(np.arange(MIN_PATIENTS, dtype=float))).all()


def test_outliers_by_hand() -> None:
    """Quartiles 1 and 3: beyond -2 and 6."""
    assert outliers(np.array([0.0, 1, 2, 3, 4])) == []
    assert outliers(np.array([1.0, 1, 1, 2, 3, 3, 3, 6])) == []
    assert outliers(np.array([1.0, 1, 1, 2, 3, 3, 3, 6.1])) == [7]
    assert outliers(np.array([-9.0, 1, 1, 1, 2, 3, 3, 3, 8])) == [0, 8]  # the most distant first
    assert outliers(np.array([5.0])) == outliers(np.array([])) == outliers(np.ones(9)) == []
    assert outliers(np.array([0.0] * 40 + [6, 5, 4, 3, 2, 1])) == [40, 41, 42, 43, 44]


@pytest.mark.parametrize("count", [0, 1, 2, MIN_PATIENTS - 1, MIN_PATIENTS, 300])
@pytest.mark.parametrize("warnings", [[], [SYNTHETIC, LEAKY]])
def test_any_number_of_patients_is_drawn(tmp_path: Path, count: int, warnings: list[str]) -> None:
    path = tmp_path / "bland_altman.png"
    with saved_sheets() as sheets:
        draw_bland_altman(volumes(count), path, warnings=warnings)
    check_texts(sheets[0])
    figure = read_png(path).astype(int)
    assert (figure[..., 2] - figure[..., 0] > 80).any() == (count > 0)  # blue dots
    assert (figure[..., 0] - figure[..., 2] > 80).any() == bool(warnings)
    text = written(sheets[0])
    assert "Bland-Altman plot: difference of volumes against their mean" in text
    assert f"n = {count}" in text
    assert ("mean \N{MINUS SIGN} 1.96 SD" in text) == ("Dashed: 95 % limits" in text) == (count >= MIN_PATIENTS)
    assert ("No limits of agreement with fewer than 15 patients" in text) == (count < MIN_PATIENTS)


@pytest.mark.parametrize("patient_id", ["TCGA_CS_4941_1996090{}", "W" * 250 + "{}", "张伟" * 60 + "{}"])
@pytest.mark.parametrize("seed", range(5))
def test_outliers_are_named_and_no_texts_overlap(tmp_path: Path, patient_id: str, seed: int) -> None:
    table = volumes(40, patient_id=patient_id, spread=10)
    rng = np.random.default_rng(seed)
    rows = rng.choice(40, 7, replace=False)
    table.loc[rows, "predicted_pixels"] += rng.integers(20_000, 90_000, 7)
    with saved_sheets() as sheets:
        draw_bland_altman(table, tmp_path / "a.png")
    check_texts(sheets[0])
    assert "Named: difference more than 1.5 interquartile ranges" in written(sheets[0])
    named = [
        line
        for line in written(sheets[0]).splitlines()
        if line[-1] in "0123456789" and line[:3] in ("TCG", "WWW", "\\u5")
    ]
    assert len(named) == 5
    if patient_id.startswith("TCGA"):
        differences = table["predicted_pixels"] - table["tumour_pixels"]
        assert set(named) == set(table["patient_id"][differences.nlargest(5).index])


def test_equal_volumes_are_drawn(tmp_path: Path) -> None:
    with saved_sheets() as sheets:
        draw_bland_altman(volumes(MIN_PATIENTS, spread=0), tmp_path / "a.png")
        draw_bland_altman(volumes(3).assign(tumour_pixels=0, predicted_pixels=0), tmp_path / "a.png")
    for sheet in sheets:
        check_texts(sheet)
        assert "mean\n+0" in written(sheet)


def test_same_patients_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_bland_altman(volumes(20), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
