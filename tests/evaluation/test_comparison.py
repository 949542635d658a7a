"""Comparison of two runs: paired differences and their verdicts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from brainseg.errors import UserError
from brainseg.evaluation.comparison import COMPARED, MIN_PATIENTS, compare
from brainseg.evaluation.patient_scores import SCORES
from tests.evaluation.toy_patients import run_table

COMMON = [0.5, 0.6, 0.7, 0.4, 0.3, 0.2]  # Dice of six patients


def test_every_compared_score_has_a_better_direction() -> None:
    assert {SCORES[name] for name in COMPARED} == {"higher", "lower"}


def test_difference_is_over_the_common_patients() -> None:
    a, b = run_table([*COMMON, 0.1]), run_table([dice + 0.1 for dice in COMMON])
    b = pd.concat([b.iloc[::-1], run_table([0.9]).assign(patient_id="other")])
    found = compare(a, b)
    assert list(found.patients.index) == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert (found.only_a, found.only_b) == (1, 1)
    difference = found.differences["dice"]
    assert difference.value == pytest.approx(0.1)
    assert difference.ci_low == pytest.approx(0.1)
    assert found.verdict("dice") == "better"
    assert found.verdict("precision") == "unclear"


def test_lower_is_better_for_errors_and_distances() -> None:
    a = run_table([0.5] * 6, hd95_px=[9.0, 8.0, 7.0, 6.0, 5.0, 4.0], volume_error=0.1)
    b = run_table([0.5] * 6, hd95_px=[4.0, 3.0, 2.0, 1.0, 1.0, 1.0], volume_error=0.2)
    found = compare(a, b)
    assert found.verdict("hd95_px") == "better"
    assert found.verdict("volume_error") == "worse"


def test_no_verdict_from_so_few_patients_that_no_exact_test_could_give_one() -> None:
    """The sign test's two-sided p, if every patient changes in the same direction, is below 5 % from 6 patients on."""
    smallest_p = [stats.binomtest(count, count).pvalue for count in range(1, 10)]
    assert next(count for count, p in enumerate(smallest_p, start=1) if p < 0.05) == MIN_PATIENTS == 6
    for count, verdict in ((2, "too few"), (5, "too few"), (6, "better")):
        assert compare(run_table([0.5] * count), run_table([0.9] * count)).verdict("dice") == verdict


def test_a_patient_without_a_value_in_one_run_is_left_out_and_counted() -> None:
    found = compare(run_table([0.5] * 3, hd95_px=[1.0, np.nan, 3.0]), run_table([0.5] * 3, hd95_px=[2.0, 2.0, np.nan]))
    assert (found.differences["hd95_px"].count, found.differences["hd95_px"].left_out) == (1, 2)
    assert found.verdict("hd95_px") == "too few"


def test_an_end_that_rounds_to_0_counts_as_0() -> None:
    found = compare(run_table([0.5] * 6), run_table([0.50001, 0.50001, 0.50001, 0.50001, 0.50001, 0.6]))
    assert found.differences["dice"].ci_low > 0
    assert found.verdict("dice") == "unclear"


def test_patients_scored_on_other_slices_are_left_out() -> None:
    found = compare(run_table([0.5] * 3), run_table([0.5] * 3, slices=[20, 5, 20], tumour_pixels=[100, 100, 99]))
    assert (len(found.patients), found.other_slices) == (1, 2)
    with pytest.raises(UserError, match="2 of 2 and 2 test patients in common, and none with the same slices"):
        compare(run_table([0.5, 0.6]), run_table([0.5, 0.6], slices=3))
    with pytest.raises(UserError, match="0 of 1 and 1 test patients in common"):
        compare(run_table([0.5]), run_table([0.5]).assign(patient_id="other"))


def test_largest_changes_come_first() -> None:
    changes = compare(run_table([0.5, 0.5, 0.5, np.nan]), run_table([0.6, 0.5, 0.1, 0.5])).largest_changes()
    assert list(changes.index) == ["p2", "p0"]
    assert list(changes["change"]) == pytest.approx([-0.4, 0.1])


def test_five_patients_are_listed_at_most() -> None:
    assert len(compare(run_table([0.5] * 7), run_table([0.6] * 7)).largest_changes()) == 5
