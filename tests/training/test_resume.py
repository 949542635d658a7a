"""A training that is killed with SIGKILL and run again ends with the same bytes as an uninterrupted one.

Also covers `brainseg.training.ensemble.train_networks` and stages.train. benchmarks/resume.py kills at random moments;
here the training is killed before, between and after epochs.
"""

import shutil
from pathlib import Path

import numpy as np

from benchmarks.resume import SMALL, outputs, prepare, train
from brainseg.model.saving import load_model


def test_training_killed_three_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    prepare(tmp_path, {**SMALL, "epochs": 2, "ensemble": 2})
    train(tmp_path)
    expected = outputs(tmp_path)
    shutil.rmtree(tmp_path / "models/checkpoint")  # kept until dvc.lock records the model; here nothing does
    model, _ = load_model(tmp_path / "models/unet.keras")
    first, second = (model.get_layer(name).get_weights() for name in ("unet1", "unet2"))
    assert not any(np.array_equal(*pair) for pair in zip(first, second, strict=True) if pair[0].ndim == 4)

    for text, network in (("training and", 0), ("epoch   1/2", 1), ("epoch   1/2", 2)):
        networks_started = []

        def kill(line: str, text: str = text, network: int = network, started: list[str] = networks_started) -> bool:
            started.extend([line] * line.startswith("network"))
            return text in line and len(started) == network

        printed = train(tmp_path, kill=kill)
        assert text in printed
        for path in ("models/unet.keras", "models/history.csv"):
            (tmp_path / path).unlink(missing_ok=True)  # as DVC does before it runs a stage
    printed = train(tmp_path)
    assert "resuming after epoch" in printed
    assert outputs(tmp_path) == expected
