"""The message with which DICOM is refused."""

from pathlib import Path

import pytest

from brainseg.errors import UserError
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_studies import find_dicom_cases


def refusal(folder: Path, **chosen: str) -> str:
    """Read the only case in a folder, which must fail, and return what it says. `chosen`: as for the command."""
    (case,) = find_dicom_cases([folder], chosen)
    with pytest.raises(UserError) as error:
        read_scan(case)
    return str(error.value)
