"""Measure how much a split by slice overstates the Dice that a model reaches on unseen patients.

    python -m studies.leak --params presets/lgg.yaml --out DIR > leak.md

The test patients of these parameters (split.test_patients, or split.test_share by seed) are set aside. The slices of
the other patients are split twice: by slice for model A, as many notebooks do, and by patient for model B. Each model
is trained, scored on its own test slices (its claim), and scored on the patients set aside (what it reaches).

The patients set aside may be easier or harder than the others, and A is trained on slices of more patients than B. The
two models are therefore also compared on the same slices, in two groups: test slices of both models whose patients A
was trained on and B was not; and slices of the patients set aside, on whom neither model was trained. The leak is the
advantage of A on the first group minus its advantage on the second.

- Both models have the same parameters and the same number of training and of validation slices: the larger subset loses
  random slices, by seed.
- Both models take the same number of steps: there is no early stopping. Each keeps the epoch that is best on its own
  validation slices, so A's choice of the epoch leaks as well, as it does in any split by slice.
- For both models, a pixel is tumour from probability 0.5 and no lesion is dropped. Choosing the threshold on slices
  that leak would give A a second advantage, and a smallest lesion has no meaning in slices that are not neighbours.
- The slices of A are normalised by whole patients, as in every split by slice.

The tables go to standard output, and what the stages print goes to standard error. DIR/gaps.csv and DIR/pairs.csv hold
the same numbers, DIR/patients.csv the counts of every patient. DIR contains identifiers and predictions, so keep it out
of git. After an interruption, the same command resumes: trained models and predictions are kept. A DIR with other data
or parameters is refused. A change of the code is not noticed; use an empty folder then.
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
from brainseg.evaluation.cases import read_cases
from brainseg.files import HISTORY_COLUMNS, SUBSETS, atomic_write, read_table, select_subset, write_table
from brainseg.params import Params, load_params
from studies import leak_scores, leak_tables
from studies.leak_splits import MODELS, Splits, make_splits

SUBSET_LABELS = {"train": "training", "validation": "validation", "test": "own test"}
PART_LABELS = {"shared": "patients that A was trained on", "reached": "patients set aside"}  # of the paired table
ROOT = Path(__file__).parents[1]


def shared_params(params: Params) -> Params:
    """Return the parameters that both models are trained with: no early stopping, and an absolute data.root."""
    train = params.train.model_copy(update={"early_stopping_patience": params.train.epochs})
    data = params.data.model_copy(update={"root": str(Path(params.data.root).absolute())})
    return params.model_copy(update={"train": train, "data": data})


def prepare_folder(out: Path, texts: Mapping[str, str]) -> None:
    """Write the files that identify a run; in a folder that has them already, they must be the same.

    Args:
        out: the folder, which may not exist yet.
        texts: path in the folder -> content.

    Raises:
        UserError: if the folder holds something else; nothing is written then.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file, a folder was expected. Choose another name")
    if out.is_dir() and any(out.iterdir()) and not (out / "params.yaml").exists():
        raise UserError(f"{out}: is not empty, and not a folder of this study. Choose an empty or a new folder")
    for name, text in texts.items():
        path = out / name
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UserError(
                f"{path}: belongs to another run, with other parameters or data. Choose an empty folder, or use the "
                "parameters and data of that run to resume it"
            )
    for name, text in texts.items():
        if not (out / name).exists():
            with atomic_write(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def run_stage(stage: str, out: Path, model: str) -> None:
    """Run a stage of this copy of the project in the folder `out`; it writes to the model's folder there."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", f"stages.{stage}", "--out", model]
    print(f"{MODELS[model]}: {stage}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=out, env=os.environ | {"PYTHONPATH": path}, stdout=sys.stderr, check=False)
    if done.returncode:
        raise UserError(
            f"the stage {stage} of model {MODELS[model]} failed, see above. Run the same command again to resume"
        )


def train_and_predict(out: Path, model: str, split: pd.DataFrame) -> None:
    """Train a model and predict the slices it was not trained on, unless that is done already."""
    predictions = out / model / "data/predictions"
    if not (out / model / "models/unet.keras").exists():
        shutil.rmtree(predictions, ignore_errors=True)  # of a model that no longer exists
        run_stage("train", out, model)
    unseen = set(split.patient_id[split.subset != "train"])
    if any(not (predictions / f"{patient_id}.npz").exists() for patient_id in unseen):
        run_stage("predict", out, model)


def measure(index: pd.DataFrame, splits: Splits, out: Path, root: Path) -> pd.DataFrame:
    """Count the pixels of every scored patient.

    Returns:
        One row per model, part and patient; columns of `leak_scores.count_cases`, model and part.
    """
    counted = []
    for model, name in MODELS.items():
        for part, table in splits.parts(model).items():
            rows = select_subset(index, table, "test")
            cases = read_cases(rows, index=index, root=root, predictions=out / model / "data/predictions")
            counted.append(leak_scores.count_cases(cases).assign(model=name, part=part))
    return pd.concat(counted, ignore_index=True)


def describe(index: pd.DataFrame, splits: Splits, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Describe what each model was trained and tested on: one row per fact, one column per model, as text."""

    def describe_size(table: pd.DataFrame) -> str:
        tumour = int((index.tumour_pixels[table.index] > 0).sum())
        return f"{len(table)}, {tumour} with tumour, {table.patient_id.nunique()} patients"

    columns = {}
    for model, name in MODELS.items():
        own, history = splits.own[model], histories[model]
        facts = {f"{SUBSET_LABELS[subset]} slices": describe_size(own[own.subset == subset]) for subset in SUBSETS}
        for subset in ("train", "validation"):
            facts[f"{SUBSET_LABELS[subset]} slices dropped at random"] = str(splits.dropped[model, subset])
        facts["own test slices of both models"] = describe_size(splits.parts(model)["shared"])
        facts["slices of the patients set aside"] = describe_size(splits.set_aside)
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
    """Train and score both models in the folder `out`, and print the tables."""
    index = index_folder(params.data)
    splits = make_splits(index, params.split)
    texts = {"params.yaml": yaml.safe_dump(shared_params(params).model_dump(), sort_keys=False)}
    texts["data/index.csv"] = index.to_csv(index=False, lineterminator="\n")
    for model in MODELS:
        texts[f"{model}/data/split.csv"] = splits.table(model).to_csv(index=False, lineterminator="\n")
    prepare_folder(out, texts)
    for model in MODELS:
        train_and_predict(out, model, splits.table(model))

    patients = measure(index, splits, out, Path(params.data.root))
    gaps = leak_tables.gap_table(patients)
    pairs = leak_tables.pair_table(patients, {name[0]: name for name in MODELS.values()}, PART_LABELS)
    write_table(out / "patients.csv", patients)
    write_table(out / "gaps.csv", gaps)
    write_table(out / "pairs.csv", pairs)
    histories = {model: read_table(out / model / "models/history.csv", HISTORY_COLUMNS) for model in MODELS}
    for table in (
        describe(index, splits, histories),
        leak_tables.format_intervals(gaps),
        leak_tables.format_intervals(pairs),
    ):
        print(leak_tables.markdown(table), end="\n\n")


if __name__ == "__main__":
    main()
