"""Warnings that are written in red below the title of every figure that they concern."""

from collections.abc import Iterable

from brainseg.dataset.synthetic import has_synthetic

SYNTHETIC = "Synthetic patients made by a computer: images and scores say nothing about real patients."
LEAKY = "Split by slice: the network saw other slices of these patients, so their scores are too high."


def warning_lines(patient_ids: Iterable[str], *, leaky: bool = False) -> list[str]:
    """Choose the warnings.

    Args:
        patient_ids: of all patients of the data set.
        leaky: whether the split is by slice.

    Returns:
        One line each; none for most data sets.
    """
    return [SYNTHETIC] * has_synthetic(patient_ids) + [LEAKY] * leaky
