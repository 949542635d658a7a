"""The command line of a stage, and how it reports errors."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from brainseg.environment import reset_environment
from brainseg.errors import UserError
from brainseg.params import Params, load_params
from brainseg.terminal import printable, protect_streams, stop
from stages import exit_when_interrupted, restore_advice

FOLDS = Path("cv/folds")  # one folder per fold of the cross-validation


def run(stage: Callable[[Params, argparse.Namespace], str | None], doc: str | None) -> None:
    """Run the main function of a stage from the command line.

    Exits with status 1 and one message, without a traceback, on errors that the user can fix. With --fold only one line
    is printed: the number of the fold and what the stage returned.

    Args:
        stage: called with the parameters and the arguments. `arguments.out` is the folder that the stage's declared
            files are relative to; `arguments.fold` is the number of the fold of the cross-validation, or None. Returns
            a summary in a few words, or None.
        doc: the docstring of the script, shown by --help.
    """
    protect_streams()
    exit_when_interrupted()
    reset_environment()
    arguments = _parse_arguments(doc)
    restore = restore_advice(fold=arguments.out.parts[:1] == FOLDS.parts[:1])
    try:
        params = load_params()
        if arguments.fold is None:
            stage(params, arguments)
        else:
            _run_fold(stage, params, arguments)
        sys.stdout.flush()
    except UserError as error:
        stop(f"{error}\n{restore}")
    except OSError as error:  # a full disk, a read-only folder, a file that disappeared
        stop(f"{error}\nFix the cause, then run the same command again. {restore}")


def _parse_arguments(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder for the outputs (default: the current folder)"
    )
    folder.add_argument(
        "--fold", type=int, metavar="K", help=f"fold of the cross-validation: work in {FOLDS}/K and print one line"
    )
    arguments = parser.parse_args()
    if arguments.fold is not None:
        arguments.out = FOLDS / str(arguments.fold)
    return arguments


def _run_fold(
    stage: Callable[[Params, argparse.Namespace], str | None], params: Params, arguments: argparse.Namespace
) -> None:
    """Run a stage of a fold and print one line: 20 folds would print thousands."""
    folds = list(params.split.folds)
    if arguments.fold not in folds:
        listed = ", ".join(map(str, folds))
        raise UserError(f"--fold {arguments.fold}: no such fold; split.folds in params.yaml lists {listed}")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        summary = stage(params, arguments)
    name = Path(sys.argv[0]).stem
    position = f"fold {arguments.fold} ({folds.index(arguments.fold) + 1} of {len(folds)})"
    print(f"{position}, {name}: {printable(summary or 'done')}")
