"""Tests of presets/: complete parameter files, each line explained, with which every stage runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from brainseg.export.bundle import read_bundle
from brainseg.files import HISTORY_COLUMNS, read_table
from brainseg.params import load_params
from brainseg.phantom.patients import make_patient
from tests.kaggle_set import write_image, write_mask
from tests.project import ROOT, without

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
NAMES = [path.stem for path in PRESETS]
EXPLAINED_ABOVE = ("    image: ", "    mask: ")  # explained by the comment on data.pattern
SLICES = range(11, 19)  # of a synthetic patient: with and without tumour
ITEM = re.compile(r" *- ")  # an item of a list, explained by the comment on its key

# All presets run in one process, because starting TensorFlow takes longer than two training steps, and without a graph,
# because tracing one takes longer too (tests/pipeline/test_root.py trains with a graph). The process is not that of the
# tests: brainseg.model.backend.configure must set the number of threads before anything else starts TensorFlow.
RUN = """
import argparse, gc, math, os, sys
gc.disable()  # it takes a quarter of the time of the imports, and this process ends soon
from pathlib import Path
import tensorflow as tf
import yaml
from brainseg.params import load_params
from stages import evaluate, index, package, predict, split, train, visualise

tf.config.run_functions_eagerly(True)
for name in sys.argv[1:]:
    os.chdir(name)
    arguments = argparse.Namespace(out=Path(), fold=None)
    index.main(load_params(), arguments)
    split.main(load_params(), arguments)
    content = yaml.safe_load(Path("params.yaml").read_text())
    training_slices = Path("data/split.csv").read_text().count(",train\\n")
    content["train"]["batch_size"] = math.ceil(training_slices / 2)
    Path("params.yaml").write_text(yaml.safe_dump(content))
    for stage in (train, predict, evaluate, visualise, package):
        stage.main(load_params(), arguments)
"""


def test_presets_are_the_documented_ones() -> None:
    assert set(NAMES) == {"lgg", "lgg-22-folds", "lgg-cpu", "lgg-quick", "notebook", "phantom", "released"}


def test_default_parameters_are_the_preset_phantom() -> None:
    assert (ROOT / "presets/phantom.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize("path", PRESETS, ids=NAMES)
def test_preset_is_valid_and_dvc_keeps_its_comments(path: Path, tmp_path: Path) -> None:
    """Does to the file what `dvc exp run -S visualise.slices=11 -S 'split.folds=[0,1,2]'` does."""
    params = load_params(path)
    copy = tmp_path / "params.yaml"
    copy.write_bytes(path.read_bytes())
    apply_overrides(str(copy), ["visualise.slices=11", "split.folds=[0,1,2]"])
    visualise = params.visualise.model_copy(update={"slices": 11})
    split = params.split.model_copy(update={"folds": [0, 1, 2]})
    assert load_params(copy) == params.model_copy(update={"visualise": visualise, "split": split})
    fewer_folds = re.sub(r"^  - (?![012]$)\d+\n", "", path.read_text(), flags=re.MULTILINE)
    assert copy.read_text() == fewer_folds.replace("slices: 10", "slices: 11")


@pytest.mark.parametrize("path", PRESETS, ids=NAMES)
def test_every_line_of_a_preset_has_a_comment(path: Path) -> None:
    unexplained = [
        line.strip()
        for line in path.read_text().splitlines()
        if line.startswith(" ") and " # " not in line and not line.startswith(EXPLAINED_ABOVE) and not ITEM.match(line)
    ]
    assert unexplained == []


def test_notebook_preset_has_the_values_of_the_notebook() -> None:
    """The values are those in docs/steps.md."""
    params = load_params(ROOT / "presets/notebook.yaml")
    assert (params.split.strategy, params.split.validation, params.split.test_share) == ("slice", "test", 0.25)
    assert params.split.seed == 21
    augmentation = {"rotation": 0.2, "shift": 0.05, "shear": 0.05, "zoom": 0.05, "horizontal_flip": True}
    augmentation |= dict.fromkeys(
        ("gain", "gamma", "noise", "missing_both", "missing_pre_contrast", "missing_post_contrast"), 0.0
    )
    augmentation |= dict.fromkeys(("cyst", "pasted_lesion", "skull_stripping"), 0.0)
    expected = {
        "input_size": 256,
        "normalisation": "divide_255",
        "crop": "none",
        "augmentation": augmentation,
        "filters": 16,
        "dropout": 0.2,
        "loss": "binary_cross_entropy",
        "context_slices": 0,
        "sampling": "every_slice",
        "schedule": "plateau",
        "weight_decay": 0.0,
        "batch_size": 32,
        "epochs": 35,
        "early_stopping_patience": 10,
        "plateau_patience": 5,
        "plateau_factor": 0.1,
        "min_learning_rate": 1e-5,
        "ensemble": 1,
        "block": "plain",
        "deep_supervision": False,
    }
    assert params.train.model_dump(include=set(expected)) == expected
    assert params.evaluate.model_dump() == {"threshold": 0.5, "smallest_lesion": 0}
    assert params.visualise.slices == 10


# Makes a training small. What one epoch cannot show, such as patience, is equal too.
SMALL = {"input_size": 32, "filters": 2, "batch_size": 1, "epochs": 1, "warm_up": 0, "device": "any", "threads": 2}
SMALL |= {"early_stopping_patience": 1, "plateau_patience": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Preset -> folder in which it was made small and run from index to package, with two training steps.

    The split, normalisation, augmentation, loss and learning rate stay those of the preset. Presets that are equal when
    they are small, such as lgg and lgg-quick, were run once.
    """
    folder = tmp_path_factory.mktemp("presets")
    for number in range(1, 6):
        patient = make_patient(number, size=32, seed=7)
        for slice_number, at in enumerate(SLICES, start=1):
            stem = folder / "patients" / patient.patient_id / f"{patient.patient_id}_{slice_number}"
            write_image(stem.with_suffix(".tif"), patient.image[at])
            write_mask(stem.with_name(f"{stem.name}_mask.tif"), patient.mask_true[at])
    folders: dict[str, Path] = {}
    runs = {}
    for path in PRESETS:
        content = yaml.safe_load(path.read_text())
        content["data"]["root"] = str(folder / "patients")
        content["train"] |= SMALL
        content["split"]["test_patients"] = None  # a list of real patients
        content["visualise"]["slices"] = 2
        text = yaml.safe_dump(content)
        runs[path.stem] = folders.setdefault(text, folder / path.stem)
        runs[path.stem].mkdir(exist_ok=True)
        (runs[path.stem] / "params.yaml").write_text(text)
    result = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, folders.values())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": without("jax", folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return runs


@pytest.mark.parametrize("name", NAMES)
def test_preset_runs_from_index_to_package(runs: dict[str, Path], name: str) -> None:
    assert len(read_table(runs[name] / "models/history.csv", HISTORY_COLUMNS)) == 1
    metrics = json.loads((runs[name] / "metrics/evaluate.json").read_text())
    leaky = load_params(runs[name] / "params.yaml").split.strategy == "slice"
    assert {key.startswith("leaky_") for key in metrics} == {leaky}
    assert len(pd.read_csv(runs[name] / "metrics/patients.csv")) > 0
    card = read_bundle(runs[name] / "models/bundle").card.read_text()
    assert ("so the scores are too high" in card) == leaky
    for figure in ("index_slices", "learning_curve", "predictions", "patients", "bland_altman"):
        assert (runs[name] / f"plots/pictures/{figure}.png").stat().st_size > 0
