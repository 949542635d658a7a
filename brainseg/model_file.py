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
from brainseg.params import TrainParams
from brainseg.preprocessing import channel_names
from brainseg.runtime import Runtime
from brainseg.tables import replacing

CARD = "brainseg.json"
METADATA = "metadata.json"
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


class ModelCard(BaseModel):
    """How the model wants its input, and how it was made; stored inside the model's file.

    Attributes:
        size: height and width of the input, pixels.
        normalisation: see brainseg.preprocessing.
        neighbours: slices on either side whose FLAIR is part of the input.
        mirror: whether FLAIR mirrored is part of the input.
        channels: the input's, in order.
        backend: Keras backend that trained it.
        threads: CPU threads of one operation while training.
        precision: of the arithmetic while training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    normalisation: Literal["below_scalp", "divide_255"]
    neighbours: int
    mirror: bool
    channels: tuple[str, ...]
    backend: str
    threads: int
    precision: str


def card_of(train: TrainParams, runtime: Runtime) -> ModelCard:
    """The card of a model trained with these parameters, on that."""
    return ModelCard(
        size=train.size,
        normalisation=train.normalisation,
        neighbours=train.neighbours,
        mirror=train.mirror,
        channels=channel_names(train.neighbours, train.mirror),
        backend=train.backend,
        threads=train.threads,
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
    with tempfile.TemporaryDirectory() as folder, replacing(path) as temporary:
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
