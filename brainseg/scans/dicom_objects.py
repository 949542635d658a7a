"""What the DICOM objects that this project writes, segmentation and report, have in common."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import DA, TM

from brainseg.errors import UserError
from brainseg.scans.dicom_reading import silent
from brainseg.scans.seg_source import Identity
from brainseg.terminal import printable
from brainseg.writing import atomic_write

# Codes of DICOM PS3.16, context groups 7150 (category) and 7151 (type).
CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = Code("301766008", "SCT", "Lesion of brain")
BRAIN = Code("12738006", "SCT", "Brain")
LABEL = "FLAIR abnormality"
MANUFACTURER, MODEL_NAME = "Brain Segmentation", "brainseg"
MODEL_DIGITS = 16  # of the model's digest, where a field is limited to 64 characters


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """What outlined the tumour.

    Attributes:
        version: of this package.
        model_digest: of the model's file, hexadecimal.
        parameters: such as the threshold, by name; part of the file's identity.
    """

    version: str
    model_digest: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def device_fields(self) -> dict[str, Any]:
        """How highdicom is told what made an object."""
        return {
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": MODEL_NAME,
            "software_versions": self.version,
            "device_serial_number": self.model_digest[:MODEL_DIGITS],
        }


@contextmanager
def making(path: Path, what: str) -> Iterator[None]:
    """Silence highdicom, and say which file it cannot make.

    Raises:
        UserError: if a header of the images breaks DICOM's rules.
    """
    try:
        with silent():
            yield
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{printable(str(path))}: no DICOM {what} could be made for these images ({type(error).__name__})."
        ) from error


def finish(dataset: Dataset, date: str, time: str, identity: Identity) -> None:
    """Replace the time of day, which highdicom writes, and say whether identifiers were replaced.

    Args:
        dataset: changed in place.
        date: YYYYMMDD.
        time: HHMMSS.
        identity: of the object.
    """
    dataset.InstanceCreationDate = dataset.ContentDate = DA(date)
    dataset.InstanceCreationTime = dataset.ContentTime = TM(time)
    for item in dataset.get("ContributingEquipmentSequence", ()):  # highdicom itself
        item.ContributionDateTime = f"{date}{time}"
    if identity.key is not None:
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "identifiers replaced by keyed hashes"


def write_object(dataset: Dataset, path: Path) -> None:
    """Write a DICOM object as a whole.

    Raises:
        OSError: if the file cannot be written.
    """
    content = io.BytesIO()
    with silent():
        dataset.save_as(content)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getvalue())
