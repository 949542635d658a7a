"""Warnings below a title: which patients are synthetic, and a split that leaks. Covers brainseg.dataset.synthetic."""

from brainseg.figures.warning_lines import LEAKY, SYNTHETIC, warning_lines
from brainseg.phantom.patients import patient_id


def test_phantoms_are_called_synthetic() -> None:
    assert warning_lines([patient_id(number, seed=7) for number in (1, 24)]) == [SYNTHETIC]
    assert "synthetic" in SYNTHETIC.lower()
    assert warning_lines(["TCGA_CS_4941_19960909", patient_id(1, seed=0)]) == [SYNTHETIC]


def test_other_patients_and_leaky_splits() -> None:
    assert warning_lines(["TCGA_CS_4941_19960909", "A_PHAN_1", "phan_1"]) == []
    assert warning_lines([]) == []
    assert warning_lines(["a"], leaky=True) == [LEAKY]
    assert warning_lines(["PHAN_1"], leaky=True) == [SYNTHETIC, LEAKY]
