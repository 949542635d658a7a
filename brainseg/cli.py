"""The command line tool brainseg: commands beside `dvc repro`.

Each command imports what it needs when it runs. With all imports at the top, `brainseg --help` would take three
seconds: two for pandas, OpenCV and SciPy, and one for Kaggle's client.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from brainseg.apply.command import DESCRIPTION, add_predict
from brainseg.environment import reset_environment
from brainseg.errors import UserError
from brainseg.export.command import DESCRIPTION as EXPORT_DESCRIPTION
from brainseg.export.command import add_export
from brainseg.report.command import DESCRIPTION as REPORT_DESCRIPTION
from brainseg.report.command import add_report
from brainseg.serve.command import DESCRIPTION as SERVE_DESCRIPTION
from brainseg.serve.command import add_serve
from brainseg.terminal import printable, protect_streams, stop
from brainseg.view.command import DESCRIPTION as VIEW_DESCRIPTION
from brainseg.view.command import add_view


def main() -> None:
    """Run a command; exit with 1 and a single message on errors that the user can fix."""
    protect_streams()
    reset_environment()
    try:
        arguments = _make_parser().parse_args()
        arguments.command(arguments)
        sys.stdout.flush()
    except UserError as error:
        stop(error)
    except OSError as error:
        stop(_describe(error))
    except KeyboardInterrupt:
        print("\ninterrupted: run the same command again", file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, as in shells


def _describe(error: OSError) -> str:
    """An error of the system, with the file first and without its number."""
    if error.filename is None or error.strerror is None:
        return str(error)
    reason = error.strerror[:1].lower() + error.strerror[1:]
    return f"{os.fsdecode(error.filename)}: {reason}. Check the path, the permissions and the free space"


class _Parser(argparse.ArgumentParser):
    """Escapes the arguments that its messages repeat: they may be names of files."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


class _Version(argparse.Action):
    """Prints version and licence of the installed package."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import metadata

        package = metadata("brain-segmentation")
        licence = package["License-Expression"]
        print(f"brainseg {package['Version']}, licence of the code {licence}, of the weights CC BY-NC-SA 4.0")
        parser.exit()


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="brainseg",
        description="Outline lower-grade gliomas in brain MRI. To run the pipeline itself: dvc repro",
        epilog="Not for diagnosis.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show version and licence")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    outline = commands.add_parser("predict", help="outline the tumour in your scans", description=DESCRIPTION)
    add_predict(outline)
    page = commands.add_parser(
        "report", help="a page to check outlines, or to compare runs", description=REPORT_DESCRIPTION
    )
    add_report(page)
    exported = commands.add_parser("export", help="write the model for other programs", description=EXPORT_DESCRIPTION)
    add_export(exported)
    service = commands.add_parser("serve", help="outline scans that are sent by HTTP", description=SERVE_DESCRIPTION)
    add_serve(service)
    viewer = commands.add_parser("view", help="outline and correct scans in the browser", description=VIEW_DESCRIPTION)
    add_view(viewer)
    check = commands.add_parser(
        "check",
        help="check the parameters, the data folder and the Python of the stages before dvc repro",
        description="Check what can be checked before DVC runs a stage, because DVC deletes the stage's outputs first: "
        "params.yaml, the names of the files below data.root, the list of test patients, and which Python runs the "
        "stages. Run it in the project's root.",
    )
    check.set_defaults(command=_check)
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
    return parser


def _check(_: argparse.Namespace) -> None:
    from brainseg.check import check_project

    for name, finding in check_project().items():
        print(f"{name:<20} {printable(finding)}")
    print("No fault found. Next: dvc repro")


def _download(arguments: argparse.Namespace) -> None:
    from brainseg.dataset.download import download
    from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE

    comparison, folder = printable(str(download(arguments.folder))), printable(str(arguments.folder))
    print(f"{comparison}, every pixel checked -> {folder}")
    print(f"Licence: CC BY-NC-SA 4.0. How to cite it: {KAGGLE_PAGE}")
    print(f"To use it, set data.root: {folder} in params.yaml, as in presets/lgg.yaml.")


def _phantom(arguments: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from brainseg.params import PhantomParams
    from brainseg.phantom.patients import write_phantoms
    from brainseg.writing import name_file

    if arguments.folder.exists():
        raise UserError(f"{arguments.folder}: exists already. Name a new folder, or remove it first")
    try:
        params = PhantomParams(patients=arguments.patients, size=arguments.size, seed=arguments.seed)
    except ValidationError as error:
        faults = "; ".join(f"--{fault['loc'][0]}: {fault['msg']}, found {fault['input']}" for fault in error.errors())
        raise UserError(faults) from None
    with name_file(arguments.folder):
        write_phantoms(arguments.folder, params)
    folder = printable(str(arguments.folder))
    print(f"{arguments.patients} synthetic patients -> {folder}")
    print(f"To use them, set data.root: {folder} in params.yaml.")


def _compare(arguments: argparse.Namespace) -> None:
    from brainseg.evaluation.comparison import compare
    from brainseg.evaluation.console import print_comparison
    from brainseg.evaluation.runs import read_run

    print_comparison(compare(read_run(arguments.a), read_run(arguments.b)), arguments.a, arguments.b)


if __name__ == "__main__":
    main()
