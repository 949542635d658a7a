"""The lines that a training prints."""

import pytest

from brainseg.training.progress import ProgressPrinter


def test_one_line_per_epoch_marks_the_lowest_validation_loss(capsys: pytest.CaptureFixture[str]) -> None:
    printer = ProgressPrinter(best_loss=0.5)  # from epochs before an interruption
    printer.set_params({"epochs": 12, "steps": 3})
    printer.on_train_begin()
    for epoch, loss in enumerate((0.6, 0.4, 0.45), start=9):
        printer.on_epoch_end(epoch, {"loss": 0.3, "val_loss": loss, "val_dice": 0.8})
    printer.on_train_end()
    assert capsys.readouterr().out.splitlines() == [
        "epoch  10/12  loss 0.3000  validation loss 0.6000  Dice 0.800",
        "epoch  11/12  loss 0.3000  validation loss 0.4000  Dice 0.800  lowest so far",
        "epoch  12/12  loss 0.3000  validation loss 0.4500  Dice 0.800",
    ]


def test_lines_of_epochs_stay_in_a_pipe_while_the_progress_bar_is_in_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # standard error, for rich
    printer = ProgressPrinter()
    printer.set_params({"epochs": 1, "steps": 3})
    printer.on_train_begin()
    printer.on_train_batch_end(0)
    printer.on_epoch_end(0, {"loss": 0.3, "val_loss": 0.5, "val_dice": 0.8})
    printer.on_train_end()
    captured = capsys.readouterr()
    assert captured.out == "epoch   1/1  loss 0.3000  validation loss 0.5000  Dice 0.800  lowest so far\n"
    assert "batches, at most" in captured.err
