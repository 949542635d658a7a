"""The stage evaluate: same bytes from the same input, leaky splits, and splits that do not match the index."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.prediction.probability_maps import write_probabilities
from tests.evaluation.toy_patients import drawn, run_stage, write_project, write_split


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the drawn patients as the earlier stages leave them."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    return tmp_path


def test_same_input_same_bytes(project: Path) -> None:
    run_stage()
    for folder in ("data", "models"):
        (project / "other").mkdir(exist_ok=True)
        (project / "other" / folder).symlink_to(project / folder)
    run_stage(out=Path("other"))
    written = [path for folder in ("metrics", "plots") for path in sorted((project / folder).iterdir())]
    assert len(written) == 11
    for path in written:
        assert path.read_bytes() == (project / "other" / path.relative_to(project)).read_bytes()


def test_scores_of_a_split_by_slice_are_called_leaky_and_of_test_slices_only(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(
        [
            ("TOY_AA_ONE", 1, "test", None),
            ("TOY_AA_ONE", 2, "train", None),
            ("TOY_AA_TWO", 2, "test", None),
            ("TOY_AA_TWO", 1, "train", None),
        ]
    )
    _, probability = drawn("TOY_AA_TWO")
    write_probabilities(Path("data/predictions/TOY_AA_TWO.npz"), probability[1:], np.array([2]))
    metrics = run_stage(strategy="slice")
    assert all(name.startswith("leaky_") for name in metrics)
    scores = pd.read_csv("metrics/scores.csv", index_col="score")
    assert scores.index.str.startswith("leaky_").all()
    assert metrics["leaky_dice_mean"] == pytest.approx((4 / 6 + 0) / 2, abs=1e-6)
    assert scores.loc["leaky_slice_specificity", "pooled"] == 0
    assert metrics["leaky_flair_dice_mean"] is None  # no patients to choose its threshold on
    assert metrics["leaky_validation_dice_mean"] is None  # the test slices were the validation slices
    assert list(pd.read_csv("metrics/patients.csv")["slices"]) == [1, 1]
    assert "measure memory" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("TOY_AA_ONE", 7, "test", 0), ("TOY_AA_ONE", 1, "test", 0)],
            r"1 test slice\(s\).*the first is TOY_AA_ONE slice 7",
        ),
        (
            [("TOY_AA_ONE", 1, "test", 0), ("TOY_AA_ONE", 1, "test", 0)],
            "lines 2 and 3 are both of TOY_AA_ONE slice 1",
        ),
        ([("TOY_AA_ONE", 1, "train", 0)], "no test slice"),
    ],
)
def test_a_split_that_does_not_match_the_index_is_refused(project: Path, rows: list, message: str) -> None:
    write_split(rows)
    with pytest.raises(UserError, match=message):
        run_stage()
    assert not Path("metrics").exists()


def test_dice_without_some_sequences(project: Path) -> None:
    run_stage()
    patients = pd.read_csv("metrics/patients.csv", index_col="patient_id")
    names = ["flair_alone", "without_pre_contrast", "without_post_contrast"]
    dice = patients[[f"dice_{name}" for name in names]]
    assert dice.loc["TOY_AA_ONE"].tolist() == pytest.approx([2 / 5, 2 / 5, 4 / 6], abs=1e-6)
    assert dice.loc["TOY_AA_TWO"].tolist() == pytest.approx([0, 1, 4 / 5], abs=1e-6)
    assert dice.loc["TOY_BB_TEN"].isna().all()


def test_predictions_without_sequences_must_be_there(project: Path) -> None:
    Path("data/predictions/flair_alone/TOY_AA_ONE.npz").unlink()
    with pytest.raises(UserError, match=r"flair_alone/TOY_AA_ONE\.npz: not found\. The stage predict writes it"):
        run_stage()
