"""The files of the page, and the network beside it."""

from importlib.resources import files
from pathlib import Path

from brainseg.errors import UserError
from brainseg.terminal import printable

MODEL_FILES = ("unet.onnx", "model.json", "operating_point.json")


def find_pages(model: Path | None = None) -> dict[str, Path]:
    """Find what the server may send, by its address: the built page, and the network below model/.

    Args:
        model: folder of a bundle; None: the model that ships with brainseg.

    Raises:
        UserError: if the page was not built, or the folder has no exported network.
    """
    root = Path(str(files("brainseg.view"))) / "page"
    if not (root / "index.html").is_file():
        raise UserError(
            "The page is not built. Expected: a wheel of brainseg, or make viewer in a clone (needs Node 20)"
        )
    pages = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    folder = model_folder(model)
    return pages | {f"model/{name}": folder / name for name in MODEL_FILES}


def model_folder(model: Path | None = None) -> Path:
    """The folder of the network that the page runs.

    Args:
        model: folder of a bundle; None: the model that ships with brainseg.

    Raises:
        UserError: if it has no exported network.
    """
    folder = Path(str(files("brainseg.released"))) if model is None else model
    if missing := [name for name in MODEL_FILES if not (folder / name).is_file()]:
        where = "the model that ships" if model is None else f"--model {printable(str(model))}"
        raise UserError(f"{where}: {', '.join(missing)} not found. Expected: a bundle, as dvc repro package writes it")
    return folder
