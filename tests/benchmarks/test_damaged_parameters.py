"""A few damaged parameter files: each is read as DVC reads it, or refused with one message."""

from benchmarks.damaged_parameters import count_outcomes
from tests.project import ROOT


def test_damaged_parameter_files_are_read_as_by_dvc_or_refused() -> None:
    """`count_outcomes` raises on any other exception, and if DVC reads other values."""
    outcomes, _ = count_outcomes((ROOT / "params.yaml").read_bytes(), count=120, seed=1)
    assert sum(outcomes.values()) == 120
    assert outcomes["refused"] > 60
    assert outcomes["same values"] > 10
    assert outcomes["refused, but read by DVC"] == 0
