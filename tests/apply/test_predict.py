"""`brainseg predict` from the command line to the files it writes; covers all modules of brainseg.apply."""

import csv
import json
import socket
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pytest
from PIL import Image

from brainseg.apply import network as network_module
from brainseg.apply import segmenter as segmenter_module
from brainseg.apply.measures import COLUMNS, measure
from brainseg.apply.network import KerasNetwork
from brainseg.apply.overlay import _choose_slices, draw_overlay
from brainseg.apply.segmenter import Segmenter, load_segmenter
from brainseg.cli import main
from brainseg.errors import UserError
from brainseg.imaging.preprocessing import channel_names
from brainseg.imaging.volume import FLAIR
from brainseg.model.saving import ModelCard, save_model
from brainseg.model.unet import build_unet
from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point
from brainseg.scans.digests import keyed_name
from brainseg.scans.grid import Grid
from brainseg.scans.scan import Scan, Source
from tests.imaging.drawn_head import draw_head
from tests.scans.dicom_files import write_series

SPACING = np.diag([-1.0, -1.0, 5.0, 1.0])


def bright_model(images: Any, training: bool) -> Any:
    """A network that takes bright FLAIR for tumour."""
    return 1 / (1 + np.exp(-4 * (np.asarray(images)[..., FLAIR : FLAIR + 1] - 1.5)))


def segmenter(point: OperatingPoint | None = None, batch_size: int = 16, flip: bool = True) -> Segmenter:
    card = ModelCard(
        input_size=64,
        normalisation="brain_zscore",
        crop="head",
        context_slices=0,
        contralateral_flair=False,
        channels=channel_names(0, False),
        backend="tensorflow",
        threads=1,
        precision="float32",
    )
    network = KerasNetwork(model=bright_model, card=card, batch_size=batch_size, flip=flip)  # type: ignore[arg-type]
    point = point or OperatingPoint(threshold=0.5, smallest_lesion=0)
    return Segmenter(network=network, point=point, digest="ab" * 32, flip=flip)


def head_with_lesion() -> np.ndarray:
    """FLAIR, shape (6, 96, 96), int16, with a bright lesion that lies off all symmetries."""
    flair = draw_head(size=96, slices=6)[..., FLAIR].astype(np.float64)
    flair = (1000 * (flair - flair.min()) / np.ptp(flair)).astype(np.int16)
    flair[2:5, 40:52, 30:38] = 1500
    return flair


@pytest.fixture
def with_bright_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command uses `bright_model`, with the threshold and the flip that it was told."""

    def load(_: Path | None, *, threshold: float | None, flip: bool | None, batch_size: int, **__: Any) -> Segmenter:
        point = OperatingPoint(threshold=threshold or 0.5, smallest_lesion=0)
        return segmenter(point=point, flip=flip is not False, batch_size=batch_size)

    monkeypatch.setattr(segmenter_module, "load_segmenter", load)


def predict(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command; returns its exit status."""
    monkeypatch.setattr("sys.argv", ["brainseg", "predict", *map(str, arguments)])
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0) if not isinstance(stopped.code, str) else 1
    return 0


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray = SPACING) -> Path:
    """Write an array in the network's orientation, (S, H, W), as columns x rows x slices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)
    return path


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """All files but report.json, which has times in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "report.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.usefixtures("with_bright_model")
def test_a_nifti_file_gets_a_mask_on_its_grid_and_its_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = write_nifti(tmp_path / "in/scan.nii.gz", head_with_lesion())
    assert predict(monkeypatch, scan, "-o", tmp_path / "out", "--save-probabilities", "--overlay") == 0
    mask, source = nibabel.load(tmp_path / "out/scan_mask.nii.gz"), nibabel.load(scan)
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(mask.affine, source.affine)
    found = np.asarray(mask.dataobj).transpose(2, 1, 0)
    assert found[3, 45, 34] == 1
    assert found[3, 2, 2] == 0
    (row,) = rows_of(tmp_path / "out")
    assert int(row["voxels"]) == found.sum()
    assert float(row["volume_ml"]) == pytest.approx(found.sum() * 0.005)
    assert row["sequences"] == "flair"
    assert (tmp_path / "out/scan_overlay.png").read_bytes().startswith(b"\x89PNG")
    probability = np.asarray(nibabel.load(tmp_path / "out/scan_probability.nii.gz").dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(probability >= 0.5, found == 1)


@pytest.mark.usefixtures("with_bright_model")
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA", "AIL", "PSR", "IRP"])
def test_the_storage_order_does_not_change_the_outline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: str
) -> None:
    image = nibabel.Nifti1Image(head_with_lesion().transpose(2, 1, 0), SPACING)
    target = nibabel.orientations.axcodes2ornt(tuple(orientation))
    transform = nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), target)
    nibabel.save(image, tmp_path / "plain.nii.gz")
    nibabel.save(image.as_reoriented(transform), tmp_path / "turned.nii.gz")
    for name in ("plain", "turned"):
        assert predict(monkeypatch, tmp_path / f"{name}.nii.gz", "-o", tmp_path / name) == 0
    turned = nibabel.load(tmp_path / "turned/turned_mask.nii.gz")
    assert "".join(nibabel.aff2axcodes(turned.affine)) == orientation
    back = nibabel.as_closest_canonical(turned)
    expected = nibabel.as_closest_canonical(nibabel.load(tmp_path / "plain/plain_mask.nii.gz"))
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(expected.dataobj))
    assert np.asarray(back.dataobj).any()


@pytest.mark.usefixtures("with_bright_model")
def test_a_bad_case_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(tmp_path / "in/a/good.nii.gz", head_with_lesion())
    write_nifti(tmp_path / "in/b/bad.nii.gz", np.full((6, 96, 96), np.nan, np.float32))
    write_nifti(tmp_path / "in/c/last.nii.gz", head_with_lesion())
    assert predict(monkeypatch, tmp_path / "in", "-o", tmp_path / "out") == 1
    assert [row["case"] for row in rows_of(tmp_path / "out")] == ["good", "last"]
    cases = json.loads((tmp_path / "out/report.json").read_text())["cases"]
    assert [case["status"] for case in cases] == ["done", "failed", "done"]
    printed = capsys.readouterr().out
    assert "bad: failed" in printed
    assert "2 of 3 cases" in printed


@pytest.mark.usefixtures("with_bright_model")
def test_the_same_call_twice_gives_the_same_bytes_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    write_phantoms(tmp_path / "in", PhantomParams(patients=2, size=64, seed=1))
    for name in ("first", "second"):
        assert predict(monkeypatch, tmp_path / "in", "-o", tmp_path / name, "--evaluate", "--overlay") == 0
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    rows = rows_of(tmp_path / "first")
    assert all(0 <= float(row["dice"]) <= 1 for row in rows)
    assert [row["volume_ml"] for row in rows] == ["", ""]  # unknown, not 0


@pytest.mark.usefixtures("with_bright_model")
def test_resume_keeps_what_is_finished_for_the_same_input_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_nifti(tmp_path / f"in/{name}/{name}.nii.gz", head_with_lesion())
    call = (tmp_path / "in", "-o", tmp_path / "out")
    assert predict(monkeypatch, *call) == 0
    before = rows_of(tmp_path / "out")
    changed = head_with_lesion()
    changed[2:5, 40:52, 30:45] = 1500
    write_nifti(tmp_path / "in/b/b.nii.gz", changed)
    assert predict(monkeypatch, *call, "--resume") == 0
    after = rows_of(tmp_path / "out")
    statuses = [case["status"] for case in json.loads((tmp_path / "out/report.json").read_text())["cases"]]
    assert statuses == ["kept", "done"]
    assert after[0] == before[0]
    assert int(after[1]["voxels"]) > int(before[1]["voxels"])
    assert predict(monkeypatch, *call, "--resume", "--threshold", "0.9") == 0
    statuses = [case["status"] for case in json.loads((tmp_path / "out/report.json").read_text())["cases"]]
    assert statuses == ["done", "done"]
    capsys.readouterr()


@pytest.mark.usefixtures("with_bright_model")
def test_with_a_key_no_name_is_in_any_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_phantoms(tmp_path / "in", PhantomParams(patients=1, size=64, seed=1))
    (name,) = (path.name for path in (tmp_path / "in").iterdir() if path.is_dir())
    key = tmp_path / "key"
    key.write_text("a secret that is long enough")
    out = tmp_path / "out"
    assert predict(monkeypatch, tmp_path / "in", "-o", out, "--anonymise", key, "--overlay") == 0
    assert rows_of(out)[0]["case"] == keyed_name(key.read_bytes(), name)
    files = {**contents(out), "report.json": (out / "report.json").read_bytes()}
    secret = name.split("_")[2]
    assert not any(secret in path or secret.encode() in content for path, content in files.items())
    assert secret not in capsys.readouterr().out


@pytest.mark.usefixtures("with_bright_model")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{in}", "-o", "{in}/out"), "is inside the input"),
        (("{in}", "-o", "{full}"), "is not empty"),
        (("{in}", "-o", "{in}/scan.nii.gz"), "found a file|is inside"),
        (("{missing}", "-o", "{new}"), "not found"),
        (("-o", "{new}"), "No input"),
        (("{in}", "-o", "{new}", "--threshold", "1.5"), "above 0, at most 1"),
        (("{in}", "-o", "{new}", "--batch-size", "0"), "from 1 to 1024"),
        (("{in}", "-o", "{new}", "--anonymise", "{short}"), "at least 16 bytes"),
    ],
)
def test_wrong_usage_gives_one_message_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    write_nifti(tmp_path / "in/scan.nii.gz", head_with_lesion())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "short").write_text("short")
    places = {name: tmp_path / name for name in ("in", "full", "short", "missing", "new")}
    monkeypatch.setattr("sys.argv", ["brainseg", "predict", *(text.format(**places) for text in arguments)])
    with pytest.raises(SystemExit, match=message):
        main()
    assert not (tmp_path / "new").exists()


def test_a_missing_channel_is_filled_with_flair_whatever_is_in_it() -> None:
    image = np.repeat(head_with_lesion()[..., None], 3, axis=-1)
    expected = segmenter().segment(image)
    image[..., 0] = -5
    found = segmenter().segment(image, missing=("pre-contrast",))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 8, 8)), np.zeros((4, 8, 8, 3), np.complex64), np.full((4, 8, 8, 3), np.nan)]
)
def test_arrays_that_are_no_scan_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image: expected"):
        segmenter().segment(image)


def test_a_model_of_ones_own_is_loaded_with_its_operating_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "configure", lambda _: None)  # other tests have started TensorFlow already
    card = segmenter().network.card
    save_model(tmp_path / "unet.keras", build_unet(input_size=64, filters=2, dropout=0.0), card)
    write_operating_point(tmp_path / "operating_point.json", OperatingPoint(threshold=0.4, smallest_lesion=7))
    for path in (tmp_path, tmp_path / "unet.keras"):
        assert load_segmenter(path).point == OperatingPoint(threshold=0.4, smallest_lesion=7)
    assert load_segmenter(tmp_path, threshold=0.3).point == OperatingPoint(threshold=0.3, smallest_lesion=7)
    with pytest.raises(UserError, match=r"expected a \.onnx, \.xml or \.keras file"):
        load_segmenter(tmp_path / "nothing")


def test_measures_of_a_drawn_mask() -> None:
    mask = np.zeros((4, 8, 8), np.bool_)
    mask[1, 2:4, 3:6] = True
    mask[3, 7, 7] = True
    grid = Grid(shape=(8, 8, 4), affine=np.diag([-1.0, -1.0, 5.0, 1.0]))
    source = Source(kind="nifti", paths=(Path("a.nii"),))
    scan = Scan(case_id="a", image=np.zeros((4, 8, 8, 3)), grid=grid, source=source, missing=("pre-contrast",))
    row = measure(scan, mask, mask.astype(np.float32) * np.float32(0.75))
    assert tuple(row) == COLUMNS
    expected = {
        "volume_ml": 0.035,
        "voxels": 7,
        "lesions": 2,
        "largest_lesion_voxels": 6,
        "slices_with_tumour": 2,
        "centroid": "4.4 3.1 1.3",
        "bounding_box": "3:8 2:8 1:4",
        "touches_border": True,
        "mean_probability_inside": 0.75,
        "sequences": "flair post-contrast",
        "doubt": round(1 - 2 * 0.75 / 1.75, 4),
        "doubt_reasons": "vague margin; only 2 slices",
        "dice": None,
    }
    assert {name: row[name] for name in expected} == expected
    empty = measure(scan, np.zeros_like(mask), np.zeros(mask.shape, np.float32))
    assert (empty["volume_ml"], empty["centroid"], empty["lesions"]) == (0, None, 0)


def test_an_overlay_shows_slices_with_tumour_and_their_neighbours() -> None:
    assert _choose_slices(np.array([0, 0, 5, 9, 0, 0])).tolist() == [1, 2, 3, 4]
    assert _choose_slices(np.zeros(3, np.int64)).tolist() == [0, 1, 2]
    assert _choose_slices(np.arange(40)).tolist() == list(range(28, 40))
    image = np.repeat(head_with_lesion()[..., None], 3, axis=-1)
    scan = Scan(
        case_id="a", image=image, grid=Grid(shape=image.shape[:3]), source=Source(kind="slices", paths=(Path("a.png"),))
    )
    mask = np.zeros(image.shape[:3], np.bool_)
    assert draw_overlay(scan, mask) != draw_overlay(scan, image[..., FLAIR] == 1500)


@pytest.mark.usefixtures("with_bright_model")
def test_with_a_key_bids_output_has_no_name_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nifti(tmp_path / "in/sub-Secret_FLAIR.nii.gz", head_with_lesion())
    (tmp_path / "key").write_text("a secret that is long enough")
    call = (tmp_path / "in", "-o", tmp_path / "out", "--bids", "--anonymise", tmp_path / "key")
    assert predict(monkeypatch, *call) == 0
    written = contents(tmp_path / "out")
    assert any(path.endswith("_space-orig_label-lesion_mask.nii.gz") for path in written)
    assert not any("Secret" in path or b"Secret" in content for path, content in written.items())


@pytest.mark.usefixtures("with_bright_model")
def test_with_a_key_no_message_names_a_file_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, head = tmp_path / "in", head_with_lesion()
    write_nifti(root / "Secret A/Secret.Jane.nii.gz", head)  # taken as FLAIR, with a note
    write_nifti(root / "b/Secret_flair.nii.gz", np.full(head.shape, np.nan, np.float32))
    write_nifti(root / "Secret c/Secret1.nii.gz", head)
    write_nifti(root / "Secret c/Secret2.nii.gz", head)
    (root / "d").mkdir()
    for number in (1, 3):
        Image.fromarray(head[3].astype(np.uint8)).save(root / f"d/Secret_{number}.png")
    write_series(tmp_path / "dicom/Secret", head.astype(np.uint16), header={"StudyInstanceUID": "1.2"})
    (tmp_path / "dicom/Secret/1_0002").write_bytes((tmp_path / "dicom/Secret/1_0002").read_bytes()[:2000])
    (tmp_path / "key").write_text("a secret that is long enough")
    for folder in (root, tmp_path / "dicom"):
        out = tmp_path / f"out {folder.name}"
        assert predict(monkeypatch, folder, "-o", out, "--anonymise", tmp_path / "key") == 1
        report = (out / "report.json").read_text()
        assert "Secret" not in report + capsys.readouterr().out
        notes = [note for case in json.loads(report)["cases"] for note in case["notes"]]
        assert len(notes) >= (4 if folder == root else 1)


@pytest.mark.usefixtures("with_bright_model")
def test_dicom_gets_a_segmentation_and_nifti_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "in", head_with_lesion().astype(np.uint16), names="random")
    call = (tmp_path / "in", "-o", tmp_path / "out", "--nifti")
    assert predict(monkeypatch, *call) == 0
    segmentation = highdicom.seg.segread(next((tmp_path / "out").glob("*_seg.dcm")))
    mask = np.asarray(nibabel.load(next((tmp_path / "out").glob("*_mask.nii.gz"))).dataobj)
    (row,) = rows_of(tmp_path / "out")
    assert segmentation.pixel_array.sum() == mask.sum() == int(row["voxels"]) > 0
    report = highdicom.sr.srread(next((tmp_path / "out").glob("*_sr.dcm")))
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    assert group.get_measurements()[0].value == pytest.approx(float(row["volume_ml"]))
    before = contents(tmp_path / "out")
    assert predict(monkeypatch, *call, "--overwrite") == 0
    assert contents(tmp_path / "out") == before


@pytest.mark.usefixtures("with_bright_model")
@pytest.mark.parametrize(("option", "expected"), [((), False), (("--flip",), True), (("--no-flip",), False)])
def test_the_flip_is_that_of_the_run_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...], expected: bool
) -> None:
    (tmp_path / "params.yaml").write_text("predict:\n  test_time_flip: false\n")
    scan = write_nifti(tmp_path / "in/scan.nii.gz", head_with_lesion())
    assert predict(monkeypatch, scan, "-o", tmp_path / "out", "--model", tmp_path / "models", *option) == 0
    assert json.loads((tmp_path / "out/report.json").read_text())["settings"]["flip"] is expected
