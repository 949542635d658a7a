"""The user's settings do not change a result; tests/training/test_resume.py trains with some of them."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from brainseg.environment import FAMILIES, KEPT, reset_environment, reset_keras
from tests.project import ROOT

CHANGING = (
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "KERAS_NNX_ENABLED",
    "KERAS_BACKEND",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "TF_DETERMINISTIC_OPS",
    "TF2_BEHAVIOR",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_DEFAULT_FPMATH_MODE",
    "JAX_ENABLE_X64",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "NVIDIA_TF32_OVERRIDE",
    "OPENCV_CPU_DISABLE",
    "NPY_DISABLE_CPU_FEATURES",
)
KEEPING = (
    "CUDA_VISIBLE_DEVICES",
    "JAX_PLATFORMS",
    "KERAS_DISTRIBUTION_PROCESS_ID",
    "OMP_NUM_THREADS",
    "PATH",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
)
SHOW = """
print(keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.max_epochs(),
      keras.config.dtype_policy().name)
"""
# Keras with the backend NumPy, which starts faster than TensorFlow.
IMPORTED_AFTER = """
import os
from brainseg.environment import reset_environment
reset_environment()
os.environ["KERAS_BACKEND"] = "numpy"
import keras
"""
IMPORTED_BEFORE = """
import keras
from brainseg.model.backend import configure
from brainseg.params import load_params
configure(load_params().train)
assert keras.config.backend() == "tensorflow"
"""
DEFAULTS = "float32 1e-07 channels_last None float32"


def test_variables_that_change_results_are_removed_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CHANGING, *KEEPING):
        monkeypatch.setenv(name, "1")
    reset_environment()
    assert not [name for name in CHANGING if name in os.environ]
    assert [name for name in KEEPING if name in os.environ] == list(KEEPING)
    assert all(name.startswith(FAMILIES) for name in KEPT)


def test_kept_variables_that_can_change_a_result_are_documented() -> None:
    _, _, section = (ROOT / "docs/training.md").read_text(encoding="utf-8").partition("## What can change a result\n")
    for name in ("KERAS_DISTRIBUTION_", "JAX_PLATFORMS", "XLA_FLAGS"):
        assert name in KEPT
        assert f"`{name}" in section.partition("\n## ")[0]


@pytest.mark.parametrize(
    "content",
    [
        '{"epsilon": 1e-3, "floatx": "float16", "image_data_format": "channels_first", "backend": "jax"}',
        "[" * 100_000,
        None,
    ],
)
def test_keras_json_has_no_influence_and_is_not_written(tmp_path: Path, content: str | None) -> None:
    """Keras reads it when it is imported, and fails at some files; if there is none, it writes one."""
    path = tmp_path / ".keras/keras.json"
    if content is not None:
        path.parent.mkdir()
        path.write_text(content)
    assert run(IMPORTED_AFTER + SHOW, tmp_path) == DEFAULTS
    assert (path.read_text() if path.parent.exists() else None) == content


def test_settings_of_keras_are_reset_if_it_was_imported_before(tmp_path: Path) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text('{"epsilon": 1e-3, "floatx": "float16"}')
    assert run(IMPORTED_BEFORE + SHOW, tmp_path, KERAS_MAX_EPOCHS="1") == DEFAULTS


def run(code: str, home: Path, **variables: str) -> str:
    """Run code in a process with another home folder; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_every_setting_of_keras_json_is_reset() -> None:
    called = set()
    names = ("set_floatx", "set_epsilon", "set_image_data_format", "set_dtype_policy")
    names += ("set_max_epochs", "set_max_steps_per_epoch")
    config = SimpleNamespace(**{name: lambda _, name=name: called.add(name) for name in names})
    reset_keras(SimpleNamespace(config=config))
    assert called == set(names)
