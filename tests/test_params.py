"""params.yaml: what is refused, and with which words."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from brainseg.errors import UserError
from brainseg.params import Params, load_params

ROOT = Path(__file__).parents[1]


@pytest.fixture
def content() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def load(tmp_path: Path, content: object) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_params(path)


def test_params_are_frozen() -> None:
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        params.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("train", "epoch", 3, "train.epoch: unknown key; did you mean epochs"),
        ("train", "learning_rate", "fast", "train.learning_rate: Input should be a valid number, found 'fast'"),
        ("train", "size", 100, "train.input_size: Input should be a multiple of 16, found 100"),
        ("train", "batch_size", 0, "train.batch_size: Input should be greater than or equal to 1, found 0"),
        ("train", "batch_size", True, "train.batch_size: Input should be a valid integer, found True"),
        ("train", "loss", "mse", "'binary_cross_entropy', 'soft_dice' or 'both', found 'mse'"),
        ("train", "dropout", float("nan"), "train.dropout"),
        ("split", "test_share", 0.6, "split.test_share: Input should be less than or equal to 0.5, found 0.6"),
        ("split", "validation", "test", "strategy: slice only"),
        ("split", "folds", 5, "split.folds: Input should be a valid list, found 5"),
        ("split", "folds", [0], "split.folds: List should have at least 2 items"),
        ("split", "folds", [0, 1, 3], "split.folds: expected whole numbers from 0 without a gap"),
        ("split", "folds", [1, 0], "from 0 without a gap, [0, 1, ...], found [1, 0]"),
        ("split", "folds", [0, True], "split.folds.1: Input should be a valid integer, found True"),
        ("evaluate", "threshold", 0, "evaluate.threshold: expected a number above 0 and at most 1, or validation"),
        ("evaluate", "threshold", "valdation", "or validation, found 'valdation'"),
        ("evaluate", "threshold", True, "evaluate.threshold: expected a number above 0"),
        ("evaluate", "smallest_lesion", 1.5, "evaluate.smallest_lesion: expected a whole number from 0, or validation"),
    ],
)
def test_fault_is_told_with_key_expectation_and_value(
    tmp_path: Path, content: dict, section: str, key: str, value: object, words: str
) -> None:
    content[section][key] = value
    with pytest.raises(UserError) as error:
        load(tmp_path, content)
    assert words in str(error.value)
    assert "1 fault(s)" in str(error.value)


def test_without_validation_patients_the_operating_point_is_numbers(tmp_path: Path, content: dict) -> None:
    content["split"] |= {"strategy": "slice", "validation": "test"}
    with pytest.raises(UserError, match=r"evaluate\.threshold: 0\.5 and evaluate\.smallest_lesion: 0"):
        load(tmp_path, content)
    content["evaluate"] = {"threshold": 0.5, "smallest_lesion": 0}
    assert load(tmp_path, content).evaluate.threshold == 0.5


def test_all_faults_come_in_one_message(tmp_path: Path, content: dict) -> None:
    del content["train"]["filters"]
    content["visualise"]["slices"] = "ten"
    content["colour"] = "blue"
    with pytest.raises(UserError, match=r"3 fault\(s\)") as error:
        load(tmp_path, content)
    for words in ("train.filters: missing", "visualise.slices", "colour: unknown key"):
        assert words in str(error.value)


@pytest.mark.parametrize("text", ["5e-05", "1e-4", "5.0e-5", "0.00005", "1E-4", "1.e-4"])
def test_numbers_are_read_however_they_are_written(tmp_path: Path, text: str) -> None:
    """`dvc exp run -S` writes 5e-05, which PyYAML alone reads as text."""
    path = tmp_path / "params.yaml"
    lines = (ROOT / "params.yaml").read_text()
    path.write_text(re.sub(r"(?m)^(  learning_rate: )\S+", rf"\g<1>{text}", lines))
    assert load_params(path).train.learning_rate == float(text)


def test_pattern_must_name_patient_and_slice(tmp_path: Path, content: dict) -> None:
    content["data"]["pattern"]["mask"] = "{patient_id}.tif"
    with pytest.raises(UserError, match=r"data.pattern: mask must contain \{slice_number\}"):
        load(tmp_path, content)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "train: 3\n", "{", "\x00"])
def test_no_parameter_file_is_one_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        load_params(path)


def test_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cp presets/phantom\.yaml"):
        load_params(tmp_path / "params.yaml")
