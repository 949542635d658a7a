"""The ONNX file: its bytes, its metadata, ten lines that use it, and what is refused."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from brainseg.errors import UserError
from brainseg.export import agreement as agreement_module
from brainseg.export import exported as exported_module
from brainseg.export.exported import open_exported
from brainseg.export.onnx_file import write_onnx
from brainseg.phantom.patients import make_patient
from brainseg.prediction.operating_point import OperatingPoint
from tests.export.small_model import make_network, run_keras
from tests.model_card import make_card

CARD = make_card()
POINT = OperatingPoint(threshold=0.45, smallest_lesion=20)
DIGEST, TEXT = "ab" * 32, "---\nlicense: cc-by-nc-sa-4.0\n---\n# Model card"


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return make_network(CARD)


@pytest.fixture(scope="module")
def exported(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "unet.onnx"
    assert write_onnx(network, CARD, POINT, path, digest=DIGEST, model_card=TEXT).differing_voxels == 0
    return path


def test_ten_lines_without_this_project_give_the_mask(exported: Path, network: keras.Model) -> None:
    volume = make_patient(2, size=96, seed=7).image
    path = str(exported)
    # These lines are in docs/export.md, with unet.onnx for path.
    session = onnxruntime.InferenceSession(path)
    metadata = session.get_modelmeta().custom_metadata_map
    inputs = {"image": volume.astype(np.float32), "slice_step": np.array([1])}
    probability = session.run(["probability"], inputs)[0]
    mask = probability >= float(metadata["threshold"])

    expected = run_keras(network, CARD, volume.astype(np.float32)) >= POINT.threshold
    np.testing.assert_array_equal(mask, expected)
    assert 0 < mask.sum() < mask.size


def test_equal_models_give_equal_bytes(exported: Path, tmp_path: Path) -> None:
    write_onnx(make_network(CARD), CARD, POINT, tmp_path / "again.onnx", digest=DIGEST, model_card=TEXT)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_the_metadata_say_how_the_file_is_used(exported: Path) -> None:
    model = onnx.load(exported)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert float(metadata["threshold"]) == 0.45
    assert metadata["smallest_lesion"] == "20"
    assert metadata["flip"] == "true"
    assert metadata["channels"] == "pre-contrast, flair, post-contrast"
    assert metadata["model_sha256"] == DIGEST
    assert metadata["licence_of_weights"] == "cc-by-nc-sa-4.0"
    assert json.loads(metadata["preprocessing"])["input_size"] == CARD.input_size
    assert {node.domain for node in model.graph.node} == {""}  # no operator of one runtime only
    network = open_exported(exported, threads=1)
    assert (network.point, network.flip) == (POINT, True)


def test_an_export_that_does_not_agree_is_not_written(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement_module, "BOUND", 0.0)
    with pytest.raises(UserError, match=r"differ from Keras by at most \d.* of [\d,]+ voxels.*Nothing was written"):
        write_onnx(network, CARD, POINT, tmp_path / "unet.onnx", digest=DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_a_rule_is_named(tmp_path: Path) -> None:
    card = make_card(context_slices=0, contralateral_flair=False)
    inputs = keras.Input((card.input_size, card.input_size, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(1, 1)(keras.layers.LayerNormalization(name="odd")(inputs)))
    with pytest.raises(UserError, match="odd is a LayerNormalization"):
        write_onnx(network, card, POINT, tmp_path / "unet.onnx", digest=DIGEST)


def test_damaged_and_foreign_files_are_refused(exported: Path, tmp_path: Path) -> None:
    content = exported.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"damaged\.onnx: not readable"):
        open_exported(damaged, threads=1)
    with pytest.raises(UserError, match=r"missing\.onnx: not found"):
        open_exported(tmp_path / "missing.onnx", threads=1)
    foreign = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
    )
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(UserError, match=r"not written by brainseg export.*found: x -> y"):
        open_exported(tmp_path / "foreign.onnx", threads=1)
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(UserError, match="no threshold"):
        open_exported(tmp_path / "bare.onnx", threads=1)


def test_an_altered_file_is_noticed(exported: Path, tmp_path: Path) -> None:
    altered = tmp_path / "unet.onnx"
    altered.write_bytes(exported.read_bytes())
    (tmp_path / "model.json").write_text(json.dumps({"files": {"unet.onnx": "0" * 64}}))
    with pytest.raises(UserError, match=r"unet\.onnx: altered or damaged"):
        open_exported(altered, threads=1)


@pytest.mark.parametrize("shape", [(96, 96, 3), (5, 96, 96), (5, 96, 96, 4), (0, 96, 96, 3)])
def test_arrays_of_another_shape_are_refused(exported: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        open_exported(exported, threads=1).probability(np.zeros(shape))


def test_the_same_volume_gives_the_same_bytes(exported: Path) -> None:
    image = make_patient(2, size=64, seed=7).image
    maps = [open_exported(exported, threads=2).probability(image) for _ in range(2)]
    assert maps[0].tobytes() == maps[1].tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
def test_large_volumes_of_whole_numbers_are_not_copied_to_float32(
    exported: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    image = make_patient(2, size=64, seed=7).image.astype(dtype)
    network = open_exported(exported, threads=1)
    expected, fed = network.probability(image), []
    run = onnxruntime.InferenceSession.run

    def record(session: Any, names: Any, inputs: dict[str, Any]) -> Any:
        fed.append(inputs["image"].dtype)
        return run(session, names, inputs)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", record)
    monkeypatch.setattr(exported_module, "LARGE", image.size * 4 - 1)
    np.testing.assert_array_equal(network.probability(image), expected)
    network.probability(image.astype(np.float64))
    assert fed == [dtype, "float32"]
