"""`brainseg view SCANS --predictions OUT`: outlines are shown patient after patient, and verdicts are kept."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainseg.apply.cases import outline_cases
from brainseg.apply.outcome import OutputOptions
from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, Volume
from brainseg.report.predictions import read_predictions
from brainseg.report.verdicts import read_verdicts
from brainseg.scans.recognise import find_cases
from brainseg.view.session import Session
from brainseg.view.verdicts import Review, find_patients
from tests.kaggle_set import write_image
from tests.scans.dicom_files import write_series
from tests.viewer.conftest import SECONDS, SLICES, OpenPage
from tests.viewer.predictions import FixedSegmenter


@pytest.fixture
def predicted(patient: Volume, tmp_path: Path) -> tuple[Path, Path]:
    """Scans of three forms, and the output folder of `brainseg predict`."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    flair = patient.image[..., FLAIR]
    (scans / "a").mkdir(parents=True)
    stored = np.ascontiguousarray(flair.transpose(2, 1, 0)[::-1, ::-1])
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([1.7, 1.7, 5, 1])), scans / "a/head.nii.gz")
    for number, image in enumerate(patient.image, 1):
        write_image(scans / f"b/b_{number}.tif", image)
    write_series(scans / "c", flair.astype(np.uint16) * 4, spacing=(5, 1.7, 1.7))
    cases = [case for folder in sorted(scans.iterdir()) for case in find_cases([folder])]
    segmenter = FixedSegmenter(patient.mask_true)
    done = list(outline_cases(cases, segmenter, out, OutputOptions(nifti=True)))  # type: ignore[arg-type]
    assert [outcome.status for outcome in done] == ["done"] * 3
    return scans, out


def test_outlines_are_matched_with_their_scans(predicted: tuple[Path, Path], tmp_path: Path) -> None:
    scans, out = predicted
    found = find_patients(out, [scans / name for name in "cba"])
    assert [patient.case for patient in found.patients] == ["head", "b", "c"]
    assert [len(patient.mask) for patient in found.patients] == [1, SLICES, 1]
    assert list(found.patients[0].files) == ["2/head_flair.nii.gz"]
    with pytest.raises(UserError, match="no case can be shown"):
        find_patients(out, [_other(tmp_path)])


def _other(folder: Path) -> Path:
    """A scan that was not outlined."""
    array = np.random.default_rng(0).integers(0, 1000, (20, 20, 8), np.int16)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / "other.nii")
    return folder / "other.nii"


@pytest.mark.browser
def test_patients_are_looked_through_with_keys(
    open_page: OpenPage, predicted: tuple[Path, Path], patient: Volume
) -> None:
    scans, out = predicted
    inputs = [scans / name for name in "abc"]
    voxels = f"{int(patient.mask_true.sum()):,}"
    with open_page(Session(review=Review(find_patients(out, inputs)))) as opened:
        page = opened.page
        for key, name, verdict in (("a", "head", "accept"), ("r", "b", "reject"), ("u", "c", "unsure")):
            page.wait_for_selector(f"#scan-name:text-is('{name}')", timeout=SECONDS)
            opened.wait_for_outline()
            assert voxels in page.inner_text("#result")
            page.locator("#canvas").focus()
            page.keyboard.press(key)
            page.wait_for_selector("#review-status:text-is('Kept in verdicts.csv')", timeout=SECONDS)
            assert page.is_checked(f"input[value={verdict}]")
            page.locator("#canvas").focus()
            page.keyboard.press("n")
        page.fill("#verdict-note", "the margin is vague")
        page.locator("#canvas").focus()
        page.wait_for_selector("#review-status:text-is('Kept in verdicts.csv')", timeout=SECONDS)
    run = read_predictions(out).run
    kept = read_verdicts(out / "verdicts.csv", run=run, cases=("head", "b", "c")).cases
    assert kept == {"head": ("accept", ""), "b": ("reject", ""), "c": ("unsure", "the margin is vague")}
