"""What all stages share: the command line, and how they fail."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from brainseg.errors import UserError
from brainseg.params import Params, load_params

RESTORE = """\
No half-written file was left. DVC removes a stage's outputs before it runs; the last good ones come back with
  dvc checkout && git restore metrics plots"""


def run(stage: Callable[[Params, argparse.Namespace], None], doc: str | None, *, fold: bool = False) -> None:
    """Run a stage's main function from the command line.

    Args:
        stage: called with the parameters and the arguments; `arguments.out` is the folder that the stage's declared
            files are relative to.
        doc: the script's docstring, shown by --help.
        fold: whether the stage takes --fold, the fold that is the test subset (None without).

    Exits with 1 and one message, without a traceback, on what the user can mend.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder for the outputs (default: here)"
    )
    if fold:
        parser.add_argument("--fold", type=int, default=None, metavar="K", help="fold K is the test subset")
    arguments = parser.parse_args()
    try:
        stage(load_params(), arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # whoever read the printed lines has closed
        sys.exit(1)
    except OSError as error:  # a full disk, a read-only folder, a file that vanished
        sys.exit(f"error: {error}\nMend that, then run dvc repro again. {RESTORE}")
