"""Saving a model together with its card, which says how to prepare the input; equal weights give equal bytes.

The file is an ordinary .keras archive, which `keras.saving.load_model` reads, with the card as one more member.
"""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Literal

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from brainseg.errors import UserError
from brainseg.files import atomic_write
from brainseg.imaging.preprocessing import channel_names
from brainseg.model.backend import Runtime
from brainseg.params import TrainParams

CARD = "brainseg.json"
METADATA = "metadata.json"
EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

EARLIER_KEYS = {"size", "neighbours", "mirror"}  # of cards that earlier versions wrote
REMEDY = "Train the model again: dvc repro --force train"


class ModelCard(BaseModel):
    """How to prepare the model's input, and how the model was trained; stored in the model's file.

    Attributes:
        input_size: height and width of the input, pixels.
        normalisation: see `brainseg.imaging.preprocessing.fit_normalisation`.
        context_slices: neighbouring slices on either side whose FLAIR is part of the input.
        contralateral_flair: whether the mirrored FLAIR is part of the input.
        channels: names of the input's channels, in order.
        backend: Keras backend of the training.
        threads: CPU threads per operation during training.
        precision: of the arithmetic during training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: int
    normalisation: Literal["brain_zscore", "divide_255"]
    context_slices: int
    contralateral_flair: bool
    channels: tuple[str, ...]
    backend: str
    threads: int
    precision: str


def make_card(params: TrainParams, runtime: Runtime) -> ModelCard:
    """Make the card of a model that was trained with these parameters on this runtime."""
    return ModelCard(
        input_size=params.input_size,
        normalisation=params.normalisation,
        context_slices=params.context_slices,
        contralateral_flair=params.contralateral_flair,
        channels=channel_names(params.context_slices, params.contralateral_flair),
        backend=params.backend,
        threads=params.threads,
        precision=runtime.precision,
    )


def save_model(path: Path, model: keras.Model, card: ModelCard) -> None:
    """Write a model and its card; equal weights give equal bytes.

    Args:
        path: ends in .keras.
        model: saved without optimizer and loss.
        card: stored next to the weights.
    """
    uncompiled = model.__class__.from_config(model.get_config())
    uncompiled.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        raw = Path(folder) / "raw.keras"
        uncompiled.save(raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(temporary, "w") as target:
            members = {name: source.read(name) for name in sorted(source.namelist())}
            metadata: dict[str, Any] = json.loads(members[METADATA])
            del metadata["date_saved"]
            members[METADATA] = json.dumps(metadata).encode()
            members[CARD] = card.model_dump_json(indent=2).encode()
            for name, content in members.items():
                target.writestr(zipfile.ZipInfo(name, EARLIEST_ZIP_DATE), content)


def load_model(path: Path) -> tuple[keras.Model, ModelCard]:
    """Read a model that `save_model` wrote.

    Args:
        path: a .keras file.

    Returns:
        The model, not compiled, and its card.

    Raises:
        UserError: if the file is missing, is not a Keras model, or has no card or that of an earlier version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            card = ModelCard.model_validate_json(archive.read(CARD))
        return keras.saving.load_model(path, compile=False), card
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage train writes it: dvc repro train") from None
    except KeyError:
        raise UserError(f"{path}: a Keras model without {CARD}, so its preprocessing is unknown. {REMEDY}") from None
    except (zipfile.BadZipFile, ValueError) as error:
        raise UserError(f"{path}: {_explain(error)}. {REMEDY}") from None


def _explain(error: Exception) -> str:
    """Say why a file is not accepted; an invalid card raises pydantic's ValidationError, a ValueError."""
    if isinstance(error, ValidationError):
        invalid_keys = {key for fault in error.errors() for key in fault["loc"]}
        if invalid_keys & EARLIER_KEYS:
            return "written by an earlier version of this project, whose card has other keys"
    return f"not a model of this project ({error})"
