"""`brainseg export`, and `brainseg predict` with what it wrote."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.apply import network as network_module
from brainseg.apply.segmenter import load_segmenter
from brainseg.cli import main
from brainseg.errors import UserError
from brainseg.export import writing as writing_module
from brainseg.export.exported import open_exported
from brainseg.export.writing import read_source, write_export
from brainseg.model.saving import save_model
from brainseg.params import PhantomParams
from brainseg.phantom.patients import make_patient, write_phantoms
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point
from tests.export.small_model import make_network, run_keras
from tests.model_card import make_card
from tests.project import ROOT

POINT = OperatingPoint(threshold=0.45, smallest_lesion=20)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with unet.keras, operating_point.json and, in onnx/, its export."""
    folder, card = tmp_path_factory.mktemp("models"), make_card()
    save_model(folder / "unet.keras", make_network(card), card)
    write_operating_point(folder / "operating_point.json", POINT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing_module, "configure", lambda _: None)  # other tests have started TensorFlow already
        write_export(read_source(folder, flip=True), "onnx", folder / "onnx")
    return folder


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (network_module, writing_module):
        monkeypatch.setattr(module, "configure", lambda _: None)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["brainseg", *map(str, arguments)])
    main()


def test_predict_runs_the_exported_file_without_tensorflow(models: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "in", PhantomParams(patients=1, size=64, seed=1))
    code = (
        "import sys; from brainseg.cli import main; main(); "
        "sys.exit(str({'tensorflow', 'keras', 'jax', 'onnx'} & set(sys.modules)))"
    )
    arguments = ("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", models / "onnx/unet.onnx", "--overlay")
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stderr.strip() == "set()"
    assert json.loads((tmp_path / "out/report.json").read_text())["settings"]["threshold"] == POINT.threshold


def test_the_exported_file_and_the_keras_model_give_the_same_mask(models: Path) -> None:
    image = make_patient(1, size=96, seed=7).image.astype(np.float32)
    exported, keras_model = load_segmenter(models / "onnx"), load_segmenter(models)
    assert exported.digest != keras_model.digest
    for missing in ((), ("pre-contrast",)):
        found, expected = (each.segment(image, missing=missing) for each in (exported, keras_model))
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], atol=1e-3)


def test_another_flip_needs_the_keras_model(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--no-flip needs the Keras model"):
        load_segmenter(models / "onnx/unet.onnx", flip=False)
    for name in ("unet.keras", "operating_point.json"):
        (tmp_path / name).write_bytes((models / name).read_bytes())
    (tmp_path / "unet.onnx").write_bytes((models / "onnx/unet.onnx").read_bytes())
    assert load_segmenter(tmp_path).digest == load_segmenter(models / "onnx").digest
    assert load_segmenter(tmp_path, flip=False).digest == load_segmenter(models).digest
    assert load_segmenter(tmp_path, threshold=0.2).point == OperatingPoint(threshold=0.2, smallest_lesion=20)


@pytest.mark.parametrize("name", ["openvino", "litert"])
def test_other_formats_agree_with_keras(models: Path, tmp_path: Path, name: str) -> None:
    """`write_export` compares; LiteRT would refuse operations of TensorFlow."""
    source = read_source(models, flip=True)
    assert write_export(source, name, tmp_path).differing_voxels == 0
    metadata = json.loads((tmp_path / "model.json").read_text())
    assert metadata["operating_point"] == {"threshold": 0.45, "smallest_lesion": 20, "flip": True}
    assert set(metadata["files"]) == {path.name for path in tmp_path.iterdir()} - {"model.json"}
    if name == "openvino":
        assert sys.modules["openvino_telemetry"] is None  # it would report to its makers
        network = open_exported(tmp_path / "unet.xml", threads=1)
        assert (network.point, network.flip) == (POINT, True)
        (tmp_path / "unet.bin").write_bytes(b"damaged")
        with pytest.raises(UserError, match=r"unet\.bin: altered or damaged"):
            open_exported(tmp_path / "unet.xml", threads=1)


def test_a_saved_model_runs_in_plain_tensorflow(models: Path, tmp_path: Path) -> None:
    write_export(read_source(models, flip=True), "saved_model", tmp_path)
    image = make_patient(2, size=64, seed=7).image.astype(np.float32)
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "run = tf.saved_model.load('saved_model').signatures['serving_default']\n"
        "inputs = {'image': np.load('image.npy'), 'slice_step': np.ones(1, np.int64)}\n"
        "result = run(**{name: tf.constant(value) for name, value in inputs.items()})\n"
        "np.save('probability.npy', result['probability'].numpy())\n"
        "sys.exit('brainseg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = run_keras(make_network(make_card()), make_card(), image)
    assert np.abs(np.load(tmp_path / "probability.npy") - expected).max() < 1e-3


def test_keras_is_configured_before_it_starts() -> None:
    """Else TensorFlow writes notes about itself on standard error."""
    code = "import sys, brainseg.export.writing; sys.exit(str({'keras', 'tensorflow'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "set()"


def test_an_earlier_export_is_kept_unless_told_otherwise(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("export", "--format", "onnx", "--model", models, "-o", models / "onnx")
    before = (models / "onnx/unet.onnx").read_bytes()
    with pytest.raises(SystemExit, match=r"unet\.onnx: exists already.*--overwrite"):
        run(monkeypatch, *call)
    run(monkeypatch, *call, "--overwrite")
    assert (models / "onnx/unet.onnx").read_bytes() == before
    assert "probabilities differ from Keras by at most" in capsys.readouterr().out


def test_a_missing_package_or_model_is_named(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, *rest: Any) -> Any:
        return None if name == "openvino" else real(name, *rest)

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", find)
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match=r"pip install 'brain-segmentation\[openvino\]'"):
        run(monkeypatch, "export", "--format", "openvino", "--model", models, "-o", out)
    with pytest.raises(SystemExit, match=r"expected a \.keras file"):
        run(monkeypatch, "export", "--format", "onnx", "--model", tmp_path, "-o", out)
    assert not out.exists()
