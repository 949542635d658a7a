"""What a training prints: a line an epoch, and in a terminal a bar with the time left."""

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class EpochLines(keras.callbacks.Callback):
    """Prints a line after each epoch; the bar over all batches of all epochs is drawn in a terminal only."""

    def __init__(self, least: float = float("inf")) -> None:
        """Begin a training.

        Args:
            least: validation loss so far, where a training goes on.
        """
        super().__init__()
        console = Console(highlight=False)
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("batches, at most"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("training")
        self.least = least

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the bar."""
        self.progress.update(self.task, total=self.params["epochs"] * self.params["steps"])
        self.progress.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Move the bar."""
        self.progress.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's line; the least validation loss so far is marked."""
        values = logs or {}
        mark = "  least so far" if values["val_loss"] < self.least else ""
        self.least = min(self.least, values["val_loss"])
        self.progress.console.print(
            f"epoch {epoch + 1:>3}/{self.params['epochs']}  loss {values['loss']:.4f}  "
            f"validation loss {values['val_loss']:.4f}  Dice {values['val_dice']:.3f}{mark}"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Clear the bar."""
        self.progress.stop()
