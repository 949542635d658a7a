"""The splits of `studies.leak`: some patients are set aside, the others are split by slice and by patient."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.params import SplitParams

MODELS = {"a": "A, by slice (leaky)", "b": "B, by patient"}  # folder in DIR -> name
STRATEGIES = {"a": "slice", "b": "patient"}
MINIMUM_PATIENTS = 8  # 2 set aside, and 6 others, so that every subset of B gets some


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The slices that each model is trained, validated and tested on.

    Attributes:
        own: model -> its split of the patients that are not set aside, files.SPLIT_COLUMNS, without dropped slices.
        set_aside: all slices of the patients set aside, same columns, subset test.
        dropped: (model, subset) -> number of slices dropped to make both models equal.
    """

    own: dict[str, pd.DataFrame]
    set_aside: pd.DataFrame
    dropped: dict[tuple[str, str], int]

    def table(self, model: str) -> pd.DataFrame:
        """Return the split that the stages use: the model's own and the patients set aside."""
        return pd.concat([self.own[model], self.set_aside], ignore_index=True)

    def parts(self, model: str) -> dict[str, pd.DataFrame]:
        """Return the slices that a model is scored on.

        Returns:
            Part -> slices. claim: the model's own test slices; reached: those of the patients set aside; shared: test
            slices of both models whose patients A was trained on.
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
        The splits, with the same number of training and of validation slices for both models.

    Raises:
        UserError: if there are too few patients, if validation slices are missing, if the slices of a part have no
            tumour, or if `split_slices` raises it.
    """
    if split.validation == "test":
        raise UserError("split.validation: test chooses the epoch on the test slices; expected own. Change the file")
    if (patients := index.patient_id.nunique()) < MINIMUM_PATIENTS:
        raise UserError(f"data.root: {patients} patients, but at least {MINIMUM_PATIENTS} are needed. Add patients")
    split = split.model_copy(update={"strategy": "patient", "folds": [0, 1]})  # the folds are not used here
    all_slices = split_slices(index, split)
    set_aside = all_slices[all_slices.subset == "test"]
    rest = index.drop(set_aside.index)
    if (left := rest.patient_id.nunique()) < 4:
        raise UserError(f"split: {left} patients are left to train on, but at least 4 are needed. Set fewer aside")
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
    """Drop random training and validation slices until every table has as many as the smallest one.

    Args:
        tables: model -> its split.
        seed: of the random choice.

    Returns:
        The tables without the dropped rows; and (model, subset) -> number of dropped rows.
    """
    equal, dropped = dict(tables), {}
    for number, subset in enumerate(("train", "validation")):
        rows = {model: table.index[table.subset == subset] for model, table in tables.items()}
        kept = min(map(len, rows.values()))
        for model, candidates in rows.items():
            dropped[model, subset] = len(candidates) - kept
            rng = np.random.default_rng((seed, number))
            equal[model] = equal[model].drop(rng.choice(candidates, dropped[model, subset], replace=False))
    return equal, dropped
