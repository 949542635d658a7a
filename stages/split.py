"""Split into training, validation and test (step 7): by patient, or by slice as in the notebook.

Reads:  data/index.csv, held_out/ if split.test_patients names a list there
Writes: data/split.csv, metrics/split.json
Params: split
"""

import argparse
from pathlib import Path

from brainseg.dataset.console import print_split
from brainseg.dataset.splitting import split_counts, split_slices
from brainseg.files import INDEX_COLUMNS, read_table, write_json, write_table
from brainseg.params import Params
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    table = split_slices(index, params.split, arguments.fold)
    counts = split_counts(index, table)
    write_table(arguments.out / "data/split.csv", table)
    write_json(arguments.out / "metrics/split.json", counts)
    print_split(counts)


if __name__ == "__main__":
    run(main, __doc__, fold=True)
