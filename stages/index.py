"""Read and check every slice of the data set, list the slices, and show some of them (steps 2 to 6).

Reads:  all images and masks below data.root; those of patients of the published Kaggle set again, to compare pixels
Writes: data/index.csv, metrics/index.json, metrics/index.csv, plots/pictures/index_slices.png
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
from brainseg.dataset.summary import INDEX_METRICS, count_table, index_counts, sample_slices
from brainseg.figures.slices import draw_slices
from brainseg.figures.warning_lines import warning_lines
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
    counts = index_counts(table) | {
        "published_patients": len(comparison.equal),
        "altered_patients": len(comparison.altered),
    }
    write_table(out / "data/index.csv", table)
    write_json(out / "metrics/index.json", {name: counts[name] for name in INDEX_METRICS})
    write_table(out / "metrics/index.csv", count_table(counts))

    shown = sample_slices(table, params.index)
    volumes = (read_volume(shown.loc[[row]], root) for row in shown.index)  # one at a time in memory
    draw_slices(volumes, out / "plots/pictures/index_slices.png", warnings=warning_lines(table["patient_id"]))
    print_index(table, counts, str(comparison))


if __name__ == "__main__":
    run(main, __doc__)
