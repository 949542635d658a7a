"""The plots of dvc.yaml and the templates in .dvc/plots: anchors are filled, axes named, and tables have the fields."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dvc_render.vega import VegaRenderer
from dvc_render.vega_templates import TEMPLATES

from brainseg.prediction.operating_point import read_operating_point
from tests.evaluation.toy_patients import run_stage
from tests.project import ROOT

FOLDER = ROOT / ".dvc/plots"
PLOTS = {
    name: plot
    for entry in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    if isinstance(entry, dict)
    for name, plot in entry.items()
}
LIVE = "plots/live"  # a folder; its table has the columns of plots/history.csv


@pytest.fixture(autouse=True)
def tables(project: Path) -> Path:
    """The current folder, with the tables that the stage evaluate writes."""
    run_stage()
    return project


def points(name: str) -> list[dict[str, str]]:
    """The rows that DVC draws: text as in the file, once per column of `y`."""
    y = PLOTS[name]["y"]
    path, columns = ("plots/history.csv", y) if name == LIVE else next(iter(y.items()))
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    columns = [columns] if isinstance(columns, str) else columns
    assert {PLOTS[name]["x"], *columns} <= rows[0].keys()
    return [
        {**row, "rev": "workspace", "filename": path, "field": column, "dvc_inferred_y_value": row[column]}
        for column in columns
        for row in rows
    ]


def renderer(name: str, rows: list[dict[str, str]], called: str) -> VegaRenderer:
    """What DVC draws a plot with; `called` names it on the page."""
    plot = PLOTS[name]
    fields = sorted({row["field"] for row in rows})
    definitions = [{"filename": rows[0]["filename"], "field": field} for field in fields]
    return VegaRenderer(
        rows,
        called,
        template=plot.get("template"),
        template_dir=FOLDER,
        x=plot["x"],
        y="dvc_inferred_y_value" if len(fields) > 1 else fields[0],
        anchors_y_definitions=definitions,
        **{key: plot[key] for key in ("title", "x_label", "y_label") if key in plot},
    )


def filled(name: str) -> dict:
    """The specification that the browser draws."""
    return renderer(name, points(name), name).get_filled_template()


@pytest.mark.parametrize("name", PLOTS)
def test_every_anchor_of_a_plot_is_filled_and_its_axes_are_named(name: str) -> None:
    content = filled(name)
    assert content["title"]["text"] == PLOTS[name]["title"]
    drawn = json.dumps({key: value for key, value in content.items() if key != "data"})
    assert "DVC_METRIC" not in drawn
    vertical = ["loss, logarithmic axis", "Dice of all pixels"] if name == LIVE else [PLOTS[name]["y_label"]]
    for axis in [PLOTS[name]["x_label"], *vertical]:
        assert f'"title": {json.dumps(axis)}' in drawn


def test_every_template_is_used() -> None:
    used = {plot.get("template", "linear") for plot in PLOTS.values()}
    own = {path.stem for path in FOLDER.glob("*.json")}
    assert own <= used
    assert used - own <= {template.DEFAULT_NAME for template in TEMPLATES}


@pytest.mark.parametrize("name", ["precision_recall", "dice_by_threshold"])
def test_chosen_threshold_is_marked(name: str) -> None:
    chosen = [row for row in points(name) if row["chosen"] == "1"]
    point = read_operating_point(Path("models/operating_point.json"))
    assert {float(row["threshold"]) for row in chosen} == {point.threshold}
    marked = [layer for layer in filled(name)["layer"] if {"filter": "datum.chosen == 1"} in layer.get("transform", [])]
    assert {layer["mark"]["type"] for layer in marked} >= {"text"}


@pytest.mark.parametrize(
    ("name", "axes"), [("precision_recall", "xy"), ("dice_while_training", "y"), ("dice_by_patient", "x")]
)
def test_axis_is_shown_as_a_whole(name: str, axes: str) -> None:
    encoding = filled(name)["encoding"]
    for axis in axes:
        assert encoding[axis]["scale"] == {"domain": [0, 1]}


def test_confusion_counts_the_words_of_its_table_and_writes_the_numbers() -> None:
    spec = filled("confusion")["spec"]
    words = {row[column] for row in points("confusion") for column in ("actual", "predicted")}
    cells = re.findall(r"x: '([^']+)', y: '([^']+)'", spec["transform"][0]["calculate"])
    assert sorted(cells) == sorted((actual, predicted) for actual in words for predicted in words)
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["rect", "text"]
    assert spec["layer"][1]["encoding"]["text"]["field"] == "slices"
