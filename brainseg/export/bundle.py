"""The bundle: a folder with the model in both forms, its operating point and its card, whose parts are checked.

It imports neither Keras nor pandas, so that `brainseg predict` starts quickly.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, read_json, read_text, sha256_of
from brainseg.terminal import printable
from brainseg.writing import atomic_write

MODEL, EXPORTED, POINT, CARD, METADATA = (
    "unet.keras",
    "unet.onnx",
    "operating_point.json",
    "model_card.md",
    "model.json",
)
PARTS = (MODEL, EXPORTED, POINT, CARD)  # whose digests are in METADATA
FILES = "files"  # key of METADATA: name of a part -> its SHA-256, hexadecimal
RESTORE = "Restore it with `dvc checkout`, or copy the bundle again; `dvc repro --force package` writes it again."


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose parts are all there and unaltered.

    Attributes:
        folder: in which the parts are.
        metadata: content of model.json.
    """

    folder: Path
    metadata: Mapping[str, Any]

    @property
    def keras_model(self) -> Path:
        """The .keras file."""
        return self.folder / MODEL

    @property
    def exported_model(self) -> Path:
        """The ONNX file."""
        return self.folder / EXPORTED

    @property
    def operating_point(self) -> Path:
        """The file with threshold and smallest lesion."""
        return self.folder / POINT

    @property
    def card(self) -> Path:
        """The model card, Markdown."""
        return self.folder / CARD


def is_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle, complete or not."""
    return (folder / METADATA).is_file()


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that every part is there and unaltered.

    Args:
        folder: may contain other files, too.

    Raises:
        UserError: if it is no bundle, or a part is missing or has another digest than model.json says.
    """
    where = printable(str(folder))
    try:
        metadata = read_json(folder / METADATA)
        digests = metadata[FILES]
        expected = {name: str(digests[name]) for name in PARTS}
    except FileNotFoundError:
        listed = ", ".join((*PARTS, METADATA))
        raise UserError(f"{where}: not a bundle, because it has no {METADATA}. Expected: {listed}.") from None
    except (DamagedFileError, NotADirectoryError) as error:
        raise UserError(f"{where}/{METADATA}: not readable ({error}). {RESTORE}") from None
    except (LookupError, TypeError):
        raise UserError(f"{where}/{METADATA}: it has no digests of {', '.join(PARTS)}. {RESTORE}") from None
    for name, digest in expected.items():
        try:
            found = sha256_of(folder / name)
        except FileNotFoundError:
            raise UserError(f"{where}: {name} is missing. {RESTORE}") from None
        except OSError as error:
            raise UserError(f"{where}/{name}: cannot be read ({(error.strerror or str(error)).lower()}).") from None
        if found != digest:
            raise UserError(
                f"{where}/{name}: altered. Expected: SHA-256 {digest[:16]}..., as in {METADATA}; found {found[:16]}... "
                f"{RESTORE}"
            )
    return Bundle(folder=folder, metadata=metadata)


def read_beside(model: Path, name: str) -> Any:
    """Read `CARD`, which is text, or `METADATA`, which is JSON, beside a model that may be no bundle.

    Args:
        model: the folder of the model.
        name: of the file.

    Returns:
        The content; None if there is no such file.

    Raises:
        UserError: if the file is not readable.
    """
    try:
        return read_json(model / name) if name == METADATA else read_text(model / name)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        raise UserError(f"{printable(str(model / name))}: not readable ({error}). Restore it, or remove it.") from None


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write model.json, with the digests of the parts that lie in the folder; equal parts give equal bytes.

    Args:
        folder: has all parts.
        metadata: the rest of the content, JSON.
    """
    content = {**metadata, FILES: {name: sha256_of(folder / name) for name in PARTS}}
    with atomic_write(folder / METADATA) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
