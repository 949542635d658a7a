"""Which folders `brainseg predict` writes into: never into its input, and over other files only if it is told to."""

from collections.abc import Sequence
from pathlib import Path

from brainseg.apply.records import PART, REPORT, Shard, table_paths
from brainseg.errors import UserError
from brainseg.terminal import printable


def check_out(out: Path, inputs: Sequence[Path], *, shard: Shard | None = None, replace: bool = False) -> None:
    """Refuse a folder whose files would be overwritten, or read as input by the next call.

    Args:
        out: the folder, which need not exist.
        inputs: files and folders that are read.
        shard: if other shards may have written into the folder already.
        replace: whether the user has said what shall become of earlier results.

    Raises:
        UserError: if the folder must not be written to.
    """
    shown = printable(str(out))
    first = next(path for path in (out, *out.absolute().parents) if path.exists() or path.is_symlink())
    if not first.is_dir():
        raise UserError(f"--out {shown}: expected a folder, found a file or a broken link: {printable(str(first))}")
    for path in inputs:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise UserError(f"--out {shown} is inside the input {printable(str(path))}. Name a folder outside it")
        if path.is_file() and path.resolve().parent == out.resolve():
            raise UserError(f"--out {shown} has the input {printable(str(path))} in it. Name another folder")
    if replace or not out.is_dir():
        return
    names = {path.name for path in out.iterdir()}
    if shard is not None:
        own = table_paths(out, shard)[1].name
        if own not in names and REPORT not in names and any(PART.fullmatch(name) for name in names):
            return
        names = {name for name in names if not name.startswith(".")}  # what another shard is just writing
    if names:
        raise UserError(
            f"--out {shown} is not empty. Name a new folder; or --resume keeps what is finished, and --overwrite "
            "replaces it"
        )
