"""What a split by slice claims, and what the model reaches on patients it has never seen.

    python -m studies.leak --params presets/lgg.yaml --out DIR > leak.md

The test patients that the stage split gives with these parameters (split.test_patients, or split.test_share by seed)
are set aside. The others' slices are split twice: model A by slice, as many notebooks do, model B by patient. Each is
trained, scored on its own test slices (its claim), and scored on the patients set aside (what it reaches).

The patients set aside may be easier or harder than the others, and A has seen more patients than B. So both are also
compared on the same slices: those that are test slices of both, whose patients A was trained on and B was not, and
those of the patients set aside, whom neither was. What A is better by on the former and not on the latter is the leak,
without either excuse.

- Same parameters, same number of training and of validation slices: the larger subset loses slices at random, by seed.
- Same number of steps: there is no early stopping. Each keeps the epoch that is best on its own validation slices, so
  A's choice leaks as well, as it does where people split by slice.
- Probability 0.5 and more is tumour and no lesion is dropped, for both: to choose on slices that leak would give A a
  second advantage, and "smallest lesion" means nothing in slices that are no neighbours.
- A's normalisation is of whole patients, as everywhere in a split by slice.

The tables go to standard output, what the stages print to standard error. DIR/gaps.csv and DIR/pairs.csv have the same
numbers, DIR/patients.csv the counts of every patient. DIR holds identifiers and predictions: keep it out of git. After
a stop the same command goes on: what is trained and predicted is kept. A DIR of other data or parameters is refused. A
change of code is not seen: take an empty folder then.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.evaluation.cases import read_cases, subset_rows
from brainseg.files import HISTORY_COLUMNS, SUBSETS, atomic_write, read_table, write_table
from brainseg.params import Params, load_params
from studies import leak_scores, leak_tables
from studies.leak_splits import MODELS, Splits, make_splits

WORDS = {"train": "training", "validation": "validation", "test": "own test"}
PARTS = {"shared": "patients that A was trained on", "reached": "patients set aside"}  # of the paired table
ROOT = Path(__file__).parents[1]


def params_of_both(params: Params) -> Params:
    """The parameters as both models are trained with: no early stopping, and a root that holds from any folder."""
    train = params.train.model_copy(update={"early_stopping_patience": params.train.epochs})
    data = params.data.model_copy(update={"root": str(Path(params.data.root).absolute())})
    return params.model_copy(update={"train": train, "data": data})


def settle(out: Path, texts: Mapping[str, str]) -> None:
    """Write the files that say which run a folder is of; where they are there, they must be the same.

    Raises:
        UserError: if the folder holds something else; nothing is written then.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file, where a folder was expected. Name another")
    if out.is_dir() and any(out.iterdir()) and not (out / "params.yaml").exists():
        raise UserError(f"{out}: not empty, and not of this benchmark. Name an empty or a new folder")
    for name, text in texts.items():
        path = out / name
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UserError(
                f"{path}: of another run, with other parameters or data. Name an empty folder, or give the parameters "
                "and data of that run to go on with it"
            )
    for name, text in texts.items():
        if not (out / name).exists():
            with atomic_write(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def run_stage(stage: str, out: Path, model: str) -> None:
    """Run a stage of this copy of the project, in the folder `out` and for the model's folder in it."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", f"stages.{stage}", "--out", model]
    print(f"{MODELS[model]}: {stage}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=out, env=os.environ | {"PYTHONPATH": path}, stdout=sys.stderr, check=False)
    if done.returncode:
        raise UserError(f"the stage {stage} of model {MODELS[model]} failed, see above; call this again to go on")


def train_and_predict(out: Path, model: str, split: pd.DataFrame) -> None:
    """Train a model and predict what it was not trained on; what is there is kept."""
    predictions = out / model / "data/predictions"
    if not (out / model / "models/unet.keras").exists():
        shutil.rmtree(predictions, ignore_errors=True)  # of a model that is gone
        run_stage("train", out, model)
    unseen = set(split.patient_id[split.subset != "train"])
    if any(not (predictions / f"{patient_id}.npz").exists() for patient_id in unseen):
        run_stage("predict", out, model)


def measure(index: pd.DataFrame, splits: Splits, out: Path, root: Path) -> pd.DataFrame:
    """Count every scored patient: a row a model, part and patient, columns as in `leak_scores.count_cases`."""
    counted = []
    for model, name in MODELS.items():
        for part, table in splits.parts(model).items():
            rows = subset_rows(index, table, "test")
            cases = read_cases(rows, index=index, root=root, predictions=out / model / "data/predictions")
            counted.append(leak_scores.count_cases(cases).assign(model=name, part=part))
    return pd.concat(counted, ignore_index=True)


def describe(index: pd.DataFrame, splits: Splits, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What each model was given, in words: a row a fact, a column a model."""

    def size(table: pd.DataFrame) -> str:
        tumour = int((index.tumour_pixels[table.index] > 0).sum())
        return f"{len(table)}, {tumour} with tumour, {table.patient_id.nunique()} patients"

    columns = {}
    for model, name in MODELS.items():
        own, history = splits.own[model], histories[model]
        facts = {f"{WORDS[subset]} slices": size(own[own.subset == subset]) for subset in SUBSETS}
        for subset in ("train", "validation"):
            facts[f"{WORDS[subset]} slices dropped at random"] = str(splits.dropped[model, subset])
        facts["own test slices of both models"] = size(splits.parts(model)["shared"])
        facts["slices of the patients set aside"] = size(splits.set_aside)
        facts["epochs"] = f"{len(history)}, kept {history.epoch[history.val_loss.idxmin()]}"
        columns[name] = facts
    return pd.DataFrame(columns).rename_axis("").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for models and tables")
    arguments = parser.parse_args()
    try:
        run(load_params(arguments.params), arguments.out)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def run(params: Params, out: Path) -> None:
    index = index_folder(params.data)
    splits = make_splits(index, params.split)
    given = {"params.yaml": yaml.safe_dump(params_of_both(params).model_dump(), sort_keys=False)}
    given["data/index.csv"] = index.to_csv(index=False, lineterminator="\n")
    for model in MODELS:
        given[f"{model}/data/split.csv"] = splits.table(model).to_csv(index=False, lineterminator="\n")
    settle(out, given)
    for model in MODELS:
        train_and_predict(out, model, splits.table(model))

    patients = measure(index, splits, out, Path(params.data.root))
    gaps = leak_tables.gap_table(patients)
    pairs = leak_tables.pair_table(patients, {name[0]: name for name in MODELS.values()}, PARTS)
    write_table(out / "patients.csv", patients)
    write_table(out / "gaps.csv", gaps)
    write_table(out / "pairs.csv", pairs)
    histories = {model: read_table(out / model / "models/history.csv", HISTORY_COLUMNS) for model in MODELS}
    for table in (describe(index, splits, histories), leak_tables.shown(gaps), leak_tables.shown(pairs)):
        print(leak_tables.markdown(table), end="\n\n")


if __name__ == "__main__":
    main()
