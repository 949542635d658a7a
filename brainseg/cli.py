"""The command line tool brainseg: commands beside `dvc repro`.

Each command imports what it needs when it runs. With all imports at the top, `brainseg --help` would take three
seconds: two for pandas, OpenCV and SciPy, and one for Kaggle's client.
"""

import argparse
import sys
from pathlib import Path

from brainseg.errors import UserError


def main() -> None:
    """Run a command; exit with 1 and a single message on errors that the user can fix."""
    parser = argparse.ArgumentParser(
        prog="brainseg",
        description="Outline lower-grade gliomas in brain MRI. To run the pipeline itself: dvc repro",
        epilog="Not for diagnosis.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fetch = commands.add_parser("download", help="download and check the Kaggle data set LGG MRI Segmentation")
    fetch.add_argument(
        "folder", type=Path, nargs="?", default=Path("data/kaggle_3m"), help="folder to create (default: %(default)s)"
    )
    fetch.set_defaults(command=_download)
    phantom = commands.add_parser("phantom", help="generate synthetic patients in the layout of the Kaggle set")
    phantom.add_argument("folder", type=Path, help="folder to create")
    phantom.add_argument("--patients", type=int, default=24, help="number of patients (default: %(default)s)")
    phantom.add_argument("--size", type=int, default=128, help="height and width, pixels (default: %(default)s)")
    phantom.add_argument("--seed", type=int, default=7, help="seed of the random numbers (default: %(default)s)")
    phantom.set_defaults(command=_phantom)
    compare = commands.add_parser(
        "compare",
        help="compare two runs patient by patient, with confidence intervals of the differences",
        description="Compare two runs on the patients that both scored. A run is a git revision, a DVC experiment, a "
        "patients.csv, a folder with metrics/patients.csv, or workspace.",
    )
    compare.add_argument("a", metavar="A", help="the first run, such as HEAD")
    compare.add_argument("b", metavar="B", nargs="?", default="workspace", help="the second run (default: %(default)s)")
    compare.set_defaults(command=_compare)
    arguments = parser.parse_args()
    try:
        arguments.command(arguments)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as in shells


def _download(arguments: argparse.Namespace) -> None:
    from brainseg.dataset.download import download
    from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE

    comparison = download(arguments.folder)
    print(f"{comparison}, every pixel checked -> {arguments.folder}")
    print(f"Licence: CC BY-NC-SA 4.0. How to cite it: {KAGGLE_PAGE}")
    print(f"To use it, set data.root: {arguments.folder} in params.yaml, as in presets/lgg.yaml.")


def _phantom(arguments: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from brainseg.params import PhantomParams
    from brainseg.phantom.patients import write_phantoms

    if arguments.folder.exists():
        raise UserError(f"{arguments.folder}: exists already. Name a new folder, or remove it first")
    try:
        params = PhantomParams(patients=arguments.patients, size=arguments.size, seed=arguments.seed)
    except ValidationError as error:
        faults = "; ".join(f"--{fault['loc'][0]}: {fault['msg']}, found {fault['input']}" for fault in error.errors())
        raise UserError(faults) from None
    write_phantoms(arguments.folder, params)
    print(f"{arguments.patients} synthetic patients -> {arguments.folder}")
    print(f"To use them, set data.root: {arguments.folder} in params.yaml.")


def _compare(arguments: argparse.Namespace) -> None:
    from brainseg.evaluation.comparison import compare, read_run
    from brainseg.evaluation.console import print_comparison

    print_comparison(compare(read_run(arguments.a), read_run(arguments.b)), arguments.a, arguments.b)
