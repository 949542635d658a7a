"""`brainseg predict` from the command line to the files it writes; covers all modules of brainseg.apply."""

import json
import os
import socket
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pytest

from brainseg.cli import main
from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms
from tests.apply.bright_model import head_with_lesion
from tests.apply.predicting import SPACING, contents, predict, rows_of, write_nifti
from tests.scans.dicom_files import write_series


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
