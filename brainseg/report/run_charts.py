"""The charts of the report of a run: learning curves, precision and sensitivity, calibration, volumes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from brainseg.figures.learning_curve import best_epoch
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.report.charts import Axis, Chart, Dot, Line, counting_axis, unit_axis, value_axis

DIAGONAL = Line(points=((0, 0), (1, 1)), style="ideal", name="perfect")


def learning_curves(history: pd.DataFrame) -> list[Chart]:
    """Loss and Dice per epoch of training and validation, from models/history.csv."""
    epochs = counting_axis(int(history["epoch"].max()), "epoch")
    losses = value_axis([*history["loss"], *history["val_loss"]], "loss", log=True)
    best = best_epoch(history)
    dots = [] if best is None else [Dot(x=best[0], y=best[1], style="best", title=f"epoch {best[0]}: {best[1]:.4g}")]
    text = "No validation loss." if best is None else f"Lowest validation loss: {best[1]:.3g}, in epoch {best[0]}."
    return [
        Chart(
            title="Loss while training",
            text=text,
            x=epochs,
            y=losses,
            lines=_curves(history, "loss"),
            dots=dots,
            legend=[("best", "lowest validation loss")] if dots else (),
        ),
        Chart(
            title="Dice while training",
            text="Of all pixels together. It monitors the training and chooses nothing.",
            x=epochs,
            y=unit_axis("Dice"),
            lines=_curves(history, "dice"),
        ),
    ]


def _curves(history: pd.DataFrame, name: str) -> list[Line]:
    named = ((name, "training"), (f"val_{name}", "validation"))
    return [
        Line(points=_points(history["epoch"], history[column]), style=subset, name=subset) for column, subset in named
    ]


def precision_recall(table: pd.DataFrame, point: OperatingPoint) -> Chart:
    """Precision and sensitivity of the test pixels at each threshold, from plots/precision_recall.csv."""
    title = "threshold {threshold:g}: sensitivity {sensitivity:.3f}, precision {precision:.3f}"
    dots = _chosen(table, "sensitivity", "precision", title)
    return Chart(
        title="Precision and sensitivity",
        text="Of all test pixels together, at every threshold.",
        x=unit_axis("sensitivity (recall)"),
        y=unit_axis("precision"),
        lines=[Line(points=_points(table["sensitivity"], table["precision"]), style="model")],
        dots=dots,
        legend=[("best", f"chosen threshold, {point.threshold:g}")] if dots else (),
    )


def thresholds(table: pd.DataFrame) -> Chart:
    """Mean and median Dice of the validation patients at each threshold, from plots/dice_by_threshold.csv."""
    dots = _chosen(table, "threshold", "dice_mean", "threshold {threshold:g}: {dice_mean:.3f}")
    return Chart(
        title="Threshold",
        text="Dice of the validation patients." if len(table) else "No validation patients: the threshold was given.",
        x=unit_axis("threshold of the probability"),
        y=unit_axis("Dice"),
        lines=[
            Line(points=_points(table["threshold"], table["dice_mean"]), style="validation", name="mean"),
            Line(points=_points(table["threshold"], table["dice_median"]), style="other", name="median"),
        ],
        dots=dots,
        legend=[("best", "chosen")] if dots else (),
    )


def reliability(table: pd.DataFrame) -> Chart:
    """Predicted probability and observed frequency of tumour, from plots/reliability.csv."""
    dots = [
        Dot(
            x=row.mean_probability,
            y=row.observed,
            style="model",
            title=f"{row.pixels:,} pixels: probability {row.mean_probability:.3f}, tumour in {row.observed:.1%}",
        )
        for row in table.itertuples()
    ]
    return Chart(
        title="Calibration",
        text="How often pixels inside the head are tumour, by probability.",
        x=unit_axis("predicted probability"),
        y=unit_axis("observed frequency"),
        lines=[DIAGONAL, Line(points=_points(table["mean_probability"], table["observed"]), style="model")],
        dots=dots,
    )


def volumes(patients: Sequence[dict[str, Any]]) -> Chart:
    """True and predicted volume of each patient, each a link to the patient."""
    largest = value_axis(
        [value for row in patients for value in (row["tumour_pixels"], row["predicted_pixels"])], "", count=4
    )
    true, predicted = (
        Axis(low=0, high=largest.high, ticks=largest.ticks, label=f"{name} volume, voxels")
        for name in ("true", "predicted")
    )
    return Chart(
        title="Volumes",
        text="Each dot is a test patient, in the colour of its site, and leads to it.",
        x=true,
        y=predicted,
        lines=[Line(points=((0, 0), (largest.high, largest.high)), style="ideal", name="perfect")],
        dots=[
            Dot(
                x=row["tumour_pixels"],
                y=row["predicted_pixels"],
                style=f"site-{row['colour']}",
                title=f"{row['patient_id']}: true {row['tumour_pixels']:,}, predicted {row['predicted_pixels']:,}",
                link=f"#patient-{row['place']}",
            )
            for row in patients
        ],
    )


def _chosen(table: pd.DataFrame, x: str, y: str, title: str) -> list[Dot]:
    """The row of the chosen threshold as a dot, unless it is undefined there; `title` is filled with the row."""
    rows = table[table["chosen"] == 1].dropna().to_dict("records")
    return [Dot(x=row[x], y=row[y], style="best", title=title.format_map(row)) for row in rows]


def _points(x: pd.Series, y: pd.Series) -> list[tuple[float, float]]:
    """The points of a line, without those that are undefined."""
    known = np.isfinite(x.to_numpy(np.float64)) & np.isfinite(y.to_numpy(np.float64))
    return list(zip(x[known].tolist(), y[known].tolist(), strict=True))
