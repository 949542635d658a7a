"""The command line of a stage, and how it reports errors."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from brainseg.errors import UserError
from brainseg.params import Params, load_params

RESTORE = """\
No half-written file was left. DVC deletes a stage's outputs before it runs; restore the last good ones with
  dvc checkout && git restore metrics plots"""


def run(stage: Callable[[Params, argparse.Namespace], None], doc: str | None, *, fold: bool = False) -> None:
    """Run the main function of a stage from the command line.

    Exits with status 1 and one message, without a traceback, on errors that the user can fix.

    Args:
        stage: called with the parameters and the arguments. `arguments.out` is the folder that the stage's declared
            files are relative to.
        doc: the docstring of the script, shown by --help.
        fold: whether the stage accepts --fold, the number of the fold that is the test subset (None if not given).
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder for the outputs (default: the current folder)"
    )
    if fold:
        parser.add_argument("--fold", type=int, default=None, metavar="K", help="use fold K as the test subset")
    arguments = parser.parse_args()
    try:
        stage(load_params(), arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # the reader of the printed lines has closed the pipe
        sys.exit(1)
    except OSError as error:  # a full disk, a read-only folder, a file that disappeared
        sys.exit(f"error: {error}\nFix the cause, then run dvc repro again. {RESTORE}")
