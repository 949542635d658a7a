"""Generate the synthetic patients that the default parameters train on.

Reads:  nothing
Writes: data/phantom/, one folder per patient and data.csv, as in the Kaggle set
Params: phantom
"""

import argparse

from brainseg.params import Params
from brainseg.phantom.patients import write_phantoms
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    root = arguments.out / "data/phantom"
    write_phantoms(root, params.phantom)
    slices = sum(1 for _ in root.glob("*/*_mask.tif"))
    size = params.phantom.size
    print(f"{params.phantom.patients} synthetic patients, {slices} slices of {size} x {size} pixels, in {root}")
    print("The stage index reads them if data.root in params.yaml is that folder.")


if __name__ == "__main__":
    run(main, __doc__)
