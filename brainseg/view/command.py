"""The command `brainseg view`. What takes long to import is imported when it runs."""

import argparse
import signal
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

from brainseg.errors import UserError
from brainseg.terminal import printable

DESCRIPTION = """Open the page that outlines scans in the browser: drop a scan, see the outline, correct it, keep it.
Nothing leaves this computer. With --predictions, look through what brainseg predict wrote and keep a verdict on each
outline. docs/viewer.md has more. Not for diagnosis."""
PORT = 8642  # the same each time, so that the browser finds what it kept


def add_view(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("inputs", metavar="FILE", type=Path, nargs="*", help="files or folders to open, of one patient or several")
    add("--predictions", type=Path, metavar="OUT", help="output of brainseg predict on FILEs, to look through")
    add("--model", type=Path, metavar="FOLDER", help="a bundle with unet.onnx (default: the model that ships)")
    add("--port", type=int, default=PORT, help="another one is taken if it is not free (default: %(default)s)")
    add("--no-open", action="store_true", help="do not open the browser")
    parser.set_defaults(command=view)


def view(arguments: argparse.Namespace) -> None:
    """Run the command until it is stopped."""
    from brainseg.view.pages import find_pages
    from brainseg.view.server import serve_pages
    from brainseg.view.session import Session, named_files
    from brainseg.view.verdicts import Review, find_patients

    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: expected a whole number from 0 to 65535")
    if arguments.predictions is not None and not arguments.inputs:
        raise UserError(
            "--predictions needs the scans as well: masks alone show no image. Expected: "
            f"brainseg view SCANS --predictions {printable(str(arguments.predictions))}"
        )
    pages = find_pages(arguments.model)
    if arguments.predictions is None:
        session = Session(files=named_files(arguments.inputs))
    else:
        session = Session(review=Review(find_patients(arguments.predictions, arguments.inputs)))
    server = serve_pages(pages, session, arguments.port)
    print(f"{server.address} is ready. Ctrl-C stops it. Not for diagnosis.", flush=True)
    if server.port != arguments.port and arguments.port:
        print(f"Port {arguments.port} is taken; {server.port} is used.", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if not arguments.no_open:
        webbrowser.open(server.address)
    with suppress(KeyboardInterrupt):
        server.run()
    print("stopped")
