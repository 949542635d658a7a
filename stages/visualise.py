"""Draw the learning curve (step 19), test slices with predictions (step 21), three test patients, volumes; the report.

Reads:  data/index.csv, data/split.csv, data/predictions/<patient_id>.npz, models/history.csv,
        models/operating_point.json, metrics/index.json, metrics/patients.csv, plots/dice_by_threshold.csv,
        plots/precision_recall.csv, plots/reliability.csv, the images under data.root
Writes: plots/report.html; plots/pictures/learning_curve.png, plots/pictures/predictions.png,
        plots/pictures/patients.png, plots/pictures/bland_altman.png
Params: visualise; split, train, predict and evaluate, which the report lists; data.root
"""

import argparse
from pathlib import Path
from typing import Any

from brainseg.errors import UserError
from brainseg.evaluation.cases import read_cases
from brainseg.evaluation.cross_validation import patient_source
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.figures import selection
from brainseg.figures.bland_altman import draw_bland_altman
from brainseg.figures.console import print_figures
from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.predictions import draw_patients, draw_predictions
from brainseg.figures.warning_lines import warning_lines
from brainseg.files import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset
from brainseg.params import Params
from brainseg.prediction.operating_point import read_operating_point
from brainseg.report.run_report import RunTables, choose_shown, keep_slices, write_run_report
from brainseg.report.run_tables import PRECISION_RECALL_COLUMNS, RELIABILITY_COLUMNS, THRESHOLD_COLUMNS
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    out, figures = arguments.out, arguments.out / "plots/pictures"
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    warnings = warning_lines(index["patient_id"], leaky=params.split.strategy == "slice")
    tables = RunTables(
        index=index,
        split=read_table(out / "data/split.csv", SPLIT_COLUMNS),
        patients=read_table(out / "metrics/patients.csv", PATIENT_COLUMNS),
        history=read_table(out / "models/history.csv", HISTORY_COLUMNS),
        precision_recall=read_table(out / "plots/precision_recall.csv", PRECISION_RECALL_COLUMNS),
        reliability=read_table(out / "plots/reliability.csv", RELIABILITY_COLUMNS),
        thresholds=read_table(out / "plots/dice_by_threshold.csv", THRESHOLD_COLUMNS),
        point=read_operating_point(out / "models/operating_point.json"),
        source=patient_source(index[["patient_id"]].drop_duplicates(), Path("metrics/index.json")),
    )
    scores, history, point = tables.patients, tables.history, tables.point
    test_rows = select_subset(index, tables.split, "test")

    draw_learning_curve(
        history,
        figures / "learning_curve.png",
        loss=params.train.loss,
        deep_supervision=params.train.deep_supervision,
        warnings=warnings,
    )
    draw_bland_altman(scores, figures / "bland_altman.png", warnings=warnings)

    sampled = selection.sample_tumour_slices(test_rows, count=params.visualise.slices, seed=params.visualise.seed)
    titles = selection.choose_patients(scores)
    # All test slices of these patients: small lesions are dropped by their size in the whole volume.
    shown, encoded = choose_shown(scores, params.visualise.report_patients), dict[str, dict[str, Any]]()
    needed = test_rows[test_rows["patient_id"].isin({*sampled["patient_id"], *titles, *shown})]
    cases = read_cases(needed, index=index, root=Path(params.data.root), predictions=out / "data/predictions")
    cases = keep_slices(cases, point, shown=shown, into=encoded)
    samples, spaced = selection.select_slices(cases, point, sampled=sampled, patients=titles)
    for patient_id, slices in spaced.items():
        if not slices:
            raise UserError(
                f"metrics/patients.csv: {patient_id} has a Dice, but its test slices show neither tumour nor "
                "prediction. The table belongs to another run. Write it again: dvc repro --force --single-item evaluate"
            )
    draw_predictions(samples, figures / "predictions.png", warnings=warnings)
    rows = [(titles[patient_id], slices) for patient_id, slices in spaced.items()]
    draw_patients(rows, figures / "patients.png", warnings=warnings)
    write_run_report(out / "plots/report.html", tables, encoded, params, warnings=warnings)
    print_figures(
        epochs=len(history),
        slices=len(samples),
        patients=map(str, titles.values()),
        without_dice=int(scores["dice"].isna().sum()),
    )


if __name__ == "__main__":
    run(main, __doc__)
