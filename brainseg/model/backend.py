"""The Keras backend: devices, threads, precision, determinism and several processes.

All settings that depend on the backend are made here. Importing this module imports neither Keras nor a backend;
`configure` does.
"""

import gc
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

from brainseg.environment import reset_environment, reset_keras
from brainseg.errors import UserError
from brainseg.params import TrainParams

# CPUs with instructions for bfloat16; on others it is slower than float32.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")

# Parts of the messages with which the backends and NumPy report that memory is exhausted.
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "Unable to allocate")

# Keras' environment variables for training with several processes, see docs/scaling.md.
PROCESSES = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The backend, device and precision of a training.

    Attributes:
        backend: name of the Keras backend.
        gpu: whether the backend uses a GPU.
        precision: of the arithmetic.
    """

    backend: Literal["tensorflow", "jax"]
    gpu: bool
    precision: Literal["float32", "bfloat16"]

    @property
    def fused_norm(self) -> bool:
        """Whether training uses the batch normalisation of `brainseg.training.fused_norm`."""
        return self.backend == "tensorflow" and not self.gpu

    @property
    def policy(self) -> str:
        """Keras' dtype policy for training; on a CPU, TensorFlow's graph optimiser sets the precision instead."""
        return "mixed_bfloat16" if self.precision == "bfloat16" and not self.fused_norm else "float32"

    @property
    def jit_compile(self) -> bool:
        """Whether XLA compiles the training step; on a CPU, TensorFlow is many times slower with it."""
        return self.gpu or self.backend == "jax"

    @property
    def description(self) -> str:
        """Backend, device and precision in words."""
        return f"{self.backend} on a {'GPU' if self.gpu else 'CPU'}, {self.precision}"


def configure(params: TrainParams) -> Runtime:
    """Configure Keras and its backend for deterministic operation; call it before anything imports Keras.

    It draws no random numbers and sets no seed: `brainseg.model.unet.seeded_unet` sets the seed of each network. The
    user's environment variables and keras.json have no influence, see `brainseg.environment`.

    Args:
        params: backend, device, threads and precision are used.

    Returns:
        What the training will run on.

    Raises:
        UserError: if the backend is not installed, a GPU is required and there is none, or the environment variables
            for several processes are incomplete or do not suit the backend.
    """
    _check_processes(params)
    if importlib.util.find_spec(params.backend) is None:
        raise UserError(
            f"train.backend: {params.backend} is not installed. Install it, "
            f"{sys.executable} -m pip install '.[{params.backend}]', or set train.backend: tensorflow"
        )
    reset_environment()
    os.environ["KERAS_BACKEND"] = params.backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # with JAX too: parts of Keras import TensorFlow if installed
    gpu = _start_tensorflow(params) if params.backend == "tensorflow" else _start_jax(params)
    if params.device == "gpu" and not gpu:
        raise UserError(
            f"train.device: gpu requires a GPU, and {params.backend} finds none. For the CPU, use "
            "presets/lgg-cpu.yaml, or set train.device: any. For an NVIDIA GPU, install its driver and "
            f"{'tensorflow[and-cuda]' if params.backend == 'tensorflow' else 'jax[cuda12]'}"
        )
    reset_keras(importlib.import_module("keras"))
    runtime = Runtime(backend=params.backend, gpu=gpu, precision=_precision(params, gpu=gpu))
    if runtime.precision == "bfloat16" and runtime.fused_norm:
        # Keras' dtype policy does not select TensorFlow's CPU kernels for bfloat16. Probabilities stay float32, because
        # bfloat16 rounds everything above 0.998 to 1.
        os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_INFERLIST_REMOVE"] = "Sigmoid"
        tf = importlib.import_module("tensorflow")
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    importlib.import_module("cv2").setNumThreads(1)  # the batches have their own threads
    return runtime


def _precision(params: TrainParams, *, gpu: bool) -> Literal["float32", "bfloat16"]:
    """Resolve `auto`: bfloat16 if the hardware is faster with it."""
    if params.precision != "auto":
        return params.precision
    fast = gpu or (params.backend == "tensorflow" and _cpu_has_bfloat16())
    return "bfloat16" if fast else "float32"


def _cpu_has_bfloat16() -> bool:
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return False
    return any(BFLOAT16_FLAGS & set(line.split()) for line in lines if line.startswith("flags"))


def _start_tensorflow(params: TrainParams) -> bool:
    """Import TensorFlow and set its threads and determinism; returns whether it finds a GPU."""
    with _quiet_start(), _garbage_collector_paused():
        importlib.import_module("keras")
        tf = importlib.import_module("tensorflow")
    tf.config.threading.set_intra_op_parallelism_threads(params.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    return bool(tf.config.list_physical_devices("GPU"))


def _start_jax(params: TrainParams) -> bool:
    """Import JAX, set its threads and determinism, and join the other processes; returns whether it finds a GPU."""
    os.environ["PJRT_NPROC"] = str(params.threads)  # size of XLA's pool of CPU threads
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
    with _quiet_start(), _garbage_collector_paused():
        keras = importlib.import_module("keras")
    if os.environ.get(PROCESSES[0]):
        keras.distribution.initialize()  # waits for all processes; must precede JAX's search for devices
    return bool(importlib.import_module("jax").default_backend() == "gpu")


def use_all_devices(params: TrainParams) -> None:
    """Train on every device of every process; call it after `configure`, before any model or array is made.

    Args:
        params: backend and batch size are used.

    Raises:
        UserError: if a batch cannot be divided evenly among the devices.
    """
    if params.backend != "jax":
        return
    keras = importlib.import_module("keras")
    devices = keras.distribution.get_device_count()
    if params.batch_size % devices:
        raise UserError(
            f"train.batch_size: {params.batch_size} slices cannot be divided evenly among {devices} devices; "
            f"set a multiple of {devices}"
        )
    if devices > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


@contextmanager
def process_output_folder(out: Path) -> Iterator[Path]:
    """The folder that this process writes to: `out` in the first process, a temporary folder in the others.

    All processes must take the same steps, because Keras compares variables across processes when it creates and loads
    them, even while saving. A process that writes a checkpoint alone would wait for the others forever.
    """
    if int(os.environ.get(PROCESSES[2], "0")) == 0:
        yield out
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that memory is exhausted; each backend has its own classes and messages."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)


def _check_processes(params: TrainParams) -> None:
    """Check the environment variables for several processes: all or none, and JAX only."""
    given = [name for name in PROCESSES if name in os.environ]
    if given and params.backend != "jax":
        raise UserError(
            f"{given[0]} is set, but train.backend is {params.backend}, which trains in one process. "
            "Set train.backend: jax, or unset it"
        )
    if given and len(given) < len(PROCESSES):
        missing = ", ".join(name for name in PROCESSES if name not in given)
        raise UserError(
            f"{given[0]} is set, but {missing} is not. Training with several processes needs all three: docs/scaling.md"
        )


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Suppress what libraries write to standard error, unless the block fails.

    TensorFlow's C++ code writes start-up messages directly to the file descriptor, before it reads
    TF_CPP_MIN_LOG_LEVEL.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def _garbage_collector_paused() -> Iterator[None]:
    """Pause Python's garbage collector, for imports.

    Nearly everything that an import makes stays, and the collector would look through it again and again: importing
    Keras and TensorFlow takes 5.7 s of processor time with it, and 4.4 s without.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
