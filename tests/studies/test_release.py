"""Releasing the networks of a cross-validation: what the card says about folds, and rounding to half precision."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from brainseg.model.unet import average_ensemble, build_unet
from studies.release import (
    FAILURES,
    RELEASED,
    altered_section,
    failures_section,
    half_precision,
    network_count,
    training_section,
)
from tests.project import ROOT


@given(arrays.arrays(np.float32, (3, 5), elements=st.floats(-100, 100, width=32)))
def test_rounding_is_idempotent_and_close(weights: np.ndarray) -> None:
    rounded = half_precision(weights)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(half_precision(rounded), rounded)
    np.testing.assert_allclose(rounded, weights, rtol=2**-11, atol=2**-25)


def test_networks_of_a_mean_are_counted() -> None:
    networks = [build_unet(input_size=16, filters=1, dropout=0.0, channels=1, residual=False) for _ in range(3)]
    assert [network_count(average_ensemble(networks[:count])) for count in (1, 2, 3)] == [1, 2, 3]


def test_training_lists_the_networks_that_ship_and_those_that_were_scored(tmp_path: Path) -> None:
    for folder in ("networks", "scored"):
        for fold, is_scored in ((0, True), (1, True), (2, False)):
            run = tmp_path / f"{folder}/{fold}"
            (run / "models").mkdir(parents=True)
            (run / "models/unet.keras").write_text(f"{folder} {fold}")
            if is_scored:
                (run / "metrics").mkdir()
                (run / "metrics/patients.csv").write_text("")
    text = training_section(tmp_path / "networks", [1, 2], tmp_path / "scored", ("abc1234", "def5678"), "two cores")
    assert "evaluate@1 evaluate@2`\nat commit `abc1234`, on two cores." in text
    assert text.count("\nat commit `def5678`:\n") == 1
    ship, score = text.split("The models that were scored")
    expected = [
        hashlib.sha256(name.encode()).hexdigest() for name in ("networks 1", "networks 2", "scored 0", "scored 1")
    ]
    assert [
        line.split()[-1].strip("`") for line in (ship + score).splitlines() if line.startswith("- fold")
    ] == expected
    assert ship.count("- fold") == score.count("- fold") == 2


def test_altered_scans_are_compared_with_the_same_patients() -> None:
    altered = pd.DataFrame(
        {
            "patient_id": ["A", "B"] * 2,
            "alteration": ["unaltered", "unaltered", "FLAIR alone", "FLAIR alone"],
            "dice": [0.9, 0.8, 0.8, 0.7],
        }
    )
    text = altered_section(altered)
    assert "\n2 test patients, each" in text
    assert "| unaltered | 0.850 | 0.850 | |" in text
    assert "| FLAIR alone | 0.750 | 0.750 | -0.100 (-0.100 to -0.100) |" in text


def test_what_the_pictures_show_is_said_of_the_worst_patients_of_the_released_card() -> None:
    seen = pd.read_csv(FAILURES)
    card = (ROOT / RELEASED / "model_card.md").read_text()
    worst = re.findall(r"^\| (TCGA\w+) \|", card.split("### Known failures")[1].split("##")[0], re.MULTILINE)
    assert sorted(seen["patient_id"]) == sorted(worst)
    assert " ".join(failures_section(seen).split()) in " ".join(card.split())
