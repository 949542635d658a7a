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
    compare = commands.add_parser(
        "compare",
        help="compare two runs patient by patient: does the difference mean anything",
        description="Compare two runs on the patients that both scored. A run is a git revision, an experiment of "
        "DVC's, a patients.csv or a folder with metrics/patients.csv, or workspace.",
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
        sys.exit(130)  # 128 + SIGINT, as shells have it


def _download(arguments: argparse.Namespace) -> None:
    from brainseg.dataset.download import PAGE, download

    comparison = download(arguments.folder)
    print(f"{comparison}, every pixel checked -> {arguments.folder}")
    print(f"Its licence is CC BY-NC-SA 4.0; whom to cite: {PAGE}")
    print(f"Use it with data.root: {arguments.folder} in params.yaml, as presets/lgg.yaml has it.")


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
    print(f"{arguments.patients} synthetic patients -> {arguments.folder}; use them with data.root: {arguments.folder}")


def _compare(arguments: argparse.Namespace) -> None:
    from brainseg.evaluation import comparison

    found = comparison.compare(comparison.read_run(arguments.a), comparison.read_run(arguments.b))
    print(f"A: {arguments.a}\nB: {arguments.b}")
    print(f"{len(found.patients)} test patients in both; only in A {found.only_a}, only in B {found.only_b}", end="")
    print(f"; left out, scored on other slices or outlines: {found.other_slices}" if found.other_slices else "")
    print(f"\n{'mean over patients':<24}{'A':>9}{'B':>9}{'B - A':>9}  {'95 % interval':<20}{'left out':>8}  it")
    for name, difference in found.differences.items():
        both = found.patients[[f"{name}_a", f"{name}_b"]].dropna()
        a, b = both.mean()
        interval = f"{difference.ci_low:+.4f} to {difference.ci_high:+.4f}" if difference.count > 1 else "-"
        numbers = f"{a:9.4f}{b:9.4f}{difference.value:+9.4f}" if difference.count else f"{'-':>9}" * 3
        print(f"{name:<24}{numbers}  {interval:<20}{difference.left_out:>8}  {found.verdict(name)}")
    moved = found.moved()
    print(f"\nDice moved most{'' if len(moved) else ': in no patient'}")
    for patient_id, row in moved.iterrows():
        print(f"  {patient_id:<30}{row['dice_a']:7.3f} ->{row['dice_b']:7.3f}  {row['change']:+.3f}")
    print(
        "\nAn interval that includes 0 is no proof that the runs are equal: with few patients it is wide. One score\n"
        "in twenty excludes 0 by chance: decide before you look which one counts. The interval does not hold the\n"
        "luck of a training run: another seed moves scores too. See docs/evaluation.md."
    )
