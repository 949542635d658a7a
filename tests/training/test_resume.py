"""kill -9: the training that is run again ends with the very bytes of one that nobody disturbed.

benchmarks/resume.py kills at random moments; here it is before, between and after epochs, each in turn.
"""

from pathlib import Path

import numpy as np

from benchmarks.resume import SMALL, outs, prepare, train
from brainseg.model.saving import load_model


def test_killed_three_times_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    prepare(tmp_path, {**SMALL, "epochs": 2, "ensemble": 2})
    train(tmp_path)
    expected = outs(tmp_path)
    assert not (tmp_path / "models/checkpoint").exists(), "a finished training leaves no state"
    model, _ = load_model(tmp_path / "models/unet.keras")
    one, other = (model.get_layer(name).get_weights() for name in ("unet1", "unet2"))
    assert not any(np.array_equal(*pair) for pair in zip(one, other, strict=True) if pair[0].ndim == 4)

    for moment, network in (("training and", 0), ("epoch   1/2", 1), ("epoch   1/2", 2)):
        seen = []

        def at_the_moment(line: str, moment: str = moment, network: int = network, seen: list[str] = seen) -> bool:
            seen.extend([line] * line.startswith("network"))
            return moment in line and len(seen) == network

        printed = train(tmp_path, kill=at_the_moment)
        assert moment in printed
        for path in ("models/unet.keras", "models/history.csv"):
            (tmp_path / path).unlink(missing_ok=True)  # as DVC does before it runs a stage
    printed = train(tmp_path)
    assert "going on after epoch" in printed
    assert outs(tmp_path) == expected
