"""What a training prints: one line per epoch and, in a terminal, a progress bar."""

import sys
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressPrinter(keras.callbacks.Callback):
    """Prints one line per epoch and, in a terminal, a progress bar over the batches of all epochs."""

    def __init__(self, best_loss: float = float("inf")) -> None:
        """Create the progress bar.

        Args:
            best_loss: lowest validation loss so far, if a training is resumed.
        """
        super().__init__()
        console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("batches, at most"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # lines in a file or a pipe stay there
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("training")
        self.best_loss = best_loss

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the progress bar."""
        self.progress.update(self.task, total=self.params["epochs"] * self.params["steps"])
        self.progress.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Advance the progress bar."""
        self.progress.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line of the epoch; the lowest validation loss so far is marked."""
        values = logs or {}
        mark = "  lowest so far" if values["val_loss"] < self.best_loss else ""
        self.best_loss = min(self.best_loss, values["val_loss"])
        print(
            f"epoch {epoch + 1:>3}/{self.params['epochs']}  loss {values['loss']:.4f}  "
            f"validation loss {values['val_loss']:.4f}  Dice {values['val_dice']:.3f}{mark}",
            flush=True,
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Remove the progress bar."""
        self.progress.stop()
