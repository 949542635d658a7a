"""Whether a run's own parameters say that the scan is flipped, too."""

import json
from pathlib import Path

import pytest

from brainseg.apply.recorded_flip import recorded_flip


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize("model", [None, Path("models/unet.onnx"), Path("models/unet.xml")])
def test_the_model_that_ships_and_exported_ones_say_it_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path | None
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "params.yaml", "predict:\n  test_time_flip: false\n")
    assert recorded_flip(model) is None


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("model", ["models", "models/unet.keras", "cv/folds/3/models"])
def test_params_yaml_of_the_project_decides(tmp_path: Path, model: str, flag: bool) -> None:
    write(tmp_path / "params.yaml", f"predict:\n  test_time_flip: {str(flag).lower()}\n")
    assert recorded_flip(tmp_path / model) is flag


@pytest.mark.parametrize("flag", [True, False])
def test_the_metadata_of_a_bundle_decide_over_params_yaml(tmp_path: Path, flag: bool) -> None:
    write(tmp_path / "params.yaml", f"predict:\n  test_time_flip: {str(not flag).lower()}\n")
    write(tmp_path / "models/model.json", json.dumps({"operating_point": {"flip": flag}}))
    assert recorded_flip(tmp_path / "models") is flag


@pytest.mark.parametrize("content", ["", "{", "predict: 3", "predict:\n  test_time_flip: maybe", "- a"])
def test_files_that_say_nothing_leave_it_open(tmp_path: Path, content: str) -> None:
    assert recorded_flip(tmp_path / "models") is None
    write(tmp_path / "params.yaml", content)
    assert recorded_flip(tmp_path / "models") is None
    write(tmp_path / "models/model.json", content)
    assert recorded_flip(tmp_path / "models/unet.keras") is None
