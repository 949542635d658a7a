"""Counts of a data set, and the random sample of its slices."""

import pytest

from brainseg.dataset.index import index_folder
from brainseg.dataset.summary import count_table, index_counts, sample_slices, subset_table
from brainseg.files import SUBSETS
from brainseg.params import DataParams, IndexParams
from tests.kaggle_set import PATIENTS

COUNTED = ("patients", "slices", "slices_with_tumour")


def test_missing_sequences_and_sizes_are_counted(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    second, third = (table.patient_id == patient_id for patient_id in PATIENTS[1:])
    table.loc[second, "missing_sequences"] = "pre-contrast+post-contrast"
    table.loc[third, "missing_sequences"] = "post-contrast"
    table.loc[third, "height"] = 16
    counts = index_counts(table)
    assert counts["missing_pre_contrast_patients"] == 1
    assert counts["missing_post_contrast_patients"] == 2
    assert (counts["height_min"], counts["height_max"]) == (16, 32)
    assert counts["tumour_pixel_share"] == pytest.approx(6 * 128 / (10 * 32 * 32 + 5 * 16 * 32))


def test_digest_of_the_data_set_changes_with_one_slice(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    before = index_counts(table)["digest"]
    table.loc[7, "digest"] = "0" * 32
    assert index_counts(table)["digest"] != before


def test_counts_are_written_as_text_with_nine_digits() -> None:
    table = count_table({"slices": 597, "tumour_slice_share": 221 / 597, "digest": "0077"})
    assert table.to_numpy().tolist() == [["slices", "597"], ["tumour_slice_share", "0.370184255"], ["digest", "0077"]]


def test_subsets_are_rows() -> None:
    counts = {f"{subset}_{name}": len(subset) * len(name) for subset in SUBSETS for name in COUNTED}
    table = subset_table({**counts, "patients_in_two_subsets": 0})
    assert list(table) == ["subset", *COUNTED]
    assert table.to_numpy().tolist() == [[name, *(len(name) * len(other) for other in COUNTED)] for name in SUBSETS]


@pytest.mark.parametrize(
    ("pictures", "with_tumour", "without"), [(1, 1, 0), (4, 2, 2), (5, 3, 2), (14, 6, 8), (20, 6, 9)]
)
def test_half_of_the_sampled_slices_have_tumour(
    tiny_data: DataParams, pictures: int, with_tumour: int, without: int
) -> None:
    sample = sample_slices(index_folder(tiny_data), IndexParams(pictures=pictures, seed=3))
    assert sample.index.is_unique
    assert list(sample.tumour_pixels > 0) == [True] * with_tumour + [False] * without


def test_sample_depends_on_the_seed_alone(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    samples = [tuple(sample_slices(table, IndexParams(pictures=4, seed=seed)).index) for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]


def test_all_slices_with_or_without_tumour(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data).assign(tumour_pixels=1)
    assert len(sample_slices(table, IndexParams(pictures=7, seed=0))) == 7
    assert len(sample_slices(table.assign(tumour_pixels=0), IndexParams(pictures=7, seed=0))) == 7
