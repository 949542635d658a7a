"""The pixel counts of the leak study; tests/studies/test_leak_tables.py covers the scores made from them."""

import numpy as np
import pytest

from brainseg.metrics.overlap import Confusion
from studies import leak_scores
from tests.studies.leak_counts import PATIENT_1


def test_counts_of_a_patient_by_hand() -> None:
    counted = leak_scores.count_patient("P", PATIENT_1)
    assert counted == {
        "patient_id": "P",
        "slices": 2,
        "tumour_slices": 1,
        "tumour_slice_dice": pytest.approx(4 / 6),
        "tp": 2,
        "fp": 2,
        "fn": 1,
        "tn": 15,
        "dice": pytest.approx(4 / 7),
    }
    assert np.isnan(leak_scores.count_patient("P", [Confusion(tn=10)])["dice"])
