"""Walk the folder of pictures, check all of it, list it, and take a first look (steps 2 to 6).

Reads:  data.root, every picture; those of patients of the published Kaggle set once more, to compare them with it
Writes: data/index.csv, metrics/index.json, plots/pictures/index_slices.png
Params: data, index
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from brainseg.dataset.index import index_folder
from brainseg.dataset.kaggle_lgg import PublishedComparison, compare_with_published
from brainseg.dataset.summary import choose_slices, index_counts
from brainseg.figures.slices import draw_slices
from brainseg.files import write_json, write_table
from brainseg.imaging.stack import read_volume
from brainseg.params import Params
from stages.common import run

NAMES, ROWS = 10, 5  # shown of the files and of the table


def main(params: Params, arguments: argparse.Namespace) -> None:
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading every slice", total=None)
        table = index_folder(params.data, lambda done, total: progress.update(task, completed=done, total=total))
    comparison = compare_with_published(table, Path(params.data.root))
    metrics = index_counts(table) | {
        "published_patients": len(comparison.equal),
        "altered_patients": len(comparison.altered),
    }
    write_table(arguments.out / "data/index.csv", table)
    write_json(arguments.out / "metrics/index.json", metrics)

    slices = []
    for row in choose_slices(table, params.index).index:
        volume = read_volume(table.loc[[row]], Path(params.data.root))
        slices.append((f"{volume.patient_id}, slice {volume.slice_numbers[0]}", volume.image[0], volume.mask_true[0]))
    draw_slices(slices, arguments.out / "plots/pictures/index_slices.png")
    show(table, metrics, comparison)


def show(table: pd.DataFrame, metrics: dict[str, object], comparison: PublishedComparison) -> None:
    """Print the first look; wide enough for a log, where no terminal tells its width."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print("first images: ", *table["image_path"].head(NAMES), sep="\n  ", markup=False)
    console.print("first masks: ", *table["mask_path"].head(NAMES), sep="\n  ", markup=False)
    columns = [name for name in table.columns if name not in ("image_path", "mask_path", "digest")]
    head = Table(*columns, title="head of data/index.csv, without paths and digests", title_justify="left")
    for row in table[columns].head(ROWS).itertuples(index=False):
        head.add_row(*(escape(str(cell)) for cell in row))
    console.print(head)
    for name, value in metrics.items():
        console.print(f"{name:<32}{value:.4f}" if isinstance(value, float) else f"{name:<32}{value}", markup=False)
    patients = table.drop_duplicates("patient_id")
    sites = patients["site"].value_counts().sort_index()
    console.print("patients a site: " + ", ".join(f"{site} {number}" for site, number in sites.items()), markup=False)
    for names, group in patients[patients["missing_sequences"] != ""].groupby("missing_sequences"):
        console.print(f"filled with FLAIR, {names}: {', '.join(group['patient_id'])}", markup=False)
    console.print(f"this is {comparison}", markup=False, soft_wrap=True)
    twins = int(table.duplicated(["patient_id", "digest"]).sum())
    if twins:
        console.print(f"NOTE: {twins} slices have the very picture and mask of another slice of their patient")
    console.print("data/index.csv lists every slice, plots/pictures/index_slices.png shows some, with their masks.")


if __name__ == "__main__":
    run(main, __doc__)
