"""Helpers that make the pixel counts of patients for the leak study."""

import pandas as pd

from brainseg.metrics.overlap import Confusion
from studies import leak_scores, leak_splits

MODEL_A, MODEL_B = leak_splits.MODELS.values()

# Two slices of 10 pixels. The first has 3 tumour pixels, of which 2 are found, and a false positive: Dice 4 / 6.
PATIENT_1 = [Confusion(tp=2, fp=1, fn=1, tn=6), Confusion(tp=0, fp=1, fn=0, tn=9)]
# One slice of 10 pixels with 4 tumour pixels, all found, and no false positive: Dice 1.
PATIENT_2 = [Confusion(tp=4, fp=0, fn=0, tn=6)]


def counts_with_dice(percent: int) -> list[Confusion]:
    """Make a patient of one slice whose Dice is percent / 100."""
    return [Confusion(tp=percent, fn=200 - 2 * percent, tn=100)]


def count_patients(part: str, *patients: list[Confusion], model: str = MODEL_A) -> pd.DataFrame:
    """Make the rows of P0, P1 and so on, in a part of a model's test slices."""
    rows = [leak_scores.count_patient(f"P{number}", slices) for number, slices in enumerate(patients)]
    return pd.DataFrame(rows).assign(model=model, part=part)
