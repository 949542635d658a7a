"""Tests of brainseg.params: which parameter files are refused, and what the message says."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from brainseg.errors import UserError
from brainseg.params import Params, load_params
from brainseg.params_file import RENAMED_KEYS, RENAMED_VALUES
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
        ("train", "dropout", float("nan"), "train.dropout: Input should be a finite number, found nan"),
        ("train", "learning_rate", float("inf"), "train.learning_rate: Input should be a finite number, found inf"),
        ("train", "min_learning_rate", 0.1, "min_learning_rate must not be above learning_rate, which is 0.002"),
        ("train", "warm_up", 16, "warm_up must be below epochs, which is 16; found 16"),
        ("split", "test_share", 0.6, "split.test_share: Input should be less than or equal to 0.5, found 0.6"),
        ("split", "validation", "test", "only with strategy: slice"),
        ("split", "test_share", 5e-324, "split.test_share: Input should be greater than or equal to 0.001"),
        ("split", "folds", 5, "split.folds: Input should be a valid list, found 5"),
        ("split", "folds", [0], "split.folds: List should have at least 2 items"),
        ("split", "folds", [0, 1, 3], "split.folds: expected whole numbers from 0 without a gap"),
        ("split", "folds", [1, 0], "from 0 without a gap, [0, 1, ...], found [1, 0]"),
        ("split", "folds", [0, True], "split.folds.1: Input should be a valid integer, found True"),
        ("evaluate", "threshold", 0, "evaluate.threshold: expected a number above 0 and at most 1, or validation"),
        ("evaluate", "threshold", "valdation", "or validation, found 'valdation'"),
        ("evaluate", "threshold", True, "evaluate.threshold: expected a number above 0"),
        ("evaluate", "smallest_lesion", 1.5, "smallest_lesion: expected a whole number from 0 to 10^9, or validation"),
        ("data", "root", "a\0b", "data.root: expected text without control characters, found 'a\\x00b'"),
        ("data", "root", 7, "data.root: Input should be a valid string, found 7; put text in quotes"),
        ("data", "pattern", None, "data.pattern: expected a group of parameters, found None"),
        ("split", "test_patients", "held_out/\x1b[2J", "split.test_patients: expected text without control characters"),
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


@pytest.mark.parametrize(
    ("name", "largest"),
    [
        ("phantom.patients", 9999),
        ("phantom.size", 512),
        ("phantom.seed", 2**32 - 1),
        ("index.pictures", 20),
        ("index.seed", 2**32 - 1),
        ("split.seed", 2**32 - 1),
        ("train.seed", 2**32 - 1),
        ("train.ensemble", 99),
        ("train.input_size", 2048),
        ("train.filters", 256),
        ("train.batch_size", 1024),
        ("train.epochs", 10_000),
        ("train.early_stopping_patience", 10_000),
        ("train.plateau_patience", 10_000),
        ("train.threads", 1024),
        ("predict.batch_size", 1024),
        ("evaluate.smallest_lesion", 10**9),
        ("visualise.slices", 50),
        ("visualise.report_patients", 200),
        ("visualise.seed", 2**32 - 1),
    ],
)
def test_values_that_cannot_be_meant_are_refused(tmp_path: Path, content: dict, name: str, largest: int) -> None:
    section, key = name.split(".")
    content[section][key] = largest
    assert getattr(getattr(load(tmp_path, content), section), key) == largest
    for value in (largest + 16, 99_999_999_999, 10**20, 10**4000, -1):
        content[section][key] = value
        with pytest.raises(UserError, match=rf"1 fault\(s\)\n  {name}: ") as error:
            load(tmp_path, content)
        assert len(str(error.value)) < 500


def test_every_whole_number_and_list_has_a_largest_value() -> None:
    def without(schema: dict) -> bool:
        unbounded = schema.get("type") in ("integer", "number", "array", "string") and "enum" not in schema
        bounds = {"maximum", "exclusiveMaximum", "maxItems", "maxLength", "const"}
        return (unbounded and not bounds & schema.keys()) or any(map(without, schema.get("anyOf", ())))

    sections = Params.model_json_schema()["$defs"].values()
    names = {name for section in sections for name, schema in section["properties"].items() if without(schema)}
    assert names == {"warm_up", "min_learning_rate"}  # these are bounded by others


def test_last_seed_of_an_ensemble_has_32_bits(tmp_path: Path, content: dict) -> None:
    """Otherwise the last network would fail after the others had trained for hours."""
    content["train"] |= {"seed": 2**32 - 3, "ensemble": 3}
    assert load(tmp_path, content).train.ensemble == 3
    content["train"]["ensemble"] = 4
    with pytest.raises(UserError, match="at most 4294967295; found seed: 4294967293 with ensemble: 4"):
        load(tmp_path, content)


def test_many_faults_are_listed_in_part(tmp_path: Path, content: dict) -> None:
    content |= {f"\x1b[{number}m": number for number in range(1000)}
    with pytest.raises(UserError, match=r"1000 fault\(s\)") as error:
        load(tmp_path, content)
    assert len(str(error.value).splitlines()) == 23
    assert "  and 980 more\n" in str(error.value)
    assert "\x1b" not in str(error.value)


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


def test_pattern_without_a_placeholder_is_refused(tmp_path: Path, content: dict) -> None:
    content["data"]["pattern"]["mask"] = "{patient_id}.tif"
    with pytest.raises(UserError, match=r"data.pattern: mask must contain \{slice_number\}"):
        load(tmp_path, content)
