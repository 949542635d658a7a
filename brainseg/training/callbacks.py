"""What Keras calls between epochs: batches that know their epoch, a state to go on from."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from brainseg.training.batches import SliceBatches
from brainseg.training.checkpoint import State

Logs = dict[str, Any]


class EpochSetter(keras.callbacks.Callback):
    """Tells the batches their epoch, and logs the learning rate that the epoch ended with."""

    def __init__(self, batches: SliceBatches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Before the first batch is made."""
        self.batches.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Before anything lowers the rate."""
        assert logs is not None  # Keras gives the epoch's
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class Replay(keras.callbacks.Callback):
    """Shows other callbacks the epochs that an interrupted training had behind it, so that they are where they were."""

    def __init__(self, others: Sequence[keras.callbacks.Callback], state: State, learning_rate: float) -> None:
        super().__init__()
        self.others = others
        self.history = list(state.history)
        self.learning_rate = learning_rate

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """After the others have begun: from the first learning rate through all that lowered it."""
        if any(isinstance(other, keras.callbacks.ReduceLROnPlateau) for other in self.others):
            self.model.optimizer.learning_rate = self.learning_rate
        for epoch, epoch_logs in enumerate(self.history):
            for other in self.others:
                other.on_epoch_end(epoch, dict(epoch_logs))


class StateRecorder(keras.callbacks.Callback):
    """Keeps history and best weights in a state and has it written, last of an epoch's callbacks.

    An epoch whose loss is no number is not kept: `failed` is then its number, from 1.
    """

    def __init__(self, state: State, network: keras.Model, write: Callable[[], None]) -> None:
        super().__init__()
        self.state = state
        self.network = network  # whose weights are kept
        self.write = write

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
            # Copies: JAX gives the memory of variables away with each step.
            self.state.best = [np.array(weight) for weight in self.network.get_weights()]
        self.state.stopped = bool(self.model.stop_training) or epoch + 1 == self.params["epochs"]
        self.write()
