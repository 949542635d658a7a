"""The backend: what is chosen by parameters and hardware, and what is refused with one message."""

import gc
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from brainseg.errors import UserError
from brainseg.model import backend
from brainseg.model.backend import Runtime, configure, is_out_of_memory, use_all_devices
from brainseg.params import load_params
from tests.project import ROOT

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
def test_auto_is_bfloat16_if_the_hardware_supports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str | None, gpu: bool, precision: str, expected: str
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"model name : X\nflags\t\t: {flags}\n")
    monkeypatch.setattr(backend, "CPUINFO", tmp_path / "cpuinfo")
    params = TRAIN.model_copy(update={"precision": precision})
    assert backend._precision(params, gpu=gpu) == expected


def test_backend_that_is_not_installed_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"train\.backend: jax is not installed\..*pip install '\.\[jax\]'"):
        configure(TRAIN.model_copy(update={"backend": "jax"}))


def test_gpu_preset_without_a_gpu_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU, if there is one, is hidden. TensorFlow's settings stay, because a process can make them only once."""
    for name in ("threading.set_intra_op_parallelism_threads", "threading.set_inter_op_parallelism_threads"):
        monkeypatch.setattr(f"tensorflow.config.{name}", lambda _: None)
    monkeypatch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: None)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
    message = r"train\.device: gpu requires a GPU, and tensorflow finds none.*presets/lgg-cpu\.yaml"
    with patch.dict(os.environ), pytest.raises(UserError, match=message):
        configure(load_params(ROOT / "presets/lgg.yaml").train)


@pytest.mark.parametrize(
    ("name", "gpu", "precision", "policy", "fused_norm", "jit_compile"),
    [
        ("tensorflow", False, "bfloat16", "float32", True, False),
        ("tensorflow", True, "bfloat16", "mixed_bfloat16", False, True),
        ("tensorflow", False, "float32", "float32", True, False),
        ("jax", False, "bfloat16", "mixed_bfloat16", False, True),
    ],
)
def test_policy_norm_and_compilation_follow_backend_and_device(
    name: str, gpu: bool, precision: str, policy: str, fused_norm: bool, jit_compile: bool
) -> None:
    runtime = Runtime(backend=name, gpu=gpu, precision=precision)  # type: ignore[arg-type]
    assert (runtime.policy, runtime.fused_norm, runtime.jit_compile) == (policy, fused_norm, jit_compile)


def test_description_names_backend_device_and_precision() -> None:
    assert Runtime(backend="jax", gpu=True, precision="bfloat16").description == "jax on a GPU, bfloat16"
    assert Runtime(backend="tensorflow", gpu=False, precision="float32").description == "tensorflow on a CPU, float32"


def test_exhausted_memory_is_recognised() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."))
    assert not is_out_of_memory(ValueError("a bug"))


def test_incomplete_variables_for_several_processes_are_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(UserError, match=r"JOB_ADDRESSES, KERAS_DISTRIBUTION_PROCESS_ID is not. Training with several"):
        configure(TRAIN.model_copy(update={"backend": "jax"}))
    with pytest.raises(UserError, match=r"train.backend is tensorflow, which trains in one process"):
        configure(TRAIN.model_copy(update={"backend": "tensorflow"}))


def test_batch_that_cannot_be_divided_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.distribution.get_device_count", lambda: 3)
    with pytest.raises(UserError, match=r"train.batch_size: 4 slices cannot be divided evenly among 3 devices"):
        use_all_devices(TRAIN.model_copy(update={"backend": "jax", "batch_size": 4}))


def test_garbage_collector_is_paused_during_imports_and_left_as_it_was() -> None:
    with backend._garbage_collector_paused():
        assert not gc.isenabled()
        with backend._garbage_collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
