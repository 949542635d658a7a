"""The user's settings outside this project that must not change a result: environment variables, ~/.keras/keras.json.

DVC notices a changed parameter, but neither a variable nor a file in the home folder. docs/training.md lists what can
still change a model.
"""

import os
from typing import Any

# The variables of these libraries are removed from the environment, because many of them change results.
FAMILIES = (
    "KERAS_",
    "TF_",
    "TF2_",
    "ONEDNN_",
    "DNNL_",
    "JAX_",
    "XLA_",
    "CUBLAS_",
    "CUDNN_",
    "NVIDIA_TF32_",
    "OPENCV_",
    "NPY_",
)

# Exceptions: the variables for devices, memory, compilation caches and several processes, and XLA's flags, which say
# for example as how many devices a CPU counts.
KEPT = (
    "KERAS_DISTRIBUTION_",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_FORCE_UNIFIED_MEMORY",
    "TF_GPU_ALLOCATOR",
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_CUDA_VISIBLE_DEVICES",
    "JAX_PERSISTENT_CACHE_",
    "JAX_PLATFORMS",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_",
)


def reset_environment() -> None:
    """Remove these variables, and hide keras.json; call it before anything imports one of the libraries."""
    for name in list(os.environ):
        if name.startswith(FAMILIES) and not name.startswith(KEPT):
            del os.environ[name]
    # Keras reads keras.json in this folder, and writes one if there is none. /dev/null is no folder: it does neither.
    os.environ["KERAS_HOME"] = os.devnull


def reset_keras(keras: Any) -> None:
    """Set what keras.json and variables change in the module `keras`, in case it was imported before."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
