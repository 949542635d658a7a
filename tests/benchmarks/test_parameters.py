"""Benchmarks change params.yaml: every parameter that they name exists, and the result is valid.

Also covers benchmarks.resume, step_parts and training; a benchmark as a whole takes too long for a test.
"""

from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from benchmarks import memory, resume, step_parts, training
from brainseg.params import load_params
from tests.project import ROOT


def test_memory_writes_valid_parameters(tmp_path: Path) -> None:
    memory.write_params(tmp_path, tmp_path / "patients", Namespace(patients=3, size=48, filters=1))
    params = load_params(tmp_path / "params.yaml")
    assert (params.train.input_size, params.train.filters, params.train.epochs) == (48, 1, 1)


def test_resume_changes_valid_parameters(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"] |= resume.SMALL
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    assert load_params(tmp_path / "params.yaml").train.input_size == 48


@pytest.mark.parametrize("variant", step_parts.VARIANTS.values(), ids=step_parts.VARIANTS)
def test_variants_of_the_training_step_are_valid(variant: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = step_parts.variant_params(variant, size=64)
    assert params.input_size == 64
    assert params.precision == variant["precision"]
    assert params.deep_supervision == variant.get("deep_supervision", False)


def test_speed_comparison_uses_valid_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = Namespace(size=64, filters=2, batch_size=4, backend="jax", patients=3)
    params = training.benchmark_params(arguments, tmp_path)
    assert (params.train.input_size, params.train.backend, params.data.root) == (64, "jax", str(tmp_path))
