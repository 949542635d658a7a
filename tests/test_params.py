"""Tests of brainseg.params: which parameter files are refused, and what the message says."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from brainseg.errors import UserError
from brainseg.params import RENAMED_KEYS, RENAMED_VALUES, Params, load_params
from tests.project import ROOT


@pytest.fixture
def content() -> dict:
    """The default parameters, to be changed and written again."""
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def load(tmp_path: Path, content: object) -> Params:
    """Write a parameter file and read it."""
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_params(path)


def test_params_are_frozen() -> None:
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        params.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "epoch", 3, "train.epoch: unknown key; did you mean epochs"),
        ("train", "learning_rate", "fast", "train.learning_rate: Input should be a valid number, found 'fast'"),
        ("train", "input_size", 100, "train.input_size: Input should be a multiple of 16, found 100"),
        ("train", "batch_size", 0, "train.batch_size: Input should be greater than or equal to 1, found 0"),
        ("train", "batch_size", True, "train.batch_size: Input should be a valid integer, found True"),
        ("train", "loss", "mse", "'binary_cross_entropy', 'soft_dice' or 'bce_dice', found 'mse'"),
        ("train", "loss", ["both"], "train.loss: Input should be"),
        ("train", "dropout", float("nan"), "train.dropout"),
        ("split", "test_share", 0.6, "split.test_share: Input should be less than or equal to 0.5, found 0.6"),
        ("split", "validation", "test", "only with strategy: slice"),
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
def test_fault_names_the_key_the_expectation_and_the_value(
    tmp_path: Path, content: dict, section: str, key: str, value: object, message: str
) -> None:
    content[section][key] = value
    with pytest.raises(UserError) as error:
        load(tmp_path, content)
    assert message in str(error.value)
    assert "1 fault(s)" in str(error.value)


def test_file_of_an_older_version_is_told_the_new_names(tmp_path: Path, content: dict) -> None:
    """One line per renamed key or value: the new key is not reported as missing as well."""
    for old, new in RENAMED_KEYS.items():
        section, key = old.split(".")
        content[section][key] = content[section].pop(new.split(".")[1])
    for parameter, old in RENAMED_VALUES:
        section, key = parameter.split(".")
        content[section][key] = old
    with pytest.raises(UserError) as error:
        load(tmp_path, content)
    assert str(error.value).splitlines()[:-1] == [
        f"{tmp_path}/params.yaml: 6 fault(s)",
        "  train.normalisation: `below_scalp` was renamed to `brain_zscore`",
        "  train.loss: `both` was renamed to `bce_dice`",
        "  train.mirror: renamed to train.contralateral_flair",
        "  train.neighbours: renamed to train.context_slices",
        "  train.size: renamed to train.input_size",
        "  predict.flips: renamed to predict.test_time_flip",
    ]


def test_new_names_are_names_of_parameters(content: dict) -> None:
    for name in [*RENAMED_KEYS.values(), *(parameter for parameter, _ in RENAMED_VALUES)]:
        section, key = name.split(".")
        assert key in content[section]
    for (parameter, _), value in RENAMED_VALUES.items():
        section, key = parameter.split(".")
        assert value in str(Params.model_fields[section].annotation.model_fields[key].annotation)


def test_without_validation_patients_the_operating_point_must_be_numbers(tmp_path: Path, content: dict) -> None:
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
    for message in ("train.filters: missing", "visualise.slices", "colour: unknown key"):
        assert message in str(error.value)


@pytest.mark.parametrize("text", ["5e-05", "1e-4", "5.0e-5", "0.00005", "1E-4", "1.e-4"])
def test_numbers_are_read_in_every_notation(tmp_path: Path, text: str) -> None:
    """`dvc exp run -S` writes 5e-05, which PyYAML alone reads as text."""
    path = tmp_path / "params.yaml"
    defaults = (ROOT / "params.yaml").read_text()
    path.write_text(re.sub(r"(?m)^(  learning_rate: )\S+", rf"\g<1>{text}", defaults))
    assert load_params(path).train.learning_rate == float(text)


def test_pattern_without_a_placeholder_is_refused(tmp_path: Path, content: dict) -> None:
    content["data"]["pattern"]["mask"] = "{patient_id}.tif"
    with pytest.raises(UserError, match=r"data.pattern: mask must contain \{slice_number\}"):
        load(tmp_path, content)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "train: 3\n", "{", "\x00"])
def test_file_that_holds_no_parameters_is_one_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        load_params(path)


def test_missing_file_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cp presets/phantom\.yaml"):
        load_params(tmp_path / "params.yaml")
