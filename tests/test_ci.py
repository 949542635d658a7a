"""The comparison with the committed metrics in .ci/compare.py: what must be equal, and what may drift."""

import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import ROOT

Edit = Callable[[str, str, str], list[str]]
METRICS = {
    "metrics/index.json": '{"patients": 24, "digest": "77ed"}',
    "metrics/index.csv": "name,value\npatients,24\nmasks,597\ndigest,77ed\n",
    "metrics/split.json": '{"train_patients": 14, "test_patients": 7}',
    "metrics/split.csv": "subset,patients,slices,slices_with_tumour\ntrain,14,351,128\ntest,7,169,64\n",
    "metrics/evaluate.json": '{"dice_mean": 0.87, "precision_mean": 0.84, "hd95_px_median": null}',
    "metrics/scores.csv": "score,mean,background\naccuracy,0.997,0.990\nslice_auc,0.967,0.5\nhd95_px,9.3,\n",
}


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """A function that replaces text in a metrics file of a committed run, and returns the faults of all files."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    Path("metrics").mkdir()
    for path, text in METRICS.items():
        Path(path).write_text(text)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "a run"]):
        subprocess.run(["git", *command], check=True)
    script = runpy.run_path(str(ROOT / ".ci/compare.py"))

    def replace(path: str, old: str, new: str) -> list[str]:
        text = Path(path).read_text()
        assert text.count(old) == 1, text
        Path(path).write_text(text.replace(old, new))
        return [fault for path in (*script["EQUAL"], *script["TRAINED"]) for fault in script["faults"](path)]

    return replace


@pytest.mark.parametrize(
    ("path", "old", "new", "fault"),
    [
        ("metrics/index.json", '"patients": 24', '"patients": 25', "patients is 25, committed 24"),
        ("metrics/index.csv", "masks,597", "masks,598", "masks value is 598, committed 597"),
        ("metrics/split.csv", "7,169,64", "7,169,65", "test slices_with_tumour is 65, committed 64"),
        ("metrics/split.json", ', "test_patients": 7', "", "names differ: ['test_patients']"),
        ("metrics/evaluate.json", '"dice_mean": 0.87', '"dice_mean": 0.78', "dice_mean is 0.78"),
        ("metrics/scores.csv", "accuracy,0.997", "accuracy,0.99", "accuracy mean is 0.99"),
        ("metrics/scores.csv", "0.997,0.990", "0.997,0.991", "accuracy background is 0.991"),
    ],
)
def test_value_that_must_not_change_is_a_fault(edit: Edit, path: str, old: str, new: str, fault: str) -> None:
    (found,) = edit(path, old, new)
    assert found.startswith(f"{path}: {fault}")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("metrics/evaluate.json", '"dice_mean": 0.87', '"dice_mean": 0.80'),
        ("metrics/evaluate.json", '"precision_mean": 0.84', '"precision_mean": 0.1'),
        ("metrics/scores.csv", "accuracy,0.997", "accuracy,0.9995"),
        ("metrics/scores.csv", "slice_auc,0.967", "slice_auc,0.1"),
    ],
)
def test_scores_of_another_network_may_drift(edit: Edit, path: str, old: str, new: str) -> None:
    assert edit(path, old, new) == []
