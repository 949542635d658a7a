"""The pictures of README and docs/: texts that fit, and drawings that are those of the committed run."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.warning_lines import SYNTHETIC
from brainseg.params import load_params
from docs import make_pictures
from tests.figures.panels import check_texts, saved_sheets, slice_prediction
from tests.project import ROOT

PATIENTS = pd.read_csv(ROOT / "metrics/patients.csv")


def test_texts_fit(tmp_path: Path) -> None:
    with saved_sheets() as sheets:
        make_pictures.draw_triptych(slice_prediction(), tmp_path / "triptych.png")
        make_pictures.draw_dice_by_patient(PATIENTS, tmp_path / "dice.png")
    assert len(sheets) == 2
    for sheet in sheets:
        check_texts(sheet)


@pytest.mark.parametrize("name", ["dice_by_patient.png", "learning_curve.png"])
def test_picture_is_that_of_the_committed_tables(tmp_path: Path, name: str) -> None:
    """If this fails after `dvc repro` with the default parameters: python -m docs.make_pictures."""
    params = load_params(ROOT / "presets/phantom.yaml").train
    if name == "dice_by_patient.png":
        make_pictures.draw_dice_by_patient(PATIENTS, tmp_path / name)
    else:
        draw_learning_curve(
            pd.read_csv(ROOT / "plots/history.csv"),
            tmp_path / name,
            loss=params.loss,
            deep_supervision=params.deep_supervision,
            warnings=[SYNTHETIC],
        )
    drawn, committed = (cv2.imread(str(folder / name)).astype(int) for folder in (tmp_path, ROOT / "docs/images"))
    assert drawn.shape == committed.shape
    assert np.abs(drawn - committed).mean() < 0.5  # grey levels; other processors round differently
