"""The command brainseg: what the project offers beside `dvc repro`.

Each command imports what it needs when it runs: `brainseg --help` would take two seconds with pandas, OpenCV and SciPy,
and another for Kaggle's client.
"""

import argparse
import sys
from pathlib import Path

from brainseg.errors import UserError


def main() -> None:
    """Run the command line; exits with 1 and one message on what the user can mend."""
    parser = argparse.ArgumentParser(
        prog="brainseg",
        description="Outlines lower-grade gliomas in brain MRI. The pipeline itself is run with: dvc repro",
        epilog="Not for diagnosis.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fetch = commands.add_parser("download", help="download the Kaggle set LGG MRI Segmentation and check it")
    fetch.add_argument(
        "folder", type=Path, nargs="?", default=Path("data/kaggle_3m"), help="new folder for it (default: %(default)s)"
    )
    fetch.set_defaults(command=_download)
    phantom = commands.add_parser("phantom", help="write synthetic patients in the Kaggle layout")
    phantom.add_argument("folder", type=Path, help="new folder for them")
    phantom.add_argument("--patients", type=int, default=24, help="how many (default: %(default)s)")
    phantom.add_argument("--size", type=int, default=128, help="pixels, height and width (default: %(default)s)")
    phantom.add_argument("--seed", type=int, default=7, help="other seed, other patients (default: %(default)s)")
    phantom.set_defaults(command=_phantom)
    arguments = parser.parse_args()
    try:
        arguments.command(arguments)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells have it


def _download(arguments: argparse.Namespace) -> None:
    from brainseg.download import PAGE, download

    comparison = download(arguments.folder)
    print(f"{comparison}, every pixel checked -> {arguments.folder}")
    print(f"Its licence is CC BY-NC-SA 4.0; whom to cite: {PAGE}")
    print(f"Use it with data.root: {arguments.folder} in params.yaml, as presets/lgg.yaml has it.")


def _phantom(arguments: argparse.Namespace) -> None:
    from brainseg.params import PhantomParams
    from brainseg.phantom import write_phantoms

    if arguments.folder.exists():
        raise UserError(f"{arguments.folder}: exists already. Name a new folder, or remove it first")
    write_phantoms(
        arguments.folder, PhantomParams(patients=arguments.patients, size=arguments.size, seed=arguments.seed)
    )
    print(f"{arguments.patients} synthetic patients -> {arguments.folder}; use them with data.root: {arguments.folder}")
