"""Whether a model was scored with the average over both sides, as the files of its run say."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from brainseg.errors import UserError
from brainseg.export.bundle import METADATA
from brainseg.params_file import read_parameters
from brainseg.reading import DamagedFileError, read_json

PARAMETERS = "params.yaml"


def recorded_flip(model: Path | None) -> bool | None:
    """Whether to average with the prediction for the flipped slices; None if no file says so.

    Args:
        model: as for `brainseg.apply.segmenter.load_segmenter`. A bundle says it in model.json. A run says it in the
            params.yaml of the project: beside the folder of the model, or three folders further up for a fold of
            cross-validation.
    """
    if model is None or (model.suffix and model.suffix != ".keras"):  # exported files say it themselves
        return None
    folder = (model.parent if model.suffix else model).absolute()
    with suppress(OSError, DamagedFileError):
        return _flag(read_json(folder / METADATA), "operating_point", "flip")
    run = folder.parent
    project = run.parent.parent.parent if run.parent.name == "folds" else run
    for path in (folder / PARAMETERS, project / PARAMETERS):
        if path.is_file():
            with suppress(UserError):
                return _flag(read_parameters(path), "predict", "test_time_flip")
    return None


def _flag(content: Any, section: str, name: str) -> bool | None:
    """A flag of a section; None if the file does not have it."""
    found = content.get(section) if isinstance(content, dict) else None
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, bool) else None
