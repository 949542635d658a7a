"""What the stages index and split print. tests/stages/test_index.py runs the whole stage."""

import pytest

from brainseg.dataset.console import print_index, print_split
from brainseg.dataset.index import index_folder
from brainseg.dataset.summary import index_counts
from brainseg.params import DataParams
from tests.kaggle_set import PATIENTS


def test_index_is_printed_with_missing_sequences_and_duplicates(
    tiny_data: DataParams, capsys: pytest.CaptureFixture[str]
) -> None:
    table = index_folder(tiny_data)
    table.loc[table["patient_id"] == PATIENTS[1], "missing_sequences"] = "post-contrast"
    table["site"] = table["site"].replace("DU", "D[red]U\x9b")
    table.loc[1, "digest"] = table.loc[0, "digest"]
    print_index(table, {"slices": 15, "tumour_slice_share": 0.4}, "not the published Kaggle set")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["slices                          15", "tumour_slice_share              0.4000"]
    for line in (
        f"{PATIENTS[0]}/{PATIENTS[0]}_1_mask.tif",
        "patients per site: CS 1, D[red]U\\x9b 1, HT 1",
        f"post-contrast missing, filled with FLAIR, in 1 patients: {PATIENTS[1]}",
        "this is not the published Kaggle set",
        "NOTE: 1 slices have the same image and mask as another slice of their patient",
    ):
        assert line in lines


def test_every_line_fits_80_characters(tiny_data: DataParams, capsys: pytest.CaptureFixture[str]) -> None:
    table = index_folder(tiny_data)
    print_index(table, index_counts(table), "not the published Kaggle set")
    printed = capsys.readouterr().out
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "…" not in printed
    assert len([line for line in printed.splitlines() if line.startswith(f"{PATIENTS[0]} ")]) == 5


def test_long_list_of_patients_is_cut(tiny_data: DataParams, capsys: pytest.CaptureFixture[str]) -> None:
    table = index_folder(tiny_data).assign(missing_sequences="pre-contrast", tumour_pixels=0)
    table["patient_id"] = [f"P{number}" for number in range(15)]
    print_index(table, {}, "")
    printed = " ".join(capsys.readouterr().out.split())
    assert "pre-contrast missing, filled with FLAIR, in 15 patients: P0, P1, P2, P3, P4 and 10 more this is" in printed
    assert "NOTE: no slice has tumour" in printed


@pytest.mark.parametrize(("share", "noted"), [(0.19, False), (0.4, True)])
def test_masks_that_may_be_of_the_brain_are_noted(
    tiny_data: DataParams, capsys: pytest.CaptureFixture[str], share: float, noted: bool
) -> None:
    table = index_folder(tiny_data)
    area = table["height"] * table["width"]
    print_index(table.assign(tumour_pixels=(area * share).astype(int).where(table.index % 3 > 0, 0)), {}, "")
    printed = " ".join(capsys.readouterr().out.split())
    assert ("in half of the slices with tumour, the mask covers 40% of the slice or more" in printed) is noted


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
    assert [line.split() for line in printed.splitlines()[1:4]] == [
        ["train", "8", "40", "12"],
        ["validation", "2", "10", "3"],
        ["test", "3", "15", "5"],
    ]
    assert printed.splitlines()[4].startswith(text)
