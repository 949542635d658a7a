"""Read and check every slice of the data set, list the slices, and show some of them (steps 2 to 6).

Reads:  all images and masks below data.root; those of patients of the published Kaggle set again, to compare pixels
Writes: data/index.csv, metrics/index.json, plots/pictures/index_slices.png
Params: data, index
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from brainseg.dataset.console import print_index
from brainseg.dataset.index import index_folder
from brainseg.dataset.kaggle_lgg import compare_with_published
from brainseg.dataset.summary import index_counts, sample_slices
from brainseg.figures.slices import draw_slices
from brainseg.files import write_json, write_table
from brainseg.imaging.stack import read_volume
from brainseg.params import Params
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    out, root = arguments.out, Path(params.data.root)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading all slices", total=None)
        table = index_folder(params.data, lambda done, total: progress.update(task, completed=done, total=total))
    comparison = compare_with_published(table, root)
    metrics = index_counts(table) | {
        "published_patients": len(comparison.equal),
        "altered_patients": len(comparison.altered),
    }
    write_table(out / "data/index.csv", table)
    write_json(out / "metrics/index.json", metrics)

    slices = []
    for row in sample_slices(table, params.index).index:
        volume = read_volume(table.loc[[row]], root)
        slices.append((f"{volume.patient_id}, slice {volume.slice_numbers[0]}", volume.image[0], volume.mask_true[0]))
    draw_slices(slices, out / "plots/pictures/index_slices.png")
    print_index(table, metrics, str(comparison))


if __name__ == "__main__":
    run(main, __doc__)
