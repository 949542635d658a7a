"""What is printed in the terminal about a run, a cross-validation and a comparison."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len

from brainseg.evaluation.comparison import compare
from brainseg.evaluation.console import print_comparison, print_cross_validation
from brainseg.files import read_table, write_table
from tests.evaluation.toy_patients import run_stage, run_table, write_split

WIDTHS = (80, 60, 40)
FOREIGN = "[red]\x1b[31m\u202e" + "张" * 30


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Characters per line of the terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.fixture(autouse=True)
def usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def cells_of(printed: str, name: str) -> list[str]:
    """The cells of a row in all blocks of a table, one after the other."""
    return [cell for line in printed.splitlines() if line.split()[:1] == [name] for cell in line.split()[1:]]


def test_scores_are_printed_beside_the_baselines(project, capsys):
    run_stage()
    printed = capsys.readouterr().out
    assert "1 validation patients: threshold 0.5, no lesion removed; their mean Dice 0.667" in printed
    assert "3 test patients, 5 slices" in printed
    numbers = ["0.733", "0.667", "to", "0.800", "0.733", "1", "0.000", "0.120"]
    assert cells_of(printed, "dice") == numbers
    assert cells_of(printed, "AA") == ["2", "0.733", "0.733", "0.667", "0.800", "0.180"]
    assert "metrics/ has evaluate.json" in printed
    assert "Next: dvc metrics diff" in printed
    assert "nan" not in printed


def test_every_report_is_whole_at_every_width(project, capsys, width):
    index = read_table(Path("data/index.csv"), dict.fromkeys(pd.read_csv("data/index.csv"), "str"))
    write_table(Path("data/index.csv"), index.assign(site=FOREIGN))
    run_stage()
    table = run_table([0.5 + number / 20 for number in range(7)])
    table["patient_id"] += FOREIGN
    print_comparison(compare(table, table.assign(dice=0.9 - table["dice"])), FOREIGN, "x")
    folds = pd.DataFrame(
        {"fold": [0, 21], "test_patients": [2, 3], "dice_mean": [0.7, math.nan], "dice_median": 0.5, "threshold": 0.05}
    ).assign(smallest_lesion=1000, validation_dice_mean=0.75)
    metrics = {"cv_patients": 5, "cv_dice_left_out": 1}
    metrics |= {f"cv_dice_{name}{end}": 0.75 for name in ("mean", "median") for end in ("", "_ci_low", "_ci_high")}
    print_cross_validation(folds, metrics, "A remark.")
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if not line.startswith(("A: ", "B: "))]
    assert max(map(cell_len, lines)) <= width
    assert cells_of(printed, "dice")[:8] == ["0.733", "0.667", "to", "0.800", "0.733", "1", "0.000", "0.120"]
    assert cells_of(printed, "dice")[8:11] == ["0.650", "0.250", "-0.4000"]
    assert cells_of(printed, "dice")[12:13] + cells_of(printed, "dice")[14:] == ["to", "0", "worse"]
    assert cells_of(printed, "21") == ["3", "-", "0.500", "0.05", "1000", "0.750"]
    assert printed.count("张") >= 30 * (1 + 1 + 5)  # the site, the name of run A, the patients that changed most
    assert "\\x1b[31m" in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert "…" not in printed


def test_score_table_is_one_block_at_80_and_two_at_60(project, capsys, monkeypatch):
    for columns, blocks in (("80", 1), ("60", 2)):
        monkeypatch.setenv("COLUMNS", columns)
        run_stage()
        printed = capsys.readouterr().out
        assert len([line for line in printed.splitlines() if line.startswith("dice ")]) == blocks
        assert len([line for line in printed.splitlines() if line.startswith("AA ")]) == 1


def test_removed_lesions_and_a_leaky_split_are_mentioned(project, capsys):
    write_split([("TOY_AA_ONE", 1, "test", None), ("TOY_BB_VAL", 1, "validation", None)])
    run_stage(strategy="slice", smallest_lesion=3)
    printed = capsys.readouterr().out
    assert "lesions of fewer than 3 voxels removed" in printed
    assert "measure memory" in " ".join(printed.split())
    assert "leaky_dice " in printed


def test_run_in_another_folder_names_that_folder_and_no_next_command(project, capsys):
    (project / "elsewhere").mkdir()
    for folder in ("data", "models"):
        (project / "elsewhere" / folder).symlink_to(project / folder)
    run_stage(out=Path("elsewhere"))
    printed = capsys.readouterr().out
    assert "elsewhere/metrics/ has" in printed
    assert "Next" not in printed


def test_cross_validation_is_printed_with_folds_and_intervals(capsys):
    folds = pd.DataFrame({"fold": [0, 1], "test_patients": [2, 3], "dice_mean": [0.7, math.nan], "dice_median": 0.5})
    folds = folds.assign(threshold=[0.5, 0.05], smallest_lesion=[0, 30], validation_dice_mean=[0.8, math.nan])
    metrics = {"cv_patients": 5, "cv_dice_left_out": 1}
    metrics |= {f"cv_dice_{name}{end}": 0.75 for name in ("mean", "median") for end in ("", "_ci_low", "_ci_high")}
    print_cross_validation(folds, metrics, "A remark.")
    printed = capsys.readouterr().out
    assert cells_of(printed, "0") == ["2", "0.700", "0.500", "0.5", "0", "0.800"]
    assert cells_of(printed, "1")[:6] == ["3", "-", "0.500", "0.05", "30", "-"]
    assert "Dice of all 5 patients, mean 0.750, 95 % interval 0.750 to 0.750\n" in printed
    assert "1 patients without a Dice left out. A remark.\n" in printed


def test_comparison_is_printed_with_intervals_and_changes(capsys):
    dice = np.array([0.5, 0.6, 0.7, 0.4, 0.3, 0.2])
    print_comparison(compare(run_table(dice), run_table(dice + 0.1)), "HEAD", "workspace")
    printed = capsys.readouterr().out
    assert printed.startswith("A: HEAD\nB: workspace\n6 test patients in both; only in A 0, only in B 0\n")
    assert cells_of(printed, "dice") == ["0.450", "0.550", "+0.1000", "+0.1000", "to", "+0.1000", "0", "better"]
    assert cells_of(printed, "sensitivity") == ["0.500", "0.500", "+0.0000", "+0.0000", "to", "+0.0000", "0", "unclear"]
    assert cells_of(printed, "p0") == ["0.500", "0.600", "+0.100"]
    assert len([line for line in printed.splitlines() if line.endswith("+0.100")]) == 5


def test_long_names_of_runs_and_patients_do_not_collide_with_numbers(capsys):
    table_a, table_b = (run_table([dice] * 6, hd95_px=1e6).assign(lesion_false_positives=2e5) for dice in (0.5, 0.6))
    for table in (table_a, table_b):
        table["patient_id"] += "_" + "x" * 200
    print_comparison(compare(table_a, table_b), "a" * 300, "b")
    printed = capsys.readouterr().out
    assert printed.startswith(f"A: {'a' * 300}\nB: b\n")
    assert cells_of(printed, "hd95_px")[:2] == ["1000000", "1000000"]
    changed = printed.partition("Dice changed most")[2]
    assert changed.count("0.500  0.600  +0.100\n") == 5
    assert changed.replace("\n", "").replace(" ", "").count("x") >= 5 * 200


def test_comparison_mentions_patients_left_out_and_an_unchanged_dice(capsys):
    print_comparison(compare(run_table([0.5, 0.6]), run_table([0.5, 0.6], slices=[20, 5])), "a", "b")
    printed = capsys.readouterr().out
    assert (
        "; left out, scored on other slices or outlines: 1\n" in " ".join(printed.partition("\n\n")[0].split()) + "\n"
    )
    assert "Dice changed most: in no patient\n" in printed


@pytest.mark.parametrize("patients", [1, 2, 5])
def test_few_patients_get_no_interval_and_no_verdict(capsys, patients):
    table_a, table_b = (run_table([dice] * patients, hd95_px=np.nan) for dice in (0.5, 0.6))
    print_comparison(compare(table_a, table_b), "a", "b")
    printed = capsys.readouterr().out
    assert cells_of(printed, "dice") == ["0.500", "0.600", "+0.1000", "-", "0", "too", "few"]
    assert cells_of(printed, "hd95_px") == ["-", "-", "-", "-", str(patients), "too", "few"]
    assert "nan" not in printed
