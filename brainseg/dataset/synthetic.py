"""Recognise the synthetic patients that brainseg.phantom makes."""

from collections.abc import Iterable

PREFIX = "PHAN_"  # start of the identifiers that brainseg/phantom/patients.py assigns


def has_synthetic(patient_ids: Iterable[str]) -> bool:
    """Whether any of the patients is synthetic, judged by the identifier."""
    return any(patient_id.startswith(PREFIX) for patient_id in patient_ids)
