"""Tables for `dvc plots`: rows worked out by hand, and long tables thinned."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dvc_render.vega import VegaRenderer

from brainseg.evaluation import plot_tables
from brainseg.metrics import probability
from brainseg.prediction.operating_point import OperatingPoint
from tests.evaluation.toy_patients import run_stage


def test_confusion_has_one_row_per_slice(project):
    run_stage()
    assert Path("plots/confusion.csv").read_text() == (
        "patient_id,slice_number,actual,predicted\n"
        "TOY_AA_ONE,1,tumour,tumour\n"
        "TOY_AA_ONE,2,no tumour,no tumour\n"
        "TOY_AA_TWO,1,tumour,tumour\n"
        "TOY_AA_TWO,2,no tumour,tumour\n"
        "TOY_BB_TEN,1,no tumour,no tumour\n"
    )


def test_patients_are_sorted_by_dice_and_by_volume(project):
    run_stage()
    assert Path("plots/dice_by_patient.csv").read_text() == (
        "patient_id,dice\nTOY_AA_TWO,0.8\nTOY_AA_ONE,0.666666667\n"  # best first, without the undefined one
    )
    assert Path("plots/volumes.csv").read_text() == (
        "patient_id,tumour_pixels,predicted_pixels\nTOY_BB_TEN,0,0\nTOY_AA_TWO,2,3\nTOY_AA_ONE,4,2\n"
    )


def test_precision_recall_by_hand(project):
    run_stage()
    curve = pd.read_csv("plots/precision_recall.csv")
    expected = [  # threshold, precision, sensitivity, dice; 1, 3, 5, 8 and all 75 pixels predicted, 6 are tumour
        (1.0, 1 / 1, 1 / 6, 2 / 7, 0),
        (0.875, 3 / 3, 3 / 6, 6 / 9, 0),
        (0.5, 4 / 5, 4 / 6, 8 / 11, 1),
        (0.125, 5 / 8, 5 / 6, 10 / 14, 0),
        (0.0, 6 / 75, 6 / 6, 12 / 81, 0),
    ]
    assert list(curve) == ["threshold", "precision", "sensitivity", "dice", "chosen"]
    np.testing.assert_allclose(curve, expected, rtol=1e-8)


def test_precision_recall_at_the_chosen_threshold_is_exact(project):
    """Also between the probabilities that occur, on a curve that is thinned, and if no probability is as high."""
    rng = np.random.default_rng(1)
    mask_true = rng.random(5000) < 0.3
    scores = np.where(mask_true, rng.beta(4, 2, 5000), rng.beta(2, 4, 5000)) * 0.9
    stored = scores.astype(np.float16).astype(np.float32)
    histogram = probability.histogram(mask_true=mask_true, probability=stored)
    for threshold in (0.05, 0.35, 0.5, 0.55, 0.95):
        table = plot_tables.curve_table(histogram, OperatingPoint(threshold=threshold, smallest_lesion=0))
        assert len(table) <= 200
        assert table["threshold"].is_monotonic_decreasing
        chosen = table[table["chosen"] == 1]
        predicted = stored >= threshold
        if not predicted.any():
            assert chosen.empty
            continue
        hits = (predicted & mask_true).sum()
        assert chosen[["threshold", "precision", "sensitivity"]].to_numpy() == pytest.approx(
            np.array([[threshold, hits / predicted.sum(), hits / mask_true.sum()]])
        )


def test_reliability_by_hand(project):
    run_stage()
    reliability = pd.read_csv("plots/reliability.csv")
    assert list(reliability["pixels"]) == [67, 3, 2, 2, 1]  # without empty bins
    np.testing.assert_allclose(reliability["observed"], [1 / 67, 1 / 3, 1 / 2, 1, 1], rtol=1e-8)


def test_history_and_dice_by_threshold(project):
    run_stage()
    pd.testing.assert_frame_equal(pd.read_csv("plots/history.csv"), pd.read_csv("models/history.csv"))
    by_threshold = pd.read_csv("plots/dice_by_threshold.csv")
    assert list(by_threshold["dice_mean"].round(6).unique()) == [0.666667]
    assert list(by_threshold["threshold"][by_threshold["chosen"] == 1]) == [0.5]


HOSTILE = "</script><img src=x onerror=alert(1)><!--\x1b[31m\u2028&"


def test_identifiers_cannot_leave_the_script_of_the_page() -> None:
    """DVC copies the values into a script as JSON, in which </script> would end the script."""
    table = plot_tables.escape_text(pd.DataFrame({"patient_id": [HOSTILE, "P_01"], "dice": [0.5, 0.9]}))
    escaped = r"\x3c/script\x3e\x3cimg src=x onerror=alert(1)\x3e\x3c!--\x1b[31m\u2028\x26"
    assert table.to_dict("list") == {"patient_id": [escaped, "P_01"], "dice": [0.5, 0.9]}
    pages = [
        VegaRenderer(rows.to_dict("records"), "bars", x="dice", y="patient_id").generate_html()
        for rows in (table, pd.DataFrame({"patient_id": [HOSTILE], "dice": [0.5]}))
    ]
    assert ["<img" in page for page in pages] == [False, True]
    assert [page.count("</script>") for page in pages] == [1, 2]


def test_stage_escapes_identifiers_in_every_table_to_plot(project: Path) -> None:
    for path in ("data/index.csv", "data/split.csv"):
        Path(path).write_text(Path(path).read_text().replace("TOY_AA_ONE,", "<img>,"))
    for path in list(Path("data/predictions").rglob("TOY_AA_ONE.npz")):
        path.rename(path.with_name("<img>.npz"))
    run_stage()
    assert "<img>" in list(pd.read_csv("metrics/patients.csv")["patient_id"])  # as it is
    escaped = [path.name for path in sorted(Path("plots").glob("*.csv")) if r"\x3cimg\x3e" in path.read_text()]
    assert escaped == ["confusion.csv", "dice_by_patient.csv", "volumes.csv"]
    assert not [path for path in Path("plots").glob("*.csv") if "<" in path.read_text()]


def test_a_long_history_is_thinned_from_first_to_last():
    history = pd.DataFrame({"epoch": np.arange(1, 1001)})
    epochs = plot_tables.thin(history)["epoch"]
    assert len(epochs.unique()) == 200
    assert (epochs.iloc[0], epochs.iloc[-1]) == (1, 1000)
