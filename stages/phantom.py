"""Make the synthetic patients that the default parameters train on.

Reads:  nothing.
Writes: data/phantom/ (a folder per patient and data.csv, as in the Kaggle set).
Params: phantom.
"""

import argparse

from brainseg.params import Params
from brainseg.phantom.patients import write_phantoms
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    root = arguments.out / "data" / "phantom"
    write_phantoms(root, params.phantom)
    slices = sum(1 for _ in root.glob("*/*_mask.tif"))
    size = params.phantom.size
    print(f"{params.phantom.patients} synthetic patients, {slices} slices of {size} x {size}, in {root}")
    print("Next: the stage index reads them where data.root in params.yaml names this folder.")


if __name__ == "__main__":
    run(main, __doc__)
