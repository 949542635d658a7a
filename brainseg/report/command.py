"""The command `brainseg report`. What takes long to import is imported when it runs."""

import argparse
from pathlib import Path

from brainseg.errors import UserError
from brainseg.terminal import printable

DESCRIPTION = """Make a page that opens from disk in any browser. For the output folder of `brainseg predict`: a page to
check its outlines, one case per screen. For two runs, named as for `brainseg compare`: which patients moved. The report
of a single run is plots/report.html, which the stage visualise writes. Not for diagnosis."""
QUALITY_CONTROL, COMPARISON = "report.html", "comparison.html"
ADVICE = "To show all slices, name the scans as for predict: --scans INPUT. They are found by their content."
NOT_FOUND = "Some cases are not among the scans, or their files have changed since they were outlined."


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="the output folder of brainseg predict; or two runs, A and B")
    add("--scans", type=Path, metavar="INPUT", action="append", default=[], help="what predict read, to show slices")
    add("--verdicts", type=Path, metavar="FILE", help="verdicts that the page exported, CSV or JSON, to start with")
    add("-o", "--out", type=Path, metavar="FILE", help=f"the page (default: {QUALITY_CONTROL} in the output folder, or "
        f"{COMPARISON} here)")  # fmt: skip
    parser.set_defaults(command=report)


def report(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from brainseg.report.predictions import is_predictions

    folders = [path for path in arguments.paths if is_predictions(Path(path))]
    if arguments.out is not None and arguments.out.exists() and not arguments.out.is_file():
        raise UserError(f"--out {printable(str(arguments.out))}: expected the name of a file, found a folder or device")
    if len(arguments.paths) == 1 and folders:
        _check_outlines(arguments)
    elif len(arguments.paths) == 2 and not folders:
        _compare(arguments)
    elif folders:
        raise UserError("Expected: one output folder of brainseg predict, or two runs. Make a page for each folder")
    else:
        raise UserError(
            f"{printable(arguments.paths[0])}: no output of brainseg predict, which has predictions.csv and "
            "report.json. Expected: such a folder, or two runs to compare. The report of a run is plots/report.html: "
            "dvc repro visualise"
        )


def _check_outlines(arguments: argparse.Namespace) -> None:
    from brainseg.report.predictions import read_predictions
    from brainseg.report.provenance import provenance
    from brainseg.report.quality_control import write_quality_control
    from brainseg.report.verdicts import Verdicts, read_verdicts
    from brainseg.scans.recognise import find_cases

    predictions = read_predictions(Path(arguments.paths[0]))
    verdicts = Verdicts(cases={})
    if arguments.verdicts is not None:
        names = {case.name for case in predictions.cases}
        verdicts = read_verdicts(arguments.verdicts, run=predictions.run, cases=names)
    scans = find_cases(arguments.scans) if arguments.scans else []
    path = arguments.out or predictions.folder / QUALITY_CONTROL
    counts = write_quality_control(path, predictions, scans, verdicts, made=provenance())
    print(f"{_size(path)}: {_pictures(counts)}. Not for diagnosis.")
    if counts["slices"] < len(predictions.cases):
        print(NOT_FOUND if scans else ADVICE)
    if arguments.verdicts is not None:
        given = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.counts.items())
        left = len(predictions.cases) - sum(verdicts.counts.values())
        print(f"verdicts: {given}; {left} to do")


def _pictures(counts: dict[str, int]) -> str:
    words = {"slices": "with all slices", "overlays": "with the overlay of predict", "numbers": "with numbers only"}
    return ", ".join(f"{count} case(s) {words[name]}" for name, count in counts.items() if count) or "no case"


def _compare(arguments: argparse.Namespace) -> None:
    from brainseg.evaluation.comparison import compare
    from brainseg.evaluation.runs import read_run
    from brainseg.report.comparison_report import write_comparison
    from brainseg.report.provenance import provenance

    if arguments.scans or arguments.verdicts:
        raise UserError("--scans and --verdicts belong to the output of brainseg predict. Expected: neither, for runs")
    name_a, name_b = arguments.paths
    comparison = compare(read_run(name_a), read_run(name_b))
    path = arguments.out or Path(COMPARISON)
    write_comparison(path, comparison, name_a, name_b, made=provenance())
    print(f"{_size(path)}: {len(comparison.patients)} test patient(s) in both runs")


def _size(path: Path) -> str:
    """The page and its size, as printed."""
    size = path.stat().st_size
    return f"{printable(str(path))} ({f'{size / 1e6:.1f} MB' if size >= 1e6 else f'{size / 1e3:.0f} kB'})"
