"""The leak study as a whole: which stages run, what is kept, and which folders are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.files import write_table
from brainseg.params import Params, load_params
from brainseg.prediction.probability_maps import write_probabilities
from studies import leak, leak_scores, leak_tables
from tests.project import ROOT
from tests.studies.leak_counts import MODEL_B

PATIENTS = tuple(f"TCGA_{site}_{number:04}_20000101" for number, site in enumerate(["DU", "HT"] * 6))


def test_both_models_train_to_the_last_epoch_with_parameters_that_stages_read(tmp_path: Path) -> None:
    params = load_params(ROOT / "presets/lgg.yaml")
    shared = leak.shared_params(params)
    assert shared.train.early_stopping_patience == shared.train.epochs == params.train.epochs
    assert Path(shared.data.root).is_absolute()
    (tmp_path / "params.yaml").write_text(leak.yaml.safe_dump(shared.model_dump()))
    assert load_params(tmp_path / "params.yaml") == shared


@pytest.fixture
def params(tmp_path: Path, make_set: Callable[..., Path]) -> Params:
    """The default parameters, on a small generated set of 12 patients."""
    root = make_set(tmp_path / "set", patients=PATIENTS)
    default = load_params(ROOT / "params.yaml")
    return default.model_copy(update={"data": default.data.model_copy(update={"root": str(root)})})


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the stages by ones that learn nothing and predict 0.6 everywhere; returns the list of calls."""
    calls: list[str] = []

    def stage(name: str, out: Path, model: str) -> None:
        calls.append(f"{name} {model}")
        split = pd.read_csv(out / model / "data/split.csv")
        if name == "train":
            (out / model / "models").mkdir(parents=True)
            (out / model / "models/unet.keras").touch()
            columns = {"epoch": [1, 2], "learning_rate": 0.1, "val_loss": [0.2, 0.3]}
            names = ("loss", "accuracy", "val_accuracy", "dice", "val_dice")
            write_table(out / model / "models/history.csv", pd.DataFrame(columns | dict.fromkeys(names, 0.5)))
        else:
            for patient_id, rows in split[split.subset != "train"].groupby("patient_id"):
                numbers = np.sort(rows.slice_number.to_numpy())
                maps = np.full((len(numbers), 32, 32), 0.6, np.float32)
                write_probabilities(out / model / f"data/predictions/{patient_id}.npz", maps, numbers)

    monkeypatch.setattr(leak, "run_stage", stage)
    return calls


def test_trained_models_and_predictions_are_kept(
    tmp_path: Path, params: Params, called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    leak.run(params, out)
    assert called == ["train a", "predict a", "train b", "predict b"]
    first = capsys.readouterr().out
    assert "| epochs | 2, kept 1 | 2, kept 1 |" in first
    assert "| slices of the patients set aside | 15, 6 with tumour, 3 patients |" in first
    # Everything is outlined: 8 x 16 of 32 x 32 pixels are tumour in 2 of 5 slices, so Dice is 2 / 9 and 2 / 21.
    assert f"| Dice of slices with tumour, mean | {MODEL_B} | 0.222 (0.222 to 0.222) | 0.222" in first
    assert f"| Dice of patients, mean | {MODEL_B} | 0.095 (0.095 to 0.095) | 0.095" in first
    assert f"| {leak_tables.LEAK} | - | - | +0.000 (+0.000 to +0.000) | - |" in first
    assert len(pd.read_csv(out / "gaps.csv")) == 2 * len(leak_scores.SCORES)
    assert len(pd.read_csv(out / "pairs.csv")) == 3 * len(leak_scores.SCORES)

    next(iter((out / "b/data/predictions").iterdir())).unlink()
    leak.run(params, out)
    assert called[4:] == ["predict b"]
    assert capsys.readouterr().out == first
    (out / "a/models/unet.keras").unlink()
    (out / "a/models/history.csv").unlink()
    (out / "a/models").rmdir()
    leak.run(params, out)
    assert called[5:] == ["train a", "predict a"]  # predictions of a deleted model are made again


def test_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path, params: Params, called: list[str]) -> None:
    out = tmp_path / "out"
    leak.run(params, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    train = params.train.model_copy(update={"filters": 5})
    with pytest.raises(UserError, match="belongs to another run, with other parameters or data"):
        leak.run(params.model_copy(update={"train": train}), out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(UserError, match="is not empty"):
        leak.run(params, other)
    with pytest.raises(UserError, match="is a file, a folder was expected"):
        leak.run(params, other / "thesis.txt")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_stage_that_fails_ends_the_study_with_one_message(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("nonsense: 1\n")
    with pytest.raises(UserError, match=r"the stage split of model A, by slice \(leaky\) failed, see above"):
        leak.run_stage("split", tmp_path, "a")
