"""The operating point: the threshold and the smallest lesion with which a probability map becomes a mask."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainseg.errors import UserError
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.prediction.postprocessing import remove_small_lesions
from brainseg.reading import DamagedFileError, read_json
from brainseg.writing import atomic_write

REMEDY = "Write it again: dvc repro --force --single-item evaluate"


class _Content(BaseModel):
    """What the file of an operating point may contain."""

    model_config = ConfigDict(strict=True, extra="forbid")

    threshold: float = Field(gt=0, le=1)
    smallest_lesion: int = Field(ge=0, lt=2**31)


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """How a probability map becomes a mask.

    Attributes:
        threshold: in (0, 1]; a pixel with at least this probability is tumour.
        smallest_lesion: voxels; connected components with fewer voxels are removed. 0 keeps all.
    """

    threshold: float
    smallest_lesion: int

    def mask_of(self, probability: FloatArray) -> BoolArray:
        """The predicted mask of a volume, shape (S, H, W), bool; `probability` has the same shape, float32."""
        return remove_small_lesions(probability >= self.threshold, self.smallest_lesion)


def write_operating_point(path: Path, point: OperatingPoint) -> None:
    """Write models/operating_point.json; the numbers are not rounded."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(asdict(point), indent=2) + "\n", encoding="utf-8")


def read_operating_point(path: Path) -> OperatingPoint:
    """Read an operating point that `write_operating_point` wrote.

    Raises:
        UserError: if the file is missing or invalid.
    """
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage evaluate writes it: dvc repro evaluate") from None
    except DamagedFileError as error:
        raise UserError(f"{path}: not readable ({error}). {REMEDY}") from None
    try:
        return OperatingPoint(**_Content.model_validate(content).model_dump())
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(map(str, fault["loc"]))
        raise UserError(f"{path}: not an operating point ({name}: {fault['msg']}). {REMEDY}") from None
