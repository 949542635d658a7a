"""The splits of `studies.leak`: patients set aside, and the others split by slice and by patient."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.params import SplitParams

MODELS = {"a": "A, by slice (leaky)", "b": "B, by patient"}  # folder in DIR -> name
STRATEGIES = {"a": "slice", "b": "patient"}
FEWEST = 8  # patients: 2 set aside, and of 6 others some for each subset of B


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Who is trained on, validated on and tested on, in both models.

    Attributes:
        own: model -> its split of the patients that are not set aside, tables.SPLIT_COLUMNS; dropped slices are not in
            it.
        set_aside: the slices of the patients set aside, same columns, all test.
        dropped: (model, subset) -> slices dropped for equal numbers.
    """

    own: dict[str, pd.DataFrame]
    set_aside: pd.DataFrame
    dropped: dict[tuple[str, str], int]

    def table(self, model: str) -> pd.DataFrame:
        """What the stages train, validate and predict by: the model's own split and the patients set aside."""
        return pd.concat([self.own[model], self.set_aside], ignore_index=True)

    def parts(self, model: str) -> dict[str, pd.DataFrame]:
        """The slices that a model is scored on, by part.

        claim: its own test slices. reached: those of the patients set aside. shared: the test slices of both models
        whose patients A was trained on.
        """
        test = {name: table[table.subset == "test"] for name, table in self.own.items()}
        trained = self.own["a"].patient_id[self.own["a"].subset == "train"]
        both = test[model].index.isin(test["a"].index) & test[model].index.isin(test["b"].index)
        shared = test[model][both & test[model].patient_id.isin(trained)]
        return {"claim": test[model], "reached": self.set_aside, "shared": shared}


def make_splits(index: pd.DataFrame, split: SplitParams) -> Splits:
    """Set patients aside and split the others by slice and by patient.

    Args:
        index: data/index.csv.
        split: the parameters; `strategy` has no effect.

    Returns:
        The splits, with as many training and validation slices in one as in the other.

    Raises:
        UserError: if there are too few patients, if there are to be no validation slices, if a test has no tumour, or
            as `split_slices`.
    """
    if split.validation == "test":
        raise UserError("split.validation: test chooses the epoch on the test slices; expected own. Change the file")
    if (patients := index.patient_id.nunique()) < FEWEST:
        raise UserError(f"data.root: {patients} patients, where at least {FEWEST} are needed. Add patients")
    split = split.model_copy(update={"strategy": "patient", "folds": [0, 1]})  # folds are not looked at here
    whole = split_slices(index, split)
    set_aside = whole[whole.subset == "test"]
    rest = index.drop(set_aside.index)
    if (left := rest.patient_id.nunique()) < 4:
        raise UserError(f"split: {left} patients are left to train on, where at least 4 are needed. Set fewer aside")
    own = {
        model: split_slices(rest, split.model_copy(update={"strategy": strategy, "test_patients": None}))
        for model, strategy in STRATEGIES.items()
    }
    equal, dropped = equal_numbers(own, split.seed)
    splits = Splits(own=equal, set_aside=set_aside, dropped=dropped)
    for part, table in (splits.parts("a") | {"claim of B": splits.parts("b")["claim"]}).items():
        if not index.tumour_pixels[table.index].any():
            raise UserError(f"split: none of the {len(table)} slices to score ({part}) has tumour. Change split.seed")
    return splits


def equal_numbers(
    tables: Mapping[str, pd.DataFrame], seed: int
) -> tuple[dict[str, pd.DataFrame], dict[tuple[str, str], int]]:
    """Drop training and validation slices at random until all tables have as many as the one with the fewest.

    Args:
        tables: model -> its split.
        seed: of the draw.

    Returns:
        The tables without the dropped rows, and how many were dropped by (model, subset).
    """
    equal, dropped = dict(tables), {}
    for number, subset in enumerate(("train", "validation")):
        rows = {model: table.index[table.subset == subset] for model, table in tables.items()}
        fewest = min(map(len, rows.values()))
        for model, candidates in rows.items():
            dropped[model, subset] = len(candidates) - fewest
            rng = np.random.default_rng((seed, number))
            equal[model] = equal[model].drop(rng.choice(candidates, dropped[model, subset], replace=False))
    return equal, dropped
