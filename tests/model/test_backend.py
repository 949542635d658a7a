"""What a training runs on: chosen by parameters and processor, refused with one message."""

import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.errors import UserError
from brainseg.model import backend as runtime
from brainseg.model.backend import Runtime
from brainseg.params import load_params

ROOT = Path(__file__).parents[2]
TRAIN = load_params(ROOT / "params.yaml").train


@pytest.mark.parametrize(
    ("flags", "gpu", "precision", "expected"),
    [
        ("fpu avx512f avx512_bf16", False, "auto", "bfloat16"),
        ("fpu amx_bf16", False, "auto", "bfloat16"),
        ("fpu avx512f", False, "auto", "float32"),
        (None, False, "auto", "float32"),
        ("fpu", True, "auto", "bfloat16"),
        ("fpu avx512_bf16", False, "float32", "float32"),
        ("fpu", False, "bfloat16", "bfloat16"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str | None, gpu: bool, precision: str, expected: str
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"model name : X\nflags\t\t: {flags}\n")
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "cpuinfo")
    train = TRAIN.model_copy(update={"precision": precision})
    assert runtime._precision(train, gpu=gpu) == expected


def test_backend_that_is_not_installed_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"train\.backend: jax is not installed\..*pip install '\.\[jax\]'"):
        runtime.configure(TRAIN.model_copy(update={"backend": "jax"}))


def test_gpu_preset_without_a_gpu_is_one_message(tmp_path: Path) -> None:
    """In a process of its own, for threads are set once; without a GPU also where there is one."""
    code = (
        "from pathlib import Path; from brainseg.params import load_params; from brainseg.model.backend import configure;"
        "configure(load_params(Path('presets/lgg.yaml')).train)"
    )
    environment = {"CUDA_VISIBLE_DEVICES": "-1", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "UserError: train.device: gpu is wanted, and tensorflow finds none" in result.stderr
    assert "presets/lgg-cpu.yaml" in result.stderr


@pytest.mark.parametrize(
    ("backend", "gpu", "precision", "policy", "fused"),
    [
        ("tensorflow", False, "bfloat16", "float32", True),
        ("tensorflow", True, "bfloat16", "mixed_bfloat16", False),
        ("tensorflow", False, "float32", "float32", True),
        ("jax", False, "bfloat16", "mixed_bfloat16", False),
    ],
)
def test_policy_and_norm_follow_backend_and_device(
    backend: str, gpu: bool, precision: str, policy: str, fused: bool
) -> None:
    found = Runtime(backend=backend, gpu=gpu, precision=precision)  # type: ignore[arg-type]
    assert (found.policy, found.fused_norm) == (policy, fused)
