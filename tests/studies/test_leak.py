"""The measured leak: who is trained on and tested on in both models, and the arithmetic of the table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.files import SUBSETS, write_table
from brainseg.metrics.bootstrap import interval
from brainseg.metrics.overlap import Confusion
from brainseg.params import Params, SplitParams, load_params
from brainseg.prediction.probability_maps import write_probabilities
from studies import leak, leak_scores, leak_splits, leak_tables

ROOT = Path(__file__).parents[2]
PATIENTS = tuple(f"TCGA_{site}_{number:04}_20000101" for number, site in enumerate(["DU", "HT"] * 6))
A, B = leak_splits.MODELS.values()


def split_params(**changes: object) -> SplitParams:
    """Those of the default parameters, changed."""
    return SplitParams(**{**load_params(ROOT / "params.yaml").split.model_dump(), **changes})


def index_of(slices: list[int]) -> pd.DataFrame:
    """An index of invented patients with so many slices each; every third slice has tumour."""
    return pd.DataFrame(
        {"patient_id": f"P_{number:02}", "site": "DU", "slice_number": n, "tumour_pixels": 5 * (n % 3 == 0)}
        for number, count in enumerate(slices)
        for n in range(1, count + 1)
    )


def patients(table: pd.DataFrame, subset: str) -> set[str]:
    return set(table.patient_id[table.subset == subset])


INDEX = index_of([12, 20, 31, 15, 9, 40, 22, 18, 27, 14, 33, 21])


@pytest.mark.parametrize("seed", range(5))
def test_patients_set_aside_are_tested_on_only_and_by_both(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    aside = set(splits.set_aside.patient_id)
    assert aside == patients(split_slices(INDEX, split_params(seed=seed)), "test")  # the pipeline's own
    for model in leak_splits.MODELS:
        table = splits.table(model)
        assert not aside & (patients(table, "train") | patients(table, "validation"))
        assert not aside & set(splits.own[model].patient_id)
        scored = table[table.patient_id.isin(aside)]
        assert set(scored.subset) == {"test"}
        assert len(scored) == INDEX.patient_id.isin(aside).sum()  # all of their slices
        assert not table.duplicated(["patient_id", "slice_number"]).any()


@pytest.mark.parametrize("seed", range(5))
def test_only_the_slice_split_leaks_and_both_have_equally_many_slices(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    a, b = splits.own["a"], splits.own["b"]
    assert patients(a, "train") & patients(a, "test")
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not patients(b, one) & patients(b, other)
    for subset in ("train", "validation"):
        assert (a.subset == subset).sum() == (b.subset == subset).sum() > 0
        numbers = [splits.dropped[model, subset] for model in leak_splits.MODELS]
        assert min(numbers) == 0  # only the larger one loses
    rest = len(INDEX) - len(splits.set_aside)
    for model, table in splits.own.items():
        assert len(table) + splits.dropped[model, "train"] + splits.dropped[model, "validation"] == rest


@pytest.mark.parametrize("seed", range(5))
def test_shared_slices_are_unseen_by_both_but_their_patients_are_known_to_a_alone(seed: int) -> None:
    splits = leak_splits.make_splits(INDEX, split_params(seed=seed))
    shared = splits.parts("a")["shared"]
    assert 0 < len(shared) < len(splits.parts("b")["claim"])
    pd.testing.assert_index_equal(shared.index, splits.parts("b")["shared"].index)
    for model in leak_splits.MODELS:
        assert set(splits.own[model].subset[shared.index]) == {"test"}
    assert set(shared.patient_id) <= patients(splits.own["a"], "train")
    assert not set(shared.patient_id) & (patients(splits.own["b"], "train") | patients(splits.own["b"], "validation"))


def test_the_seed_says_who_and_strategy_and_folds_do_not() -> None:
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


def test_a_list_names_the_patients_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("held_out").mkdir()
    Path("held_out/list.txt").write_text("P_03\nP_07\n")
    splits = leak_splits.make_splits(INDEX, split_params(test_patients="held_out/list.txt"))
    assert set(splits.set_aside.patient_id) == {"P_03", "P_07"}
    Path("held_out/list.txt").write_text("".join(f"P_{number:02}\n" for number in range(9)))
    with pytest.raises(UserError, match="3 patients are left"):
        leak_splits.make_splits(INDEX, split_params(test_patients="held_out/list.txt"))


@pytest.mark.parametrize(
    ("index", "changes", "words"),
    [
        (index_of([9] * 7), {}, "7 patients, where at least 8"),
        (INDEX, {"strategy": "slice", "validation": "test"}, "split.validation: test"),
        (INDEX.assign(tumour_pixels=0), {}, "has tumour"),
    ],
)
def test_what_cannot_be_measured(index: pd.DataFrame, changes: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        leak_splits.make_splits(index, split_params(**changes))


# One patient of two slices of 10 pixels: the first has 3 tumour pixels, 2 of them found and 1 made up: Dice 4 / 6.
ONE = [Confusion(tp=2, fp=1, fn=1, tn=6), Confusion(tp=0, fp=1, fn=0, tn=9)]
# Another of one slice, 4 tumour pixels, all found and nothing else: Dice 1.
TWO = [Confusion(tp=4, fp=0, fn=0, tn=6)]


def test_a_patient_s_counts() -> None:
    counted = leak_scores.count_patient("P", ONE)
    assert counted == {
        "patient_id": "P",
        "slices": 2,
        "tumour_slices": 1,
        "tumour_slice_dice": pytest.approx(4 / 6),
        "tp": 2,
        "fp": 2,
        "fn": 1,
        "tn": 15,
        "dice": pytest.approx(4 / 7),
    }
    assert np.isnan(leak_scores.count_patient("P", [Confusion(tn=10)])["dice"])


def scored(part: str, *slices: list[Confusion], model: str = A) -> pd.DataFrame:
    rows = [leak_scores.count_patient(f"P{number}", counts) for number, counts in enumerate(slices)]
    return pd.DataFrame(rows).assign(model=model, part=part)


def test_the_table_s_numbers_by_hand() -> None:
    """Claim: both patients and one without tumour, of whom nothing was predicted; reached: the first one alone."""
    empty = [Confusion(tn=10)]
    table = leak_tables.gap_table(pd.concat([scored("claim", ONE, TWO, empty), scored("reached", ONE)]))
    rows = table.set_index("score")
    expected = {
        "Dice of slices with tumour, mean": ((4 / 6 + 1) / 2, 4 / 6),
        "Dice of all pixels at once": (12 / 15, 4 / 7),
        "Dice of patients, mean": ((4 / 7 + 1) / 2, 4 / 7),
        "Dice of patients, median": ((4 / 7 + 1) / 2, 4 / 7),
        "accuracy": (37 / 40, 17 / 20),
        "accuracy of finding nothing": (33 / 40, 17 / 20),
    }
    assert list(rows.index) == list(expected)
    for name, (claim, reached) in expected.items():
        row = rows.loc[name]
        assert [row.claim, row.reached, row.gap] == pytest.approx([claim, reached, claim - reached]), name
        assert row.claim_low <= row.claim <= row.claim_high
        assert np.isnan(row[["reached_low", "reached_high", "gap_low", "gap_high"]].astype(float)).all()  # one patient
        assert (row.claim_left_out, row.reached_left_out) == (name.startswith("Dice of patients"), 0)


def dice_of(value: int) -> list[Confusion]:
    """A patient whose Dice is value / 100."""
    return [Confusion(tp=value, fn=200 - 2 * value, tn=100)]


def test_intervals_are_those_of_the_bootstrap_and_the_gap_s_is_of_independent_draws() -> None:
    rng = np.random.default_rng(1)
    claim, reached = rng.integers(80, 100, 40), rng.integers(40, 90, 30)
    parts = [scored("claim", *map(dice_of, claim)), scored("reached", *map(dice_of, reached))]
    row = leak_tables.gap_table(pd.concat(parts)).set_index("score").loc["Dice of patients, mean"]
    for part, values in (("claim", claim), ("reached", reached)):
        found = interval(values / 100, seed=5)
        assert row[part] == pytest.approx(found.value)
        assert [row[f"{part}_low"], row[f"{part}_high"]] == pytest.approx([found.ci_low, found.ci_high], abs=0.005)
    halves = [(row[f"{name}_high"] - row[f"{name}_low"]) / 2 for name in ("claim", "reached", "gap")]
    assert halves[2] == pytest.approx(np.hypot(halves[0], halves[1]), rel=0.05)  # variances of independent means add


def test_groups_that_happen_to_score_alike_are_not_drawn_together() -> None:
    values = [dice_of(value) for value in (35, 55, 75, 95)]
    row = leak_tables.gap_table(pd.concat([scored("claim", *values), scored("reached", *values)])).iloc[0]
    assert row.gap_low < row.gap == 0 < row.gap_high


def test_the_leak_by_hand_and_its_pairs_are_drawn_together() -> None:
    """A is 0.20 better on patients it knows, and 0.05 on those it does not: 0.15 is the leak."""
    easy, hard = [85, 45, 75], [15, 65, 45, 35]
    parts = [
        scored("shared", *(dice_of(value) for value in easy), model=A),
        scored("shared", *(dice_of(value - 20) for value in easy), model=B),
        scored("reached", *(dice_of(value) for value in hard), model=A),
        scored("reached", *(dice_of(value - 5) for value in hard), model=B),
        scored("claim", ONE, model=A),  # not looked at
    ]
    table = leak_tables.pair_table(pd.concat(parts), {"A": A, "B": B}, {"shared": "known", "reached": "new"})
    rows = table[table.score == "Dice of patients, mean"].set_index("slices_of")
    assert list(rows.index) == ["known", "new", leak_tables.LEAK]
    assert rows.A.iloc[:2].tolist() == pytest.approx([np.mean(easy) / 100, np.mean(hard) / 100])
    for column in ("difference", "difference_low", "difference_high"):  # no patient differs from another in it
        assert rows[column].tolist() == pytest.approx([0.20, 0.05, 0.15]), column
    assert rows.loc["known", "A_low"] < rows.loc["known", "A"] < rows.loc["known", "A_high"]
    text = leak_tables.shown(table)
    assert list(text.columns) == ["score", "slices of", "A", "B", "difference", "left out"]
    last = text[text["slices of"] == leak_tables.LEAK].iloc[0]
    assert (last["A"], last["B"], last["left out"]) == ("-", "-", "-")


def test_patient_without_a_value_from_one_model_is_left_out_of_both() -> None:
    empty, made_up = [Confusion(tn=10)], [Confusion(tn=9, fp=1)]
    sides = {"A": scored("shared", ONE, TWO, made_up), "B": scored("shared", TWO, TWO, empty, model=B)}
    score = leak_scores.SCORES["Dice of patients, mean"]
    found, _ = leak_tables.contrast(sides, score, "difference", paired=True)
    assert found["A"] == pytest.approx((4 / 7 + 1) / 2)
    assert (found["B"], found["A_left_out"], found["B_left_out"]) == (1, 1, 1)


def test_table_as_it_is_pasted() -> None:
    parts = [
        scored("claim", dice_of(90), dice_of(90), model=model).assign(part=part)
        for model in (A, B)
        for part in ("claim", "reached")
    ]
    parts[1] = scored("reached", dice_of(40))
    lines = leak_tables.markdown(leak_tables.shown(leak_tables.gap_table(pd.concat(parts)))).splitlines()
    assert lines[0] == "| score | model | claim | reached | gap | left out |"
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    name = "Dice of patients, mean"
    assert f"| {name} | {A} | 0.900 (0.900 to 0.900) | 0.400 | +0.500 | 0, 0 |" in lines
    same = "0.900 (0.900 to 0.900)"
    assert f"| {name} | {B} | {same} | {same} | +0.000 (+0.000 to +0.000) | 0, 0 |" in lines


def test_both_train_to_the_last_epoch_with_parameters_that_stages_read(tmp_path: Path) -> None:
    params = load_params(ROOT / "presets/lgg.yaml")
    both = leak.params_of_both(params)
    assert both.train.early_stopping_patience == both.train.epochs == params.train.epochs
    assert Path(both.data.root).is_absolute()
    (tmp_path / "params.yaml").write_text(leak.yaml.safe_dump(both.model_dump()))
    assert load_params(tmp_path / "params.yaml") == both


@pytest.fixture
def params(tmp_path: Path, make_set: Callable[..., Path]) -> Params:
    """The default parameters on a hand-made set of 12 patients."""
    root = make_set(tmp_path / "set", patients=PATIENTS)
    default = load_params(ROOT / "params.yaml")
    return default.model_copy(update={"data": default.data.model_copy(update={"root": str(root)})})


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were called; in their place stand ones that learn nothing and predict 0.6 everywhere."""
    calls: list[str] = []

    def stage(name: str, out: Path, model: str) -> None:
        calls.append(f"{name} {model}")
        split = pd.read_csv(out / model / "data/split.csv")
        if name == "train":
            (out / model / "models").mkdir(parents=True)
            (out / model / "models/unet.keras").touch()
            columns = {"epoch": [1, 2], "learning_rate": 0.1, "val_loss": [0.2, 0.3]}
            names = ("loss", "accuracy", "val_accuracy", "dice", "val_dice")
            write_table(out / model / "models/history.csv", pd.DataFrame(columns | dict.fromkeys(names, 0.5)))
        else:
            for patient_id, rows in split[split.subset != "train"].groupby("patient_id"):
                numbers = np.sort(rows.slice_number.to_numpy())
                maps = np.full((len(numbers), 32, 32), 0.6, np.float32)
                write_probabilities(out / model / f"data/predictions/{patient_id}.npz", maps, numbers)

    monkeypatch.setattr(leak, "run_stage", stage)
    return calls


def test_what_is_trained_and_predicted_is_kept(
    tmp_path: Path, params: Params, called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    leak.run(params, out)
    assert called == ["train a", "predict a", "train b", "predict b"]
    first = capsys.readouterr().out
    assert "| epochs | 2, kept 1 | 2, kept 1 |" in first
    assert "| slices of the patients set aside | 15, 6 with tumour, 3 patients |" in first
    # Everything is outlined: 8 x 16 of 32 x 32 pixels are tumour in 2 of 5 slices, so Dice is 2 / 9 and 2 / 21.
    assert f"| Dice of slices with tumour, mean | {B} | 0.222 (0.222 to 0.222) | 0.222" in first
    assert f"| Dice of patients, mean | {B} | 0.095 (0.095 to 0.095) | 0.095" in first
    assert f"| {leak_tables.LEAK} | - | - | +0.000 (+0.000 to +0.000) | - |" in first
    assert len(pd.read_csv(out / "gaps.csv")) == 2 * len(leak_scores.SCORES)
    assert len(pd.read_csv(out / "pairs.csv")) == 3 * len(leak_scores.SCORES)

    next(iter((out / "b/data/predictions").iterdir())).unlink()
    leak.run(params, out)
    assert called[4:] == ["predict b"]
    assert capsys.readouterr().out == first
    (out / "a/models/unet.keras").unlink()
    (out / "a/models/history.csv").unlink()
    (out / "a/models").rmdir()
    leak.run(params, out)
    assert called[5:] == ["train a", "predict a"]  # predictions of a model that is gone are made anew


def test_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path, params: Params, called: list[str]) -> None:
    out = tmp_path / "out"
    leak.run(params, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    train = params.train.model_copy(update={"filters": 5})
    with pytest.raises(UserError, match="of another run, with other parameters or data"):
        leak.run(params.model_copy(update={"train": train}), out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(UserError, match="not empty"):
        leak.run(params, other)
    with pytest.raises(UserError, match="a file, where a folder was expected"):
        leak.run(params, other / "thesis.txt")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_a_stage_that_fails_ends_it_with_one_message(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("nonsense: 1\n")
    with pytest.raises(UserError, match=r"the stage split of model A, by slice \(leaky\) failed, see above"):
        leak.run_stage("split", tmp_path, "a")
