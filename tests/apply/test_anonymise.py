"""`brainseg predict --anonymise`: no name of a patient, file or folder is written or printed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms
from brainseg.scans.digests import keyed_name
from tests.apply.bright_model import head_with_lesion
from tests.apply.predicting import contents, predict, rows_of, write_nifti
from tests.scans.dicom_files import write_series


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
