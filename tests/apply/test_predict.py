"""`brainseg predict` from the command line to the files it writes; covers all modules of brainseg.apply."""

import csv
import json
import os
import socket
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pytest
from PIL import Image

from brainseg.apply import segmenter as segmenter_module
from brainseg.apply.segmenter import Segmenter
from brainseg.cli import main
from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.scans.digests import keyed_name
from tests.apply.bright_model import head_with_lesion, segmenter
from tests.scans.dicom_files import write_series

SPACING = np.diag([-1.0, -1.0, 5.0, 1.0])


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
        (("{in}", "-o", "{new}", "--anonymise", "{in}"), r"cannot be read \(is a directory\)"),
        (("{in}", "-o", "{new}", "--anonymise", "{pipe}"), "not a regular file. Expected: a file with a secret"),
        (("{in}/scan.nii.gz", "-o", "{in}", "--overwrite"), r"has the input .*scan\.nii\.gz in it"),
        (("--flair", "{in}/scan.nii.gz", "-o", "{in}", "--resume"), r"has the input .*scan\.nii\.gz in it"),
        (("{in}/scan.nii.gz", "-o", "{full}/file/new"), "found a file or a broken link: .*full/file$"),
        (("{in}", "-o", "{circle}"), "found a file or a broken link: .*circle$"),
    ],
)
def test_wrong_usage_gives_one_message_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    write_nifti(tmp_path / "in/scan.nii.gz", head_with_lesion())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "short").write_text("short")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    places = {name: tmp_path / name for name in ("in", "full", "short", "pipe", "circle", "missing", "new")}
    monkeypatch.setattr("sys.argv", ["brainseg", "predict", *(text.format(**places) for text in arguments)])
    with pytest.raises(SystemExit, match=message):
        main()
    assert not (tmp_path / "new").exists()


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
