"""The example of docs/own-data.md, followed to the letter: another layout and grey PNG files of 96 x 80 pixels."""

import argparse
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.imaging.stack import read_volume
from brainseg.params import DataParams, Params, PatternParams, load_params
from stages import index, split
from tests.project import ROOT

PAGE = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
PATIENTS = [f"{site}-{number:02}" for site in ("GRAZ", "ULM") for number in (1, 2, 3)]
HEIGHT, WIDTH, SLICES = 96, 80, 6


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page's example; the working directory is its parent."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    root = tmp_path / "scans"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for patient_id in PATIENTS:
        for number in range(1, SLICES + 1):
            image = rng.integers(20, 120, (HEIGHT, WIDTH), dtype=np.uint8)
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            if number in (3, 4):
                mask[30:50, 20:40] = 1  # 0 and 1, not 0 and 255
                image[mask > 0] += 100
            assert cv2.imwrite(str(root / f"images/{patient_id}_{number:03}.png"), image)
            assert cv2.imwrite(str(root / f"masks/{patient_id}_{number:03}_seg.png"), mask)
    (root / "notes.txt").write_text("not an image")
    return root


@pytest.fixture
def params(scans: Path) -> Params:
    """params.yaml with the section `data` of the page."""
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block
    data = DataParams.model_validate(yaml.safe_load(block[1])["data"])
    assert data.root == scans.name
    return load_params(ROOT / "params.yaml").model_copy(update={"data": data})


def test_index_reads_the_example(params: Params, scans: Path) -> None:
    table = index_folder(params.data)
    assert list(table["patient_id"].unique()) == PATIENTS
    assert set(table["site"]) == {"GRAZ", "ULM"}
    assert list(table["slice_number"]) == [*range(1, SLICES + 1)] * len(PATIENTS)
    assert set(table["height"]) == {HEIGHT}
    assert set(table["width"]) == {WIDTH}
    assert list(table["tumour_pixels"][:SLICES]) == [0, 0, 400, 400, 0, 0]
    assert set(table["missing_sequences"]) == {"pre-contrast+post-contrast"}  # as the page says of grey images
    volume = read_volume(table[table["patient_id"] == "ULM-03"], scans)
    stored = cv2.imread(str(scans / "images/ULM-03_004.png"), cv2.IMREAD_UNCHANGED)
    assert all((volume.image[3, ..., channel] == stored).all() for channel in range(3))


def test_index_and_split_run_on_the_example(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(out=Path(), fold=None)
    index.main(params, arguments)
    assert "this is not the published Kaggle set" in capsys.readouterr().out
    metrics = json.loads(Path("metrics/index.json").read_text())
    assert (metrics["patients"], metrics["slices"], metrics["published_patients"]) == (6, 36, 0)
    assert cv2.imread("plots/pictures/index_slices.png").std() > 0
    split.main(params, arguments)
    assert json.loads(Path("metrics/split.json").read_text())["patients_in_two_subsets"] == 0


def test_a_missing_mask_is_reported_as_the_page_shows(params: Params, scans: Path) -> None:
    (scans / "masks/ULM-02_004_seg.png").unlink()
    with pytest.raises(UserError) as raised:
        index.main(params, argparse.Namespace(out=Path()))
    assert f"```\nerror: {raised.value}\n```" in PAGE
    assert not Path("data").exists()


def test_every_layout_in_the_page_fits_its_files(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `([^`]+)`, `([^`]+)` *\| `([^`]+)` *\| `([^`]+)` *\|$", PAGE, re.MULTILINE)
    for patient_id, (image, mask, image_template, mask_template) in zip(("TCGA_CS_7_x", "p7", "p7"), rows, strict=True):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, brightest in ((image, 90), (mask.replace("...", image.rpartition("_")[0]), 255)):
            pixels = np.zeros((16, 16), np.uint8)
            pixels[4:8, 4:8] = brightest
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / name), pixels)
        pattern = PatternParams(image=image_template, mask=mask_template, site=None)
        table = index_folder(DataParams(root=str(root), pattern=pattern))
        assert table[["patient_id", "slice_number", "image_path"]].to_numpy().tolist() == [[patient_id, 1, image]]


def test_colour_and_16_bit(params: Params, scans: Path) -> None:
    """A colour image is read as RGB even if the other slices are grey; 16-bit images are refused."""
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[..., :] = (10, 20, 30)
    path = scans / "images/ULM-01_001.png"
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    table = index_folder(params.data)
    volume = read_volume(table[table["patient_id"] == "ULM-01"], scans)
    assert tuple(volume.image[0, 0, 0]) == (10, 20, 30)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 1000, np.uint16))
    with pytest.raises(UserError, match="16-bit pixels where 8-bit are expected"):
        index_folder(params.data)
