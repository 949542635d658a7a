"""What the stages of a run have measured, as far as the card of the model tells it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainseg.evaluation.cross_validation import PatientSource, patient_source
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.files import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table
from brainseg.params import Params
from brainseg.prediction.operating_point import OperatingPoint, read_operating_point
from brainseg.reading import sha256_of

if TYPE_CHECKING:
    from brainseg.model.saving import ModelCard


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """A run in figures.

    Attributes:
        params: of the run.
        model: how the input is prepared.
        weights: number of weights of the network, those of all networks of an ensemble together.
        point: threshold and smallest lesion.
        index: data/index.csv.
        split: data/split.csv.
        history: models/history.csv.
        patients: metrics/patients.csv, the scores of the test patients.
        source: where the patients come from.
        digests: SHA-256 of what the model was made from, by its name.
        folds: of a cross-validation, whose networks the model averages; empty: the model of one run. With folds,
            `split` has those of the folds one after the other, with the column fold.
        fold_count: number of folds of that cross-validation.
        scored: like `split`, of the cross-validation in which each of `patients` was scored by the model of their own
            fold alone; it may have fewer folds, so fewer patients to train. None: the model itself was scored.
        scored_networks: number of networks that the model of a fold of `scored` averages.
    """

    params: Params
    model: "ModelCard"
    weights: int
    point: OperatingPoint
    index: pd.DataFrame
    split: pd.DataFrame
    history: pd.DataFrame
    patients: pd.DataFrame
    source: PatientSource
    digests: dict[str, str]
    folds: tuple[int, ...] = ()
    fold_count: int = 0
    scored: pd.DataFrame | None = None
    scored_networks: int = 1

    @property
    def networks(self) -> int:
        """Number of networks that the model averages."""
        return max(1, len(self.folds)) * self.params.train.ensemble

    @property
    def leaky(self) -> bool:
        """Whether the scores are too high, because other slices of the test patients were trained on."""
        return self.params.split.strategy == "slice"


def read_facts(run: Path, params: Params, model: "ModelCard", weights: int) -> Facts:
    """Read the facts of a run.

    Args:
        run: the folder of the run; data/index.csv and metrics/index.json are read from the working folder.
        params: of the run.
        model: the card inside the model's file.
        weights: number of weights.

    Raises:
        UserError: if a file is missing or damaged.
    """
    index_path = Path("data/index.csv")
    index = read_table(index_path, INDEX_COLUMNS)
    return Facts(
        params=params,
        model=model,
        weights=weights,
        point=read_operating_point(run / "models/operating_point.json"),
        index=index,
        split=read_table(run / "data/split.csv", SPLIT_COLUMNS),
        history=read_table(run / "models/history.csv", HISTORY_COLUMNS),
        patients=read_table(run / "metrics/patients.csv", PATIENT_COLUMNS),
        source=patient_source(index[["patient_id"]].drop_duplicates(), Path("metrics/index.json")),
        digests={
            "parameters of the training": hashlib.sha256(params.train.model_dump_json().encode()).hexdigest(),
            "list of the slices": sha256_of(index_path),
        },
    )
