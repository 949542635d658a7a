"""Split into training, validation and test (step 7): by patient, or by slice as in the notebook.

Reads:  data/index.csv, held_out/ if split.test_patients names a list there
Writes: data/split.csv, metrics/split.json, metrics/split.csv
Params: split
"""

import argparse
from pathlib import Path

from brainseg.dataset.console import print_split
from brainseg.dataset.splitting import split_counts, split_slices
from brainseg.dataset.summary import SPLIT_METRICS, subset_table
from brainseg.files import INDEX_COLUMNS, SUBSETS, read_table, write_json, write_table
from brainseg.params import Params
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> str:
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    table = split_slices(index, params.split, arguments.fold)
    counts = split_counts(index, table)
    write_table(arguments.out / "data/split.csv", table)
    write_json(arguments.out / "metrics/split.json", {name: counts[name] for name in SPLIT_METRICS})
    write_table(arguments.out / "metrics/split.csv", subset_table(counts))
    print_split(counts)
    return ", ".join(f"{counts[f'{subset}_patients']} {subset}" for subset in SUBSETS) + " patients"


if __name__ == "__main__":
    run(main, __doc__)
