"""Stages of the pipeline: one file, one stage of dvc.yaml, one section of params.yaml.

A stage that is interrupted with Ctrl-C prints one line and ends at once with status 130. That is as safe as a kill,
because files are written as a whole. An exception would be safe as well, but libraries swallow it, turn it into others
and print tracebacks of it, for example while TensorFlow is imported.
"""

import os
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec

from brainseg.environment import reset_environment

SHOW_CURSOR = "\x1b[?25h"  # progress bars hide it
_stderr: list[int] = []
_advice = ["run the same command again, for example dvc repro"]


def set_interruption_advice(text: str) -> None:
    """Set what an interrupted stage advises: the part of its line after "interrupted: "."""
    _advice[:] = [text]


def restore_advice(*, fold: bool) -> str:
    """Say how the outputs come back that DVC has deleted; `fold` is whether they are those of the cross-validation."""
    commands = "dvc --cd cv checkout && git restore cv/metrics" if fold else "dvc checkout && git restore metrics plots"
    return (
        "No half-written file was left. DVC deletes a stage's outputs before it runs; restore the last good ones with\n"
        f"  {commands}"
    )


def require_packages() -> None:
    """Exit with one message if this is a Python without the project's packages."""
    missing = [name for name in ("numpy", "pandas", "pydantic") if find_spec(name) is None]
    if missing or sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        reason = f"has no {', '.join(missing)}" if missing else "is too old"
        sys.exit(
            f"error: {sys.executable} (Python {version}) {reason}. DVC runs every stage with the `python` on the PATH. "
            "Activate the project's environment: source .venv/bin/activate\n"
            f"{restore_advice(fold='--fold' in sys.argv)}"
        )


def exit_when_interrupted() -> None:
    """Let SIGINT end this process, unless it is ignored, as in a job in the background."""
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, _exit):
        with suppress(OSError):
            _stderr.append(os.dup(2))  # brainseg.model.backend hides what is written to 2 while it imports TensorFlow
        signal.signal(signal.SIGINT, _exit)


def _exit(*_: object) -> None:
    with suppress(Exception):
        sys.stdout.flush()
    with suppress(OSError, IndexError):
        above = f"{SHOW_CURSOR}\n" if os.isatty(_stderr[0]) else ""  # below the ^C that a terminal shows
        os.write(_stderr[0], f"{above}interrupted: {_advice[0]}\n".encode())
    os._exit(130)  # 128 + SIGINT, as in shells


if sys.argv[0] == "-m":  # `python -m stages.X` is about to import X, which takes seconds
    exit_when_interrupted()
    require_packages()
    reset_environment()  # NumPy and OpenCV read their variables when they are imported
