"""The stage visualise: what it reads, draws and prints. Also covers brainseg.figures.console."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.evaluation import cases
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.figures.console import print_figures
from brainseg.figures.warning_lines import LEAKY, SYNTHETIC
from brainseg.files import HISTORY_COLUMNS, write_json, write_table
from brainseg.imaging.volume import Volume
from brainseg.params import DataParams, Params, load_params
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point
from brainseg.prediction.probability_maps import write_probabilities
from brainseg.report.run_tables import PRECISION_RECALL_COLUMNS, RELIABILITY_COLUMNS, THRESHOLD_COLUMNS
from stages import visualise
from tests.figures.panels import saved_sheets, written
from tests.project import ROOT

REPORT = Path("plots/report.html")


@pytest.fixture
def params(tmp_path: Path, tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Make a project in the working folder tmp_path with all that the stage reads; returns its parameters."""
    monkeypatch.chdir(tmp_path)
    index = index_folder(tiny_data)
    write_table(Path("data/index.csv"), index)
    split = index[["patient_id", "slice_number"]].assign(subset="test", fold=0)
    split.loc[split["patient_id"].str.contains("_CS_"), "subset"] = "train"
    write_table(Path("data/split.csv"), split)
    test_patients = split.loc[split["subset"] == "test", "patient_id"].unique()
    for patient_id in test_patients:
        probability = np.full((5, 32, 32), 0.25, np.float32)
        probability[1:3, 8:16, 8:20] = 0.75
        write_probabilities(Path(f"data/predictions/{patient_id}.npz"), probability, np.arange(1, 6))
    scores = {"dice": 0.8, "tumour_pixels": 256, "predicted_pixels": 192}
    rows = [dict.fromkeys(PATIENT_COLUMNS, 0) | {"patient_id": patient_id} | scores for patient_id in test_patients]
    write_table(Path("metrics/patients.csv"), pd.DataFrame(rows))
    write_operating_point(Path("models/operating_point.json"), OperatingPoint(threshold=0.5, smallest_lesion=0))
    history = pd.DataFrame({name: [1.0, 2.0] for name in HISTORY_COLUMNS}).astype(HISTORY_COLUMNS)
    write_table(Path("models/history.csv"), history)
    write_json(Path("metrics/index.json"), {"published_patients": 0})
    for name, columns in (
        ("precision_recall", PRECISION_RECALL_COLUMNS),
        ("reliability", RELIABILITY_COLUMNS),
        ("dice_by_threshold", THRESHOLD_COLUMNS),
    ):
        write_table(Path(f"plots/{name}.csv"), pd.DataFrame({column: [0.5] for column in columns}).astype(columns))
    return load_params(ROOT / "params.yaml").model_copy(update={"data": tiny_data})


def run(params: Params) -> None:
    visualise.main(params, argparse.Namespace(out=Path()))


def test_stage_draws_four_figures_and_prints_what_they_show(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    run(params)
    names = ["bland_altman.png", "learning_curve.png", "patients.png", "predictions.png"]
    assert sorted(path.name for path in Path("plots/pictures").iterdir()) == names
    printed = capsys.readouterr().out
    assert "losses of 2 epoch(s)" in printed
    assert "4 random test slice(s) with tumour" in printed
    assert "2 test patient(s); 0 without a Dice" in printed
    assert "Best of 2: TCGA_DU_0002_20000202, Dice 0.80" in printed
    assert "TCGA_CS" not in printed
    report = REPORT.read_text()
    assert "TCGA_DU_0002_20000202" in report
    assert "TCGA_CS" not in report
    assert str(params.data.root) not in report


def test_stage_writes_in_every_figure_that_patients_are_synthetic_or_the_split_leaks(params: Params) -> None:
    with saved_sheets() as sheets:
        run(params)
    assert len(sheets) == 4
    assert not any(line in written(sheet) for sheet in sheets for line in (SYNTHETIC, LEAKY))
    for path in map(Path, ("data/index.csv", "data/split.csv", "metrics/patients.csv")):
        path.write_text(path.read_text().replace("TCGA_DU_", "PHAN_DU_"))
    Path("data/predictions/TCGA_DU_0002_20000202.npz").rename("data/predictions/PHAN_DU_0002_20000202.npz")
    (Path(params.data.root) / "TCGA_DU_0002_20000202").rename(Path(params.data.root) / "PHAN_DU_0002_20000202")
    for path in Path(params.data.root).glob("PHAN*/*"):
        path.rename(path.with_name(path.name.replace("TCGA", "PHAN")))
    leaky = params.model_copy(update={"split": params.split.model_copy(update={"strategy": "slice"})})
    with saved_sheets() as sheets:
        run(leaky)
    assert len(sheets) == 4
    assert all(line in written(sheet) for sheet in sheets for line in (SYNTHETIC, LEAKY))


def test_same_input_same_bytes(params: Params) -> None:
    pictures = []
    for _ in range(2):
        run(params)
        pictures.append({path.name: path.read_bytes() for path in (*Path("plots/pictures").iterdir(), REPORT)})
    assert pictures[0] == pictures[1]


def test_identifiers_are_printed_without_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(epochs=1, slices=0, patients=["Only patient: a\x1b[31mb\u202e张"], without_dice=0)
    assert r"Only patient: a\x1b[31mb\u202e张" in capsys.readouterr().out


def test_stage_reads_each_patient_once(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both test patients are shown in both figures, and the training patient in none."""
    reads: Counter[str] = Counter()
    read_volume = cases.read_volume

    def counted(rows: pd.DataFrame, root: Path) -> Volume:
        volume = read_volume(rows, root)
        reads[volume.patient_id] += 1
        return volume

    monkeypatch.setattr(cases, "read_volume", counted)
    run(params)
    assert reads == {"TCGA_DU_0002_20000202": 1, "TCGA_HT_0003_20000303": 1}


def test_stage_runs_without_tumour_or_dice(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    index = pd.read_csv("data/index.csv", keep_default_na=False)
    write_table(Path("data/index.csv"), index.assign(tumour_pixels=0))
    table = pd.read_csv("metrics/patients.csv")
    write_table(Path("metrics/patients.csv"), table.assign(dice=np.nan))
    run(params)
    printed = capsys.readouterr().out
    assert "NO random test slice(s)" in printed
    assert "NO test patient(s); 2 without a Dice" in printed
    assert Path("plots/pictures/predictions.png").stat().st_size > 0
    assert "Dice is undefined" in REPORT.read_text()


def test_stage_refuses_tables_of_another_run(params: Params) -> None:
    table = pd.read_csv("metrics/patients.csv")
    write_table(Path("metrics/patients.csv"), table.replace("TCGA_DU_0002_20000202", "TCGA_CS_0001_20000101"))
    with pytest.raises(UserError, match=r"metrics/patients\.csv: TCGA_CS_0001.*evaluate"):
        run(params)


@pytest.mark.parametrize(
    ("slice_numbers", "size", "fault"),
    [(range(2, 6), 32, "1 of 5 slices"), (range(1, 6), 16, "16 x 16")],
    ids=["slice missing", "other size"],
)
def test_stage_refuses_probability_maps_that_do_not_fit(
    params: Params, slice_numbers: range, size: int, fault: str
) -> None:
    path = Path("data/predictions/TCGA_DU_0002_20000202.npz")
    probability = np.zeros((len(slice_numbers), size, size), np.float32)
    write_probabilities(path, probability, np.array(slice_numbers))
    with pytest.raises(
        UserError, match=rf"TCGA_DU_0002_20000202\.npz: .*{fault}.*dvc repro --force --single-item predict"
    ):
        run(params)


def test_stage_draws_at_the_operating_point(params: Params) -> None:
    """Another threshold gives other outlines: the threshold is read from the file that evaluate wrote."""
    run(params)
    before = Path("plots/pictures/predictions.png").read_bytes()
    write_operating_point(Path("models/operating_point.json"), OperatingPoint(threshold=0.9, smallest_lesion=0))
    run(params)
    assert Path("plots/pictures/predictions.png").read_bytes() != before
    Path("models/operating_point.json").unlink()
    with pytest.raises(UserError, match=r"operating_point\.json: not found.*dvc repro evaluate"):
        run(params)
