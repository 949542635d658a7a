"""bfloat16: what of the file is in it, the patients on which it is compared, and what is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from brainseg.apply.segmenter import load_segmenter
from brainseg.cli import main
from brainseg.errors import UserError
from brainseg.export import patients as patients_module
from brainseg.export import precision as precision_module
from brainseg.export.exported import import_openvino, open_exported
from brainseg.export.formats import Source
from brainseg.export.onnx_file import make_graph
from brainseg.export.patients import compare_on_patients
from brainseg.export.precision import find_patients
from brainseg.export.writing import write_export
from brainseg.metrics.overlap import count
from brainseg.model.unet import average_ensemble
from brainseg.params import PhantomParams
from brainseg.phantom.patients import make_patient, write_phantoms
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.scans.case_source import CaseSource
from brainseg.scans.cases import read_scan
from tests.export.small_model import make_network, run_keras
from tests.model_card import make_card

CARD = make_card()
POINT = OperatingPoint(threshold=0.45, smallest_lesion=0)
openvino = import_openvino()
bfloat16_processor = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this processor has no bfloat16",
)


@pytest.fixture(scope="module")
def source() -> Source:
    network = make_network(CARD)
    return Source(
        model=network, card=CARD, point=POINT, digest="ab" * 32, flip=True, model_card="", precision="bfloat16"
    )


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> list[CaseSource]:
    folder = tmp_path_factory.mktemp("patients")
    write_phantoms(folder, PhantomParams(patients=2, size=64, seed=1))
    return find_patients([folder])


@pytest.fixture(scope="module")
def exported(source: Source, patients: list[CaseSource], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export in bfloat16. Its network has random weights, of which nothing can be expected."""
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patients_module, "DICE_BOUND", 1.0)
        write_export(source, "openvino", folder, patients=patients)
    return folder


def operations(model: Any) -> Iterator[Any]:
    """The operations of a graph of OpenVINO and of the loops in it."""
    for operation in model.get_ops():
        yield operation
        if operation.get_type_name() == "Loop":
            yield from operations(operation.get_function())


def precision_of(operation: Any) -> str:
    return str(operation.get_output_element_type(0).get_type_name())


def test_the_network_is_in_bfloat16_and_the_rest_in_float32(source: Source) -> None:
    ensemble = average_ensemble([source.model, make_network(CARD, seed=2)])
    graph = make_graph(ensemble, CARD, flip=True, precision="bfloat16")
    onnx.checker.check_model(graph, full_check=True)
    model = openvino.Core().read_model(graph.SerializeToString(), b"")
    found = list(operations(model))
    kinds: dict[str, set[str]] = {}
    for operation in found:
        kinds.setdefault(operation.get_type_name(), set()).add(precision_of(operation))
    assert {kind: kinds[kind] for kind in ("Convolution", "ConvolutionBackpropData", "Sigmoid", "MatMul")} == {
        "Convolution": {"bf16"},
        "ConvolutionBackpropData": {"bf16"},
        "Sigmoid": {"f32"},
        "MatMul": {"f32"},
    }
    conversions = [
        (str(operation.get_input_element_type(0).get_type_name()), precision_of(operation))
        for operation in found
        if operation.get_type_name() == "Convert"
    ]
    assert conversions.count(("f32", "bf16")) == 1  # the input of both networks
    assert conversions.count(("bf16", "f32")) == 2  # their sigmoids
    assert [port.get_element_type().get_type_name() for port in (*model.inputs, *model.outputs)] == [
        "f32",
        "i64",
        "f32",
    ]


def test_weights_are_rounded_once_after_the_normalisation_is_folded_in(source: Source) -> None:
    single, half = (
        {
            each.name: numpy_helper.to_array(each)
            for each in make_graph(source.model, CARD, flip=True, precision=name).graph.initializer
        }
        for name in ("float32", "bfloat16")
    )
    kernels = [name for name in single if name.endswith((".kernel", ".bias"))]
    assert len(kernels) > 40
    for name in kernels:
        np.testing.assert_array_equal(half[name].view(np.uint16), single[name].astype(half[name].dtype).view(np.uint16))
        assert half[name].dtype.name == "bfloat16"


@bfloat16_processor
def test_the_metadata_say_what_it_changes(exported: Path, source: Source, patients: list[CaseSource]) -> None:
    content = json.loads((exported / "model.json").read_text())
    agreement, dice = content["agreement_with_keras"], []
    network = open_exported(exported / "unet.xml", threads=1)
    for case in patients:
        scan = read_scan(case, with_masks=True)
        assert scan.mask_true is not None
        image = scan.image.astype(np.float32)
        maps = run_keras(source.model, CARD, image), network.probability(image)
        assert 1e-5 < np.abs(maps[0] - maps[1]).max() <= agreement["largest_difference"] + 1e-4
        dice.append([count(mask_true=scan.mask_true, mask_pred=POINT.mask_of(each)).dice for each in maps])
    means = np.mean(dice, axis=0)
    assert (content["precision"], agreement["patients"], agreement["left_out"]) == ("bfloat16", 2, 0)
    assert agreement["dice_float32"] == pytest.approx(means[0], abs=1e-4)
    assert agreement["dice"] == pytest.approx(means[1], abs=1e-4)
    assert agreement["dice_difference"] == agreement["dice"] - agreement["dice_float32"]
    stored = openvino.Core().read_model(exported / "unet.xml").get_rt_info(["brainseg"]).value
    assert (stored["precision"], stored["patients_compared"]) == ("bfloat16", "2")
    assert float(stored["dice_difference"]) == pytest.approx(agreement["dice_difference"], abs=1e-6)


@bfloat16_processor
def test_predict_runs_the_file(exported: Path, source: Source) -> None:
    image = make_patient(1, size=96, seed=7).image.astype(np.float32)
    segmenter = load_segmenter(exported / "unet.xml")
    assert segmenter.point == POINT
    difference = np.abs(segmenter.segment(image)[1] - run_keras(source.model, CARD, image)).max()
    assert 1e-4 < difference < 0.1  # 0.8 if grey levels were rounded, too


@bfloat16_processor
def test_an_export_that_changes_dice_is_not_written(
    source: Source, patients: list[CaseSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patients_module, "DICE_BOUND", -1.0)
    expected = (
        r"On 2 patients, mean Dice is 0\.\d{4} in float32 and 0\.\d{4} in this file.*within -1.*Nothing was written"
    )
    with pytest.raises(UserError, match=expected):
        write_export(source, "openvino", tmp_path, patients=patients)
    assert list(tmp_path.iterdir()) == []


def test_patients_without_tumour_say_nothing_about_dice(source: Source, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "in", PhantomParams(patients=1, size=32, seed=1))
    (case,) = find_patients([tmp_path / "in"])
    empty = replace(case, masks=tuple(None for _ in case.masks))
    with pytest.raises(UserError, match="none of 1 has tumour"):
        compare_on_patients(lambda image, **_: np.zeros(image.shape[:3]), source, [empty])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--format onnx --precision bfloat16 --patients in", r"--format onnx has float32 only.*--format openvino"),
        ("--format litert --precision bfloat16 --patients in", r"--format litert has float32 only"),
        ("--format saved_model --precision bfloat16 --patients in", r"--format saved_model has float32 only"),
        ("--format openvino --precision bfloat16", r"needs --patients.*mean Dice.*--patients FOLDER"),
        ("--format openvino --patients in", r"--patients is for --precision bfloat16"),
        ("--format openvino --precision bfloat16 --patients bare", r"1 of 1 have no reference mask: PHAN_"),
        ("--format openvino --precision bfloat16 --patients nowhere", r"nowhere: not found"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_keras_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    write_phantoms(tmp_path / "bare", PhantomParams(patients=1, size=32, seed=1))
    for mask in (tmp_path / "bare").rglob("*_mask.tif"):
        mask.unlink()
    monkeypatch.setattr(precision_module, "import_openvino", lambda: processor("BF16"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["brainseg", "export", *options.split(), "-o", "out"])
    with pytest.raises(SystemExit, match=message):
        main()
    assert not Path("out").exists()


def test_a_processor_without_bfloat16_cannot_tell_what_it_changes(
    source: Source, patients: list[CaseSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_module, "import_openvino", lambda: processor("FP32"))
    with pytest.raises(UserError, match="no instructions for bfloat16"):
        write_export(source, "openvino", tmp_path, patients=patients)


def processor(*capabilities: str) -> Any:
    """A stand-in for OpenVINO on another processor."""
    return SimpleNamespace(Core=lambda: SimpleNamespace(get_property=lambda *_: capabilities))
