"""What the stages index and split print. tests/stages/test_index.py runs the whole stage."""

import pytest

from brainseg.dataset.console import print_index, print_split
from brainseg.dataset.index import index_folder
from brainseg.params import DataParams
from tests.kaggle_set import PATIENTS


def test_index_is_printed_with_missing_sequences_and_duplicates(
    tiny_data: DataParams, capsys: pytest.CaptureFixture[str]
) -> None:
    table = index_folder(tiny_data)
    table.loc[table["patient_id"] == PATIENTS[1], "missing_sequences"] = "post-contrast"
    table.loc[1, "digest"] = table.loc[0, "digest"]
    print_index(table, {"slices": 15, "tumour_slice_share": 0.4}, "not the published Kaggle set")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["first images:", f"{PATIENTS[0]}/{PATIENTS[0]}_1.tif"]
    for line in (
        f"{PATIENTS[0]}/{PATIENTS[0]}_1_mask.tif",
        "tumour_slice_share              0.4000",
        "patients per site: CS 1, DU 1, HT 1",
        f"post-contrast missing, filled with FLAIR: {PATIENTS[1]}",
        "this is not the published Kaggle set",
        "NOTE: 1 slices have the same image and mask as another slice of their patient",
    ):
        assert line in lines


@pytest.mark.parametrize(("leaks", "text"), [(0, "No patient is in more than one subset."), (3, "WARNING: 3 patients")])
def test_split_is_printed_with_a_warning_about_a_leak(
    capsys: pytest.CaptureFixture[str], leaks: int, text: str
) -> None:
    counts = {
        f"{subset}_{name}": number
        for subset, numbers in {"train": (8, 40, 12), "validation": (2, 10, 3), "test": (3, 15, 5)}.items()
        for name, number in zip(("patients", "slices", "slices_with_tumour"), numbers, strict=True)
    }
    print_split({**counts, "patients_in_two_subsets": leaks})
    printed = capsys.readouterr().out
    assert printed.startswith(
        "train         8 patients,    40 slices,    12 of them with tumour\nvalidation    2 patients"
    )
    assert printed.splitlines()[3].startswith(text)
