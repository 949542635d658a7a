"""What is printed in the terminal about a run, a cross-validation and a comparison."""

import math

import numpy as np
import pandas as pd

from brainseg.evaluation.comparison import compare
from brainseg.evaluation.console import WIDTH, print_comparison, print_cross_validation
from tests.evaluation.toy_patients import run_stage, run_table, write_split


def test_scores_are_printed_beside_the_baselines(project, capsys):
    run_stage()
    printed = capsys.readouterr().out
    assert "1 validation patients: threshold 0.5, no lesion removed; their mean Dice 0.667" in printed
    assert "3 test patients, 5 slices" in printed
    (dice,) = (line for line in printed.splitlines() if line.startswith("dice "))
    numbers = [word for word in dice.split() if word[0].isdigit()]
    assert numbers == ["0.733", "0.667", "0.800", "0.733", "1", "0.727", "0.000", "0.120"]
    (site,) = (line for line in printed.splitlines() if line.startswith("AA "))
    assert site.split() == ["AA", "2", "0.733", "0.733", "0.667", "0.800", "0.180"]
    assert "metrics/evaluate.json" in printed
    assert "nan" not in printed
    assert max(map(len, printed.splitlines())) <= WIDTH


def test_removed_lesions_and_a_leaky_split_are_mentioned(project, capsys):
    write_split([("TOY_AA_ONE", 1, "test", None), ("TOY_BB_VAL", 1, "validation", None)])
    run_stage(strategy="slice", smallest_lesion=3)
    printed = capsys.readouterr().out
    assert "lesions of fewer than 3 voxels removed" in printed
    assert "measure memory" in printed
    assert "leaky_dice " in printed


def test_cross_validation_is_printed_with_folds_and_intervals(capsys):
    folds = pd.DataFrame({"fold": [0, 1], "test_patients": [2, 3], "dice_mean": [0.7, math.nan]})
    metrics = {"cv_patients": 5, "cv_dice_left_out": 1}
    metrics |= {f"cv_dice_{name}{end}": 0.75 for name in ("mean", "median") for end in ("", "_ci_low", "_ci_high")}
    print_cross_validation(folds, metrics, "A remark.")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:3]] == [["0", "2", "0.700"], ["1", "3", "-"]]
    assert lines[3] == "Dice of all 5 patients, mean   0.750, 95 % 0.750 to 0.750"
    assert "1 patients without a Dice left out. A remark." in lines


def test_comparison_is_printed_with_intervals_and_changes(capsys):
    comparison = compare(run_table([0.5, 0.6, 0.7]), run_table([0.6, 0.7, 0.8]))
    print_comparison(comparison, "HEAD", "workspace")
    printed = capsys.readouterr().out
    assert printed.startswith("A: HEAD\nB: workspace\n3 test patients in both; only in A 0, only in B 0\n")
    (dice,) = (line for line in printed.splitlines() if line.startswith("dice"))
    assert " ".join(dice.split()) == "dice 0.6000 0.7000 +0.1000 +0.1000 to +0.1000 0 excludes 0, B better"
    assert printed.count("+0.100\n") == 3
    assert max(map(len, printed.splitlines())) <= WIDTH


def test_comparison_mentions_patients_left_out_and_an_unchanged_dice(capsys):
    print_comparison(compare(run_table([0.5, 0.6]), run_table([0.5, 0.6], slices=[20, 5])), "a", "b")
    printed = capsys.readouterr().out
    assert "; left out, scored on other slices or outlines: 1\n" in printed
    assert "Dice changed most: in no patient\n" in printed


def test_comparison_of_one_patient_prints_no_interval(capsys):
    table_a, table_b = (run_table([dice], hd95_px=np.nan) for dice in (0.5, 0.6))
    print_comparison(compare(table_a, table_b), "a", "b")
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "too few patients" in lines["dice"]
    assert "nan" not in "".join(lines.values())
