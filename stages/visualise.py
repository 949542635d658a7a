"""Draw the learning curve (step 19), test slices with their predictions (step 21), three test patients, and volumes.

Reads:  data/index.csv, data/split.csv, data/predictions/<patient_id>.npz, models/history.csv,
        models/operating_point.json, metrics/patients.csv, the pictures under data.root
Writes: plots/pictures/learning_curve.png, plots/pictures/predictions.png, plots/pictures/patients.png,
        plots/pictures/bland_altman.png
Params: visualise; train.loss and deep_supervision, the name of an axis; split.strategy, because a slice split leaks;
        data.root, to find the pictures
"""

import argparse
from pathlib import Path

import pandas as pd

from brainseg.errors import UserError
from brainseg.evaluation.cases import read_cases, subset_rows
from brainseg.figures import bland_altman as figures_scores
from brainseg.figures import predictions as figures_predictions
from brainseg.figures import selection as showcase
from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.selection import SlicePrediction
from brainseg.files import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table
from brainseg.params import Params
from brainseg.prediction.operating_point import read_operating_point
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    out, leaky = arguments.out, params.split.strategy == "slice"
    pictures = out / "plots/pictures"
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    rows = subset_rows(index, read_table(out / "data/split.csv", SPLIT_COLUMNS), "test")
    history = read_table(out / "models/history.csv", HISTORY_COLUMNS)
    scores = read_table(out / "metrics/patients.csv", showcase.PATIENT_COLUMNS)
    point = read_operating_point(out / "models/operating_point.json")

    def read_slices(patients: pd.Series) -> list[SlicePrediction]:
        """All test slices of these patients: what is too small to be kept shows in the whole volume only."""
        wanted = rows[rows["patient_id"].isin(patients)]
        cases = read_cases(wanted, index=index, root=Path(params.data.root), predictions=out / "data/predictions")
        return [one for case in cases for one in showcase.slices_of(case, point)]

    draw_learning_curve(
        history,
        pictures / "learning_curve.png",
        loss=params.train.loss,
        deep_supervision=params.train.deep_supervision,
    )

    drawn = showcase.choose_slices(rows, count=params.visualise.slices, seed=params.visualise.seed)
    keys = set(zip(drawn["patient_id"], drawn["slice_number"], strict=True))
    shown = [one for one in read_slices(drawn["patient_id"]) if (one.patient_id, one.slice_number) in keys]
    figures_predictions.draw_predictions(shown, pictures / "predictions.png", leaky=leaky)

    patients = []
    for patient_id, title in showcase.choose_patients(scores):
        slices = showcase.spread(read_slices(pd.Series([patient_id])))
        if not slices:
            raise UserError(
                f"metrics/patients.csv: {patient_id} has a Dice, but no tumour or prediction in the test slices. The "
                "table is of another run. Write it again: dvc repro --force evaluate"
            )
        patients.append((title, slices))
    figures_predictions.draw_patients(patients, pictures / "patients.png", leaky=leaky)
    figures_scores.draw_bland_altman(scores, pictures / "bland_altman.png", leaky=leaky)
    report(len(history), len(drawn), [title for title, _ in patients], left_out=int(scores["dice"].isna().sum()))


def report(epochs: int, slices: int, titles: list[str], *, left_out: int) -> None:
    """Say what was drawn and where it is."""
    print(f"plots/pictures/learning_curve.png: losses of {epochs} epoch(s)")
    print(f"plots/pictures/predictions.png:    {slices or 'NO'} test slice(s) with tumour, drawn by seed")
    print(f"plots/pictures/patients.png:       {len(titles) or 'NO'} test patient(s); {left_out} without a Dice")
    for title in titles:
        print(f"  {title}")
    print("plots/pictures/bland_altman.png:   predicted against true volume of each test patient")
    print("DVC draws the tables beside them: dvc plots show")


if __name__ == "__main__":
    run(main, __doc__)
