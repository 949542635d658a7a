"""A training that is killed with SIGKILL and run again ends with the same bytes as an uninterrupted one.

Also covers `brainseg.training.ensemble.train_networks`, stages.train and brainseg.environment. benchmarks/resume.py
kills at random moments; here the training is killed before, between and after epochs.
"""

import shutil
from pathlib import Path

import numpy as np

from benchmarks.resume import SMALL, outputs, prepare, train
from brainseg.model.saving import load_model
from tests.project import without

# Without brainseg.environment each of these changes the model or its summary, or makes the training fail.
SETTINGS = {
    "KERAS_MAX_EPOCHS": "1",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENCV_CPU_DISABLE": "AVX2,AVX512_SKX,FP16,SSE4_2",
    "PYTHONIOENCODING": "ascii",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
KERAS_JSON = '{"epsilon": 1e-3, "floatx": "float64", "image_data_format": "channels_first"}'


def test_training_killed_three_times_under_other_settings_ends_with_the_same_bytes(tmp_path: Path) -> None:
    prepare(tmp_path, {**SMALL, "input_size": 32, "block": "plain", "epochs": 2, "ensemble": 2})
    fast = {"PYTHONPATH": without("jax", tmp_path)}
    train(tmp_path, **fast)
    expected = outputs(tmp_path)
    model, _ = load_model(tmp_path / "models/unet.keras")
    first, second = (model.get_layer(name).get_weights() for name in ("unet1", "unet2"))
    assert not any(np.array_equal(*pair) for pair in zip(first, second, strict=True) if pair[0].ndim == 4)

    shutil.rmtree(tmp_path / "models")  # with the state, which stays until dvc.lock records the model
    (tmp_path / "home/.keras").mkdir(parents=True)
    (tmp_path / "home/.keras/keras.json").write_text(KERAS_JSON)
    settings = {**SETTINGS, **fast, "HOME": str(tmp_path / "home")}
    for text, network in (("training and", 0), ("epoch   1/2", 1), ("epoch   1/2", 2)):
        networks_started = []

        def kill(line: str, text: str = text, network: int = network, started: list[str] = networks_started) -> bool:
            started.extend([line] * line.startswith("network"))
            return text in line and len(started) == network

        assert text in train(tmp_path, kill=kill, **settings)
        assert not (tmp_path / "models/unet.keras").exists()
    assert "this training is complete after 2 epochs" in train(tmp_path, **settings)  # network 1
    assert outputs(tmp_path) == expected
