"""Keras callbacks that set the epoch of the batches, record the state of a training, and replay a recorded state."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from brainseg.training.batches import SliceBatches
from brainseg.training.checkpoint import State

Logs = dict[str, Any]


class EpochSetter(keras.callbacks.Callback):
    """Sets the epoch of the batches, and logs the learning rate at the end of each epoch."""

    def __init__(self, batches: SliceBatches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Set the epoch before its first batch is made."""
        self.batches.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Log the learning rate, before another callback lowers it."""
        assert logs is not None  # Keras passes the logs of the epoch
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class Replay(keras.callbacks.Callback):
    """Replays the epochs before an interruption to other callbacks, which restores their counters."""

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], state: State, learning_rate: float) -> None:
        """Replay to callbacks that decide on the learning rate and on stopping.

        Args:
            callbacks: they must come before this one in the callbacks of `fit`.
            state: whose history is replayed.
            learning_rate: at the start of the training.
        """
        super().__init__()
        self.callbacks = callbacks
        self.history = list(state.history)
        self.learning_rate = learning_rate

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Replay the history, starting from the first learning rate, which the callbacks then lower again."""
        if any(isinstance(callback, keras.callbacks.ReduceLROnPlateau) for callback in self.callbacks):
            self.model.optimizer.learning_rate = self.learning_rate
        for epoch, epoch_logs in enumerate(self.history):
            for callback in self.callbacks:
                callback.on_epoch_end(epoch, dict(epoch_logs))


class StateRecorder(keras.callbacks.Callback):
    """Records the history and the best weights in a state, and saves it after each epoch.

    It must be the last callback. An epoch whose loss is NaN or infinite is not recorded, and it ends the training.
    """

    def __init__(self, state: State, network: keras.Model, save: Callable[[], None]) -> None:
        """Record into a state.

        Args:
            state: changed in place.
            network: the model whose weights are recorded.
            save: called after each recorded epoch.
        """
        super().__init__()
        self.state = state
        self.network = network
        self.save = save

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record the epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(values["loss"]) or not math.isfinite(values["val_loss"]):
            self.state.failed = epoch + 1
            self.model.stop_training = True
            return
        self.state.history.append(values)
        if values["val_loss"] < self.state.best_loss:
            self.state.best_loss = values["val_loss"]
            # Copies, because JAX reuses the memory of the variables in each step.
            self.state.best = [np.array(weight) for weight in self.network.get_weights()]
        self.state.stopped = bool(self.model.stop_training) or epoch + 1 == self.params["epochs"]
        self.save()
