"""Split into training, validation and test (step 7): by patient, or by slice as the notebook has it.

Reads:  data/index.csv, held_out/ if split.test_patients names a list there
Writes: data/split.csv, metrics/split.json
Params: split
"""

import argparse
from pathlib import Path

from brainseg.dataset.splitting import split_counts, split_slices
from brainseg.files import INDEX_COLUMNS, SUBSETS, read_table, write_json, write_table
from brainseg.params import Params
from stages.common import run

LEAK = """\
WARNING: {patients_in_two_subsets} patients have slices in more than one subset. Neighbouring slices of a patient are
near copies, so the test now measures memory as well: expect scores that new patients will not reach. Their names start
with leaky_. For scores that hold for new patients set split.strategy: patient."""


def main(params: Params, arguments: argparse.Namespace) -> None:
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    table = split_slices(index, params.split, arguments.fold)
    counts = split_counts(index, table)
    write_table(arguments.out / "data/split.csv", table)
    write_json(arguments.out / "metrics/split.json", counts)

    for subset in SUBSETS:
        print(
            f"{subset:<10} {counts[f'{subset}_patients']:>4} patients, {counts[f'{subset}_slices']:>5} slices, "
            f"{counts[f'{subset}_slices_with_tumour']:>5} of them with tumour"
        )
    if counts["patients_in_two_subsets"]:
        print(LEAK.format(**counts))
    else:
        print("No patient stands in two subsets. data/split.csv has the list, metrics/split.json the counts.")


if __name__ == "__main__":
    run(main, __doc__, fold=True)
