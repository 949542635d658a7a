"""kill -9: the training that is run again ends with the very bytes of one that nobody disturbed.

benchmarks/resume.py kills at random moments; here it is before, between and after epochs, each in turn.
"""

from pathlib import Path

from benchmarks.resume import SMALL, outs, prepare, train


def test_killed_three_times_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    prepare(tmp_path, {**SMALL, "epochs": 3})
    train(tmp_path)
    expected = outs(tmp_path)
    assert not (tmp_path / "models/checkpoint").exists(), "a finished training leaves no state"

    for moment in ("training and", "epoch   1/3", "epoch   2/3"):
        printed = train(tmp_path, kill=lambda line, moment=moment: line.startswith(moment) or moment in line)
        assert moment in printed
        for path in ("models/unet.keras", "models/history.csv"):
            (tmp_path / path).unlink(missing_ok=True)  # as DVC does before it runs a stage
    printed = train(tmp_path)
    assert "going on after epoch" in printed
    assert outs(tmp_path) == expected
