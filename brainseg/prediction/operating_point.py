"""The operating point: the threshold and the smallest lesion with which a probability map becomes a mask."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from brainseg.errors import UserError
from brainseg.files import atomic_write
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.prediction.postprocessing import remove_small_lesions


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
        content = json.loads(path.read_text(encoding="utf-8"))
        point = OperatingPoint(**content)
        if not (0 < point.threshold <= 1 and isinstance(point.smallest_lesion, int) and point.smallest_lesion >= 0):
            raise ValueError(f"{content} is not an operating point")
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage evaluate writes it: dvc repro evaluate") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not readable ({error}). Write it again: dvc repro --force evaluate") from None
    return point
