"""The split: no patient is in two subsets, sites are spread evenly, and a leak is counted."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.dataset.splitting import split_counts, split_slices
from brainseg.errors import UserError
from brainseg.params import SplitParams

DEFAULT = SplitParams(
    strategy="patient",
    validation="own",
    test_share=0.25,
    validation_share=0.2,
    test_patients=None,
    folds=[0, 1, 2, 3, 4],
    seed=21,
)


def index_of(sites: list[str], slices: list[int] | None = None) -> pd.DataFrame:
    """An index of made-up patients, one for each site in `sites`; a third of the slices have tumour."""
    slices = slices or [6] * len(sites)
    rows = [
        {"patient_id": f"P_{site}_{number:03}", "site": site, "slice_number": n, "tumour_pixels": 10 * (n % 3 == 0)}
        for number, (site, count) in enumerate(zip(sites, slices, strict=True))
        for n in range(1, count + 1)
    ]
    return pd.DataFrame(rows)


def changed(**changes: object) -> SplitParams:
    return SplitParams(**{**DEFAULT.model_dump(), **changes})


def patients(index: pd.DataFrame, table: pd.DataFrame, subset: str) -> set[str]:
    return set(index.patient_id[table.subset == subset])


@settings(max_examples=25)
@given(
    sites=st.lists(st.sampled_from(["CS", "DU", "HT", "EZ"]), min_size=5, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    fold=st.sampled_from([None, 0, 4]),
    data=st.data(),
)
def test_no_patient_is_in_two_subsets(sites: list[str], seed: int, fold: int | None, data: st.DataObject) -> None:
    slices = data.draw(st.lists(st.integers(3, 30), min_size=len(sites), max_size=len(sites)))
    index = index_of(sites, slices)
    table = split_slices(index, changed(seed=seed), fold)
    counts = split_counts(index, table)
    assert counts["patients_in_two_subsets"] == 0
    assert counts["train_slices"] + counts["validation_slices"] + counts["test_slices"] == len(index)
    assert min(counts["train_patients"], counts["validation_patients"], counts["test_patients"]) >= 1
    if fold is not None:
        assert table.groupby("patient_id").fold.nunique().eq(1).all()


def test_sizes_of_the_subsets_and_their_sites_are_as_requested() -> None:
    index = index_of(["DU"] * 40 + ["HT"] * 20 + ["EZ"] * 20)
    table = split_slices(index, DEFAULT)
    test = patients(index, table, "test")
    assert len(test) == 20
    assert len(patients(index, table, "validation")) == 12
    assert [sum(f"_{site}_" in name for name in test) for site in ("DU", "HT", "EZ")] == [10, 5, 5]


def test_rare_sites_are_spread_together() -> None:
    index = index_of(["DU"] * 12 + ["A1", "B2", "C3", "D4"])
    counts = split_slices(index, changed(folds=[0, 1, 2, 3]), 0).assign(site=index.site).drop_duplicates("patient_id")
    rare = counts[counts.site != "DU"]
    assert sorted(rare.fold) == [0, 1, 2, 3]


def test_every_patient_is_in_the_test_subset_of_one_fold() -> None:
    index = index_of(["DU"] * 11 + ["HT"] * 6)
    seen: list[str] = []
    for fold in range(5):
        table = split_slices(index, DEFAULT, fold)
        test = patients(index, table, "test")
        assert set(table.fold[table.subset == "test"]) == {fold}
        seen += test
    assert sorted(seen) == sorted(set(index.patient_id))


def test_split_depends_on_the_seed_alone() -> None:
    index = index_of(["DU"] * 30)
    first = split_slices(index, DEFAULT)
    pd.testing.assert_frame_equal(first, split_slices(index, DEFAULT))
    assert patients(index, first, "test") != patients(index, split_slices(index, changed(seed=22)), "test")


def test_leak_of_a_split_by_slice_is_counted() -> None:
    index = index_of(["DU"] * 10, [20] * 10)
    table = split_slices(index, changed(strategy="slice", validation="test"))
    counts = split_counts(index, table)
    assert counts["test_slices"] == 50
    assert counts["validation_slices"] == 0
    assert counts["patients_in_two_subsets"] == 10
    own = split_slices(index, changed(strategy="slice"))
    assert split_counts(index, own)["validation_slices"] == 30


def test_listed_patients_are_the_test_subset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    index = index_of(["DU"] * 12)
    Path("held_out").mkdir()
    Path("held_out/list.txt").write_text("P_DU_003\nP_DU_007\n")
    table = split_slices(index, changed(test_patients="held_out/list.txt"))
    assert patients(index, table, "test") == {"P_DU_003", "P_DU_007"}
    assert patients(index, table, "validation")


@pytest.mark.parametrize("strategy", ["patient", "slice"])
def test_folds_have_no_effect_outside_cross_validation(strategy: str) -> None:
    """Another number of folds must not train the model of the root again; not even more folds than patients."""
    index = index_of(["DU"] * 12 + ["HT"] * 4)
    table = split_slices(index, changed(strategy=strategy))
    assert list(table) == ["patient_id", "slice_number", "subset"]
    for folds in ([0, 1], list(range(7)), list(range(100))):
        pd.testing.assert_frame_equal(split_slices(index, changed(strategy=strategy, folds=folds)), table)


@pytest.mark.parametrize("subset", ["train", "validation", "test"])
def test_fold_without_tumour_is_refused(subset: str) -> None:
    """Outside cross-validation such a subset is allowed: the later stages report what they cannot compute."""
    index = index_of(["DU"] * 10)
    names = patients(index, split_slices(index, DEFAULT, 3), subset)
    index.loc[index.patient_id.isin(names), "tumour_pixels"] = 0
    with pytest.raises(UserError, match=rf"fold 3 has no tumour in {subset}, .* Shorten split\.folds"):
        split_slices(index, DEFAULT, 3)
    assert len(split_slices(index, DEFAULT)) == len(index)


@pytest.mark.parametrize(
    ("sites", "changes", "fold", "words"),
    [
        (["DU"] * 4, {}, 0, r"4 patient\(s\) cannot be split into 5 parts. Add patients, or .* split.folds"),
        (["DU"] * 1, {}, None, "at least 3 patients, one each to train, validate and test, found 1"),
        (["DU"] * 2, {}, None, "at least 3 patients, one each to train, validate and test, found 2"),
        (["DU"] * 9, {}, 5, "there is no fold 5"),
        (["DU"] * 9, {"strategy": "slice"}, 0, "--fold needs split.strategy: patient"),
    ],
)
def test_impossible_split_is_refused(sites: list[str], changes: dict, fold: int | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        split_slices(index_of(sites), changed(**changes), fold)


@pytest.mark.parametrize(("slices", "share"), [(1, 0.001), (1, 0.5), (2, 0.001), (3, 0.5)])
def test_too_few_slices_for_three_subsets_are_refused(slices: int, share: float) -> None:
    split = changed(strategy="slice", test_share=share, validation_share=share)
    with pytest.raises(UserError, match=rf"split: {slices} slice\(s\) are too few for three subsets"):
        split_slices(index_of(["DU"], [slices]), split)


def test_three_slices_have_three_subsets() -> None:
    table = split_slices(index_of(["DU"], [3]), changed(strategy="slice"))
    assert sorted(table.subset) == ["test", "train", "validation"]
