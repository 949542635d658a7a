"""The splits of the leak study: which patients and slices both models are trained, validated and tested on."""

from pathlib import Path

import pandas as pd
import pytest

from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.files import SUBSETS
from brainseg.params import SplitParams, load_params
from studies import leak_splits
from tests.project import ROOT


def split_params(**changes: object) -> SplitParams:
    """Return the default parameters with these changes."""
    return SplitParams(**{**load_params(ROOT / "params.yaml").split.model_dump(), **changes})


def index_of(slices: list[int]) -> pd.DataFrame:
    """Make the index of patients with these numbers of slices; every third slice has tumour."""
    return pd.DataFrame(
        {"patient_id": f"P_{number:02}", "site": "DU", "slice_number": n, "tumour_pixels": 5 * (n % 3 == 0)}
        for number, count in enumerate(slices)
        for n in range(1, count + 1)
    )


def patients(table: pd.DataFrame, subset: str) -> set[str]:
    return set(table.patient_id[table.subset == subset])


INDEX = index_of([12, 20, 31, 15, 9, 40, 22, 18, 27, 14, 33, 21])


@pytest.mark.parametrize("seed", range(5))
def test_both_models_only_test_on_the_patients_set_aside(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    aside = set(splits.set_aside.patient_id)
    assert aside == patients(split_slices(INDEX, split_params(seed=seed)), "test")  # as in the pipeline
    for model in leak_splits.MODELS:
        table = splits.table(model)
        assert not aside & (patients(table, "train") | patients(table, "validation"))
        assert not aside & set(splits.own[model].patient_id)
        scored = table[table.patient_id.isin(aside)]
        assert set(scored.subset) == {"test"}
        assert len(scored) == INDEX.patient_id.isin(aside).sum()  # all of their slices
        assert not table.duplicated(["patient_id", "slice_number"]).any()


@pytest.mark.parametrize("seed", range(5))
def test_only_the_split_by_slice_leaks_and_both_have_the_same_number_of_slices(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    a, b = splits.own["a"], splits.own["b"]
    assert patients(a, "train") & patients(a, "test")
    for subset, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not patients(b, subset) & patients(b, other)
    for subset in ("train", "validation"):
        assert (a.subset == subset).sum() == (b.subset == subset).sum() > 0
        dropped = [splits.dropped[model, subset] for model in leak_splits.MODELS]
        assert min(dropped) == 0  # only the larger subset loses slices
    rest = len(INDEX) - len(splits.set_aside)
    for model, table in splits.own.items():
        assert len(table) + splits.dropped[model, "train"] + splits.dropped[model, "validation"] == rest


@pytest.mark.parametrize("seed", range(5))
def test_no_model_trains_on_shared_slices_but_a_trains_on_their_patients(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    shared = splits.parts("a")["shared"]
    assert 0 < len(shared) < len(splits.parts("b")["claim"])
    pd.testing.assert_index_equal(shared.index, splits.parts("b")["shared"].index)
    for model in leak_splits.MODELS:
        assert set(splits.own[model].subset[shared.index]) == {"test"}
    assert set(shared.patient_id) <= patients(splits.own["a"], "train")
    assert not set(shared.patient_id) & (patients(splits.own["b"], "train") | patients(splits.own["b"], "validation"))


def test_splits_depend_on_the_seed_and_not_on_strategy_and_folds() -> None:
    first, other = (leak_splits.make_splits(INDEX, split_params(seed=seed)) for seed in (1, 2))
    again = leak_splits.make_splits(INDEX, split_params(seed=1, strategy="slice", folds=list(range(50))))
    for model in leak_splits.MODELS:
        pd.testing.assert_frame_equal(first.table(model), again.table(model))
        assert not first.table(model).equals(other.table(model))


def test_dropped_slices_are_those_of_the_larger_subset() -> None:
    def table(train: int, validation: int) -> pd.DataFrame:
        subsets = ["train"] * train + ["validation"] * validation + ["test"] * 3
        return pd.DataFrame({"subset": subsets}, index=range(100, 100 + len(subsets)))

    tables = {"a": table(9, 2), "b": table(5, 4)}
    equal, dropped = leak_splits.equal_numbers(tables, seed=3)
    assert dropped == {("a", "train"): 4, ("b", "train"): 0, ("a", "validation"): 0, ("b", "validation"): 2}
    for model, kept in equal.items():
        assert [(kept.subset == subset).sum() for subset in SUBSETS] == [5, 2, 3]
        pd.testing.assert_frame_equal(kept, tables[model].loc[kept.index])
    different = leak_splits.equal_numbers(tables, seed=4)[0]["a"]
    assert not equal["a"].equals(different)


def test_patients_set_aside_can_be_listed_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("held_out").mkdir()
    Path("held_out/list.txt").write_text("P_03\nP_07\n")
    splits = leak_splits.make_splits(INDEX, split_params(test_patients="held_out/list.txt"))
    assert set(splits.set_aside.patient_id) == {"P_03", "P_07"}
    Path("held_out/list.txt").write_text("".join(f"P_{number:02}\n" for number in range(9)))
    with pytest.raises(UserError, match="3 patients are left"):
        leak_splits.make_splits(INDEX, split_params(test_patients="held_out/list.txt"))


@pytest.mark.parametrize(
    ("index", "changes", "message"),
    [
        (index_of([9] * 7), {}, "7 patients, but at least 8"),
        (INDEX, {"strategy": "slice", "validation": "test"}, "split.validation: test"),
        (INDEX.assign(tumour_pixels=0), {}, "has tumour"),
    ],
)
def test_unsuitable_data_and_parameters_are_refused(index: pd.DataFrame, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        leak_splits.make_splits(index, split_params(**changes))
