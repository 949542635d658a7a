"""models/unet.keras: the model and what must be known to apply it, in a file whose bytes repeat.

It stays an ordinary .keras file, which `keras.saving.load_model` reads; one member is added to the archive.
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
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


class ModelCard(BaseModel):
    """How the model wants its input, and how it was made; stored inside the model's file.

    Attributes:
        input_size: height and width of the input, pixels.
        normalisation: see brainseg.imaging.preprocessing.
        crop: see brainseg.imaging.preprocessing.
        context_slices: slices on either side whose FLAIR is part of the input.
        contralateral_flair: whether FLAIR mirrored is part of the input.
        channels: the input's, in order.
        backend: Keras backend that trained it.
        threads: CPU threads of one operation while training.
        precision: of the arithmetic while training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: int
    normalisation: Literal["brain_zscore", "divide_255"]
    crop: Literal["head", "none"]
    context_slices: int
    contralateral_flair: bool
    channels: tuple[str, ...]
    backend: str
    threads: int
    precision: str


def make_card(params: TrainParams, runtime: Runtime) -> ModelCard:
    """The card of a model trained with these parameters, on that."""
    return ModelCard(
        input_size=params.input_size,
        normalisation=params.normalisation,
        crop=params.crop,
        context_slices=params.context_slices,
        contralateral_flair=params.contralateral_flair,
        channels=channel_names(params.context_slices, params.contralateral_flair),
        backend=params.backend,
        threads=params.threads,
        precision=runtime.precision,
    )


def save_model(path: Path, model: keras.Model, card: ModelCard) -> None:
    """Write model and card; the same weights give the same bytes.

    Args:
        path: ends in .keras.
        model: what is needed to train on, optimizer and loss, is left out.
        card: stored beside the weights.
    """
    weights_only = model.__class__.from_config(model.get_config())  # as built, not compiled
    weights_only.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        raw = Path(folder) / "raw.keras"
        weights_only.save(raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(temporary, "w") as target:
            members = {name: source.read(name) for name in sorted(source.namelist())}
            metadata: dict[str, Any] = json.loads(members[METADATA])
            del metadata["date_saved"]
            members[METADATA] = json.dumps(metadata).encode()
            members[CARD] = card.model_dump_json(indent=2).encode()
            for name, content in members.items():
                target.writestr(zipfile.ZipInfo(name, EPOCH_OF_ZIP), content)


def load_model(path: Path) -> tuple[keras.Model, ModelCard]:
    """Read what `save_model` wrote.

    Args:
        path: a .keras file.

    Returns:
        The model, not compiled, and its card.

    Raises:
        UserError: if the file is missing, is no such archive, or has no card.
    """
    again = "Train it again: dvc repro --force train"
    try:
        with zipfile.ZipFile(path) as archive:
            card = ModelCard.model_validate_json(archive.read(CARD))
        return keras.saving.load_model(path, compile=False), card
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage train writes it: dvc repro train") from None
    except KeyError:
        raise UserError(f"{path}: a Keras model without {CARD}, so its preprocessing is not known. {again}") from None
    except (zipfile.BadZipFile, ValidationError, ValueError) as error:
        raise UserError(f"{path}: not a model of this project ({error}). {again}") from None
