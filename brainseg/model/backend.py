"""The only place that knows the backend: threads, seeds, precision and determinism, set before Keras is imported.

Importing this module imports neither Keras nor a backend; `configure` does.
"""

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brainseg.errors import UserError
from brainseg.params import TrainParams

# CPUs that multiply bfloat16 themselves; on others it is slower than float32.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")

# Keras' own variables for training with several processes: docs/scaling.md.
PROCESSES = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What the training runs on.

    Attributes:
        backend: Keras' backend.
        gpu: whether the backend has a GPU.
        precision: of the arithmetic.
    """

    backend: Literal["tensorflow", "jax"]
    gpu: bool
    precision: Literal["float32", "bfloat16"]

    @property
    def fused_norm(self) -> bool:
        """Whether training uses `brainseg.training.fused_norm`."""
        return self.backend == "tensorflow" and not self.gpu

    @property
    def policy(self) -> str:
        """Keras' dtype policy while training; on a CPU, TensorFlow's graph optimiser takes its place."""
        return "mixed_bfloat16" if self.precision == "bfloat16" and not self.fused_norm else "float32"


def configure(params: TrainParams) -> Runtime:
    """Make Keras use the wanted backend, repeatably; call it before anything imports Keras.

    Args:
        params: its backend, device, threads, precision and seed.

    Returns:
        What was found and chosen.

    Raises:
        UserError: if the backend is not installed, a GPU is wanted and there is none, or several processes are
            described by half or not possible.
    """
    _check_processes(params)
    if importlib.util.find_spec(params.backend) is None:
        raise UserError(
            f"train.backend: {params.backend} is not installed. Install it, "
            f"{sys.executable} -m pip install '.[{params.backend}]', or set train.backend: tensorflow"
        )
    os.environ["KERAS_BACKEND"] = params.backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # with JAX too, for parts of Keras import TensorFlow where it is
    gpu = _start_tensorflow(params) if params.backend == "tensorflow" else _start_jax(params)
    if params.device == "gpu" and not gpu:
        raise UserError(
            f"train.device: gpu is wanted, and {params.backend} finds none. For the CPU there is "
            "presets/lgg-cpu.yaml; train.device: any trains on what there is. For an NVIDIA GPU install its driver and "
            f"{'tensorflow[and-cuda]' if params.backend == 'tensorflow' else 'jax[cuda12]'}"
        )
    keras = importlib.import_module("keras")
    keras.utils.set_random_seed(params.seed)
    runtime = Runtime(backend=params.backend, gpu=gpu, precision=_precision(params, gpu=gpu))
    if runtime.precision == "bfloat16" and runtime.fused_norm:
        # TensorFlow's kernels for bfloat16 on a CPU; Keras' policy does not reach them. Probabilities stay float32: in
        # bfloat16 all above 0.998 would be 1.
        os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_INFERLIST_REMOVE"] = "Sigmoid"
        tf = importlib.import_module("tensorflow")
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    importlib.import_module("cv2").setNumThreads(1)  # batches are made in threads of their own
    return runtime


def _precision(params: TrainParams, *, gpu: bool) -> Literal["float32", "bfloat16"]:
    if params.precision != "auto":
        return params.precision
    quick = gpu or (params.backend == "tensorflow" and _cpu_has_bfloat16())
    return "bfloat16" if quick else "float32"


def _cpu_has_bfloat16() -> bool:
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return False
    return any(BFLOAT16_FLAGS & set(line.split()) for line in lines if line.startswith("flags"))


def _start_tensorflow(params: TrainParams) -> bool:
    with _quiet_start():
        importlib.import_module("keras")
        tf = importlib.import_module("tensorflow")
    tf.config.threading.set_intra_op_parallelism_threads(params.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    return bool(tf.config.list_physical_devices("GPU"))


def _start_jax(params: TrainParams) -> bool:
    os.environ["PJRT_NPROC"] = str(params.threads)  # the size of XLA's pool of CPU threads
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
    with _quiet_start():
        keras = importlib.import_module("keras")
    if os.environ.get(PROCESSES[0]):
        keras.distribution.initialize()  # waits until all processes are there; before JAX looks for devices
    return bool(importlib.import_module("jax").default_backend() == "gpu")


def use_all_devices(params: TrainParams) -> None:
    """Let training use every device of every process; after `configure`, before any model or array is made.

    Args:
        params: its backend and batch size.

    Raises:
        UserError: if a batch cannot be shared evenly.
    """
    if params.backend != "jax":
        return
    keras = importlib.import_module("keras")
    devices = keras.distribution.get_device_count()
    if params.batch_size % devices:
        raise UserError(
            f"train.batch_size: {params.batch_size} slices cannot be shared evenly by {devices} devices; "
            f"take a multiple of {devices}"
        )
    if devices > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


@contextmanager
def process_output_folder(out: Path) -> Iterator[Path]:
    """Where this process writes: `out` in the first one, a folder that is thrown away in the others.

    All processes must take the same steps, because Keras compares variables across processes as it makes and loads
    them, even while saving; a process that alone writes a checkpoint waits for the others for ever.
    """
    if int(os.environ.get(PROCESSES[2], "0")) == 0:
        yield out
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def _check_processes(params: TrainParams) -> None:
    """Refuse several processes that are described by half, or that the backend cannot have."""
    given = [name for name in PROCESSES if name in os.environ]
    if given and params.backend != "jax":
        raise UserError(
            f"{given[0]} is set, but train.backend is {params.backend}, which trains in one process. "
            "Set train.backend: jax, or unset it"
        )
    if given and len(given) < len(PROCESSES):
        missing = ", ".join(name for name in PROCESSES if name not in given)
        raise UserError(f"{given[0]} is set and {missing} is not; several processes need all three: docs/scaling.md")


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Hold back what libraries write to standard error; show it if the block fails.

    TensorFlow's C++ side writes start-up notes before it heeds TF_CPP_MIN_LOG_LEVEL, straight to the descriptor.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
