"""The tables of the leak study: values by hand, and how patients are resampled for the intervals."""

import numpy as np
import pandas as pd
import pytest

from brainseg.metrics.bootstrap import interval
from brainseg.metrics.overlap import Confusion
from studies import leak_scores, leak_tables
from tests.studies.leak_counts import MODEL_A, MODEL_B, PATIENT_1, PATIENT_2, count_patients, counts_with_dice


def test_gap_table_by_hand() -> None:
    """Claim: two patients and one without tumour and prediction; reached: only the first patient."""
    empty = [Confusion(tn=10)]
    table = leak_tables.gap_table(
        pd.concat([count_patients("claim", PATIENT_1, PATIENT_2, empty), count_patients("reached", PATIENT_1)])
    )
    rows = table.set_index("score")
    expected = {
        "Dice of slices with tumour, mean": ((4 / 6 + 1) / 2, 4 / 6),
        "Dice of all pixels at once": (12 / 15, 4 / 7),
        "Dice of patients, mean": ((4 / 7 + 1) / 2, 4 / 7),
        "Dice of patients, median": ((4 / 7 + 1) / 2, 4 / 7),
        "accuracy": (37 / 40, 17 / 20),
        "accuracy of the all-background baseline": (33 / 40, 17 / 20),
    }
    assert list(rows.index) == list(expected)
    for name, (claim, reached) in expected.items():
        row = rows.loc[name]
        assert [row.claim, row.reached, row.gap] == pytest.approx([claim, reached, claim - reached]), name
        assert row.claim_low <= row.claim <= row.claim_high
        assert np.isnan(row[["reached_low", "reached_high", "gap_low", "gap_high"]].astype(float)).all()  # one patient
        assert (row.claim_left_out, row.reached_left_out) == (name.startswith("Dice of patients"), 0)


def test_intervals_are_bootstrap_intervals_and_the_parts_of_a_gap_are_drawn_independently() -> None:
    rng = np.random.default_rng(1)
    claim, reached = rng.integers(80, 100, 40), rng.integers(40, 90, 30)
    parts = [
        count_patients("claim", *map(counts_with_dice, claim)),
        count_patients("reached", *map(counts_with_dice, reached)),
    ]
    row = leak_tables.gap_table(pd.concat(parts)).set_index("score").loc["Dice of patients, mean"]
    for part, values in (("claim", claim), ("reached", reached)):
        found = interval(values / 100, seed=5)
        assert row[part] == pytest.approx(found.value)
        assert [row[f"{part}_low"], row[f"{part}_high"]] == pytest.approx([found.ci_low, found.ci_high], abs=0.005)
    halves = [(row[f"{name}_high"] - row[f"{name}_low"]) / 2 for name in ("claim", "reached", "gap")]
    assert halves[2] == pytest.approx(np.hypot(halves[0], halves[1]), rel=0.05)  # variances of independent means add


def test_parts_with_equal_scores_are_drawn_independently_as_well() -> None:
    values = [counts_with_dice(value) for value in (35, 55, 75, 95)]
    parts = [count_patients("claim", *values), count_patients("reached", *values)]
    row = leak_tables.gap_table(pd.concat(parts)).iloc[0]
    assert row.gap_low < row.gap == 0 < row.gap_high


def test_leak_by_hand_and_both_models_are_drawn_together() -> None:
    """A is better by 0.20 on patients it was trained on, and by 0.05 on the others: the leak is 0.15."""
    easy, hard = [85, 45, 75], [15, 65, 45, 35]
    parts = [
        count_patients("shared", *(counts_with_dice(value) for value in easy), model=MODEL_A),
        count_patients("shared", *(counts_with_dice(value - 20) for value in easy), model=MODEL_B),
        count_patients("reached", *(counts_with_dice(value) for value in hard), model=MODEL_A),
        count_patients("reached", *(counts_with_dice(value - 5) for value in hard), model=MODEL_B),
        count_patients("claim", PATIENT_1, model=MODEL_A),  # not used
    ]
    table = leak_tables.pair_table(
        pd.concat(parts), {"A": MODEL_A, "B": MODEL_B}, {"shared": "known", "reached": "new"}
    )
    rows = table[table.score == "Dice of patients, mean"].set_index("slices_of")
    assert list(rows.index) == ["known", "new", leak_tables.LEAK]
    assert rows.A.iloc[:2].tolist() == pytest.approx([np.mean(easy) / 100, np.mean(hard) / 100])
    for column in ("difference", "difference_low", "difference_high"):  # it is the same for every patient
        assert rows[column].tolist() == pytest.approx([0.20, 0.05, 0.15]), column
    assert rows.loc["known", "A_low"] < rows.loc["known", "A"] < rows.loc["known", "A_high"]
    text = leak_tables.format_intervals(table)
    assert list(text.columns) == ["score", "slices of", "A", "B", "difference", "left out"]
    last = text[text["slices of"] == leak_tables.LEAK].iloc[0]
    assert (last["A"], last["B"], last["left out"]) == ("-", "-", "-")


def test_patient_without_a_value_of_one_model_is_left_out_of_both() -> None:
    empty, false_positive = [Confusion(tn=10)], [Confusion(tn=9, fp=1)]
    sides = {
        "A": count_patients("shared", PATIENT_1, PATIENT_2, false_positive),
        "B": count_patients("shared", PATIENT_2, PATIENT_2, empty, model=MODEL_B),
    }
    score = leak_scores.SCORES["Dice of patients, mean"]
    found, _ = leak_tables.contrast(sides, score, "difference", paired=True)
    assert found["A"] == pytest.approx((4 / 7 + 1) / 2)
    assert (found["B"], found["A_left_out"], found["B_left_out"]) == (1, 1, 1)


def test_markdown_table() -> None:
    parts = [
        count_patients("claim", counts_with_dice(90), counts_with_dice(90), model=model).assign(part=part)
        for model in (MODEL_A, MODEL_B)
        for part in ("claim", "reached")
    ]
    parts[1] = count_patients("reached", counts_with_dice(40))
    lines = leak_tables.markdown(leak_tables.format_intervals(leak_tables.gap_table(pd.concat(parts)))).splitlines()
    assert lines[0] == "| score | model | claim | reached | gap | left out |"
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    name = "Dice of patients, mean"
    assert f"| {name} | {MODEL_A} | 0.900 (0.900 to 0.900) | 0.400 | +0.500 | 0, 0 |" in lines
    same = "0.900 (0.900 to 0.900)"
    assert f"| {name} | {MODEL_B} | {same} | {same} | +0.000 (+0.000 to +0.000) | 0, 0 |" in lines
