"""The only place that knows the backend: threads, seeds and determinism, set before Keras is imported.

Importing this module imports neither Keras nor TensorFlow; `configure` does.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from brainseg.params import TrainParams


def configure(train: TrainParams) -> None:
    """Make Keras use the wanted backend, repeatably; call it before anything imports Keras.

    Args:
        train: its backend, threads, precision and seed.
    """
    os.environ["KERAS_BACKEND"] = train.backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with _quiet_start():
        import keras
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(train.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(train.precision)
    keras.utils.set_random_seed(train.seed)


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
