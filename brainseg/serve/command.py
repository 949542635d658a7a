"""The command `brainseg serve`. What takes long to import is imported when it runs."""

import argparse
import ipaddress
import logging
import signal
import socket
import sys
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainseg.errors import UserError
from brainseg.terminal import printable

if TYPE_CHECKING:
    from brainseg.apply.segmenter import Segmenter

DESCRIPTION = """Outline scans that are sent by HTTP: POST /predict takes NIfTI, or a zip archive of DICOM or slices,
and answers with the mask in the same form. docs/serving.md has examples. Nothing is kept. Not for diagnosis."""
INSTALL = "pip install fastapi python-multipart uvicorn"
SHUTDOWN = 60  # seconds in which requests are finished


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this computer only)")
    add("--port", type=int, default=8000, help="0: any that is free (default: %(default)s)")
    add("--model", type=Path, help="as of brainseg predict (default: the model that ships with brainseg)")
    add("--threshold", type=float, help="probability from which a voxel is tumour (default: the model's)")
    add("--no-flip", action="store_true", help="do not average with the flipped scan: twice as fast")
    add("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add("--max-upload", type=int, default=512, metavar="MB", help="largest request (default: %(default)s MB)")
    add(
        "--queue",
        type=int,
        default=16,
        metavar="N",
        help="requests at a time; others are refused (default: %(default)s)",
    )
    parser.set_defaults(command=serve)


def serve(arguments: argparse.Namespace) -> None:
    """Run the command until it is stopped."""
    _check(arguments)
    try:
        import python_multipart  # noqa: F401  # reads forms
        import uvicorn

        from brainseg.serve.app import make_app
    except ModuleNotFoundError as error:
        raise UserError(f"brainseg serve needs the package {error.name}, which is not installed: {INSTALL}") from None
    from brainseg.apply.recorded_flip import recorded_flip
    from brainseg.apply.segmenter import load_segmenter
    from brainseg.serve.uploads import MB, Limits, temporary_folder

    logging.disable(logging.WARNING)  # warnings of libraries quote what they read
    warnings.simplefilter("ignore")
    limits = Limits(upload=arguments.max_upload * MB, requests=arguments.queue)
    with listen(arguments.host, arguments.port) as listener, temporary_folder() as folder:
        flip = False if arguments.no_flip else recorded_flip(arguments.model)
        segmenter = load_segmenter(arguments.model, threshold=arguments.threshold, flip=flip, threads=arguments.threads)
        app = make_app(segmenter, describe(segmenter, arguments.model), folder, limits)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN,
        )
        print(f"{url_of(listener)} is ready. Ctrl-C stops it. Not for diagnosis.", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it has stopped
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        print("stopped")


def _check(arguments: argparse.Namespace) -> None:
    if arguments.threshold is not None and not 0 < arguments.threshold <= 1:
        raise UserError(f"--threshold {arguments.threshold}: expected a number above 0, at most 1")
    for name, least, most in (("port", 0, 65535), ("threads", 1, 1024), ("max_upload", 1, 100_000), ("queue", 1, 1000)):
        value = getattr(arguments, name)
        if not least <= value <= most:
            raise UserError(f"--{name.replace('_', '-')} {value}: expected a whole number from {least} to {most}")


def listen(host: str, port: int) -> socket.socket:
    """Open the socket of the service, before the model is loaded, so that a taken port is known at once.

    Raises:
        UserError: if the address is unknown, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UserError(
            f"--host {printable(host)} --port {port}: cannot be listened on ({reason}). Another service may use the "
            "port: name another with --port, or --port 0 for any that is free."
        ) from None
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        print(
            f"warning: --host {printable(host)}: anyone who reaches it can use the service, and scans are sent without "
            "encryption. Put a server with TLS and passwords in front of it.",
            file=sys.stderr,
        )
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of the service, for a browser on this computer."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def describe(segmenter: "Segmenter", model: Path | None) -> dict[str, Any]:
    """What /metadata tells: version, digest, operating point, and the card and model.json if they lie beside it."""
    from dataclasses import asdict
    from importlib.resources import as_file, files

    from brainseg.export.bundle import CARD, METADATA, read_beside

    with as_file(files("brainseg.released")) as released:
        folder = released if model is None else model if model.is_dir() else model.parent
        card, metadata = read_beside(folder, CARD), read_beside(folder, METADATA)
    return {
        "program": "Brain Segmentation",
        "version": version("brain-segmentation"),
        "model_sha256": segmenter.digest,
        **asdict(segmenter.point),
        "flip": segmenter.flip,
        "card": card,
        "metadata": metadata,
        "intended_use": "research and teaching; not for diagnosis",
    }
