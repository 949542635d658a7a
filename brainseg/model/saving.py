"""Saving a model together with its card, which says how to prepare the input; equal weights give equal bytes.

The file is an ordinary .keras archive, which `keras.saving.load_model` reads, with the card as one more member.
"""

import json
import math
import tempfile
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brainseg.errors import UserError
from brainseg.imaging.preprocessing import channel_names
from brainseg.model.backend import Runtime
from brainseg.params import DOWNSAMPLING_STEPS, TrainParams
from brainseg.writing import atomic_write, name_file

CARD = "brainseg.json"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"  # Keras' members of the file
EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
LARGEST_RATIO = 4  # of what the members declare to the size of the file; compressed weights reach 2

EARLIER_KEYS = {"size", "neighbours", "mirror"}  # of cards that earlier versions wrote
MAX_INPUT_SIZE = 2**14  # pixels
MAX_CONTEXT_SLICES = 99
TRAIN = "Train the model again: dvc repro --force --single-item train"
RESTORE = "Restore it from DVC's cache, dvc checkout --force, or train again: dvc repro --force --single-item train"


class ModelCard(BaseModel):
    """How to prepare the model's input, and how the model was trained; stored in the model's file.

    Attributes:
        input_size: height and width of the input, pixels.
        normalisation: see `brainseg.imaging.preprocessing.fit_preprocessing`.
        crop: see `brainseg.imaging.preprocessing.fit_preprocessing`.
        context_slices: neighbouring slices on either side whose FLAIR is part of the input.
        contralateral_flair: whether the mirrored FLAIR is part of the input.
        channels: names of the input's channels, in order.
        backend: Keras backend of the training.
        threads: CPU threads per operation during training.
        precision: of the arithmetic during training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: int = Field(gt=0, le=MAX_INPUT_SIZE, multiple_of=2**DOWNSAMPLING_STEPS)
    normalisation: Literal["brain_zscore", "divide_255"]
    crop: Literal["head", "none"]
    context_slices: int = Field(ge=0, le=MAX_CONTEXT_SLICES)
    contralateral_flair: bool
    channels: tuple[str, ...]
    backend: Literal["tensorflow", "jax"]
    threads: int = Field(gt=0)
    precision: Literal["float32", "bfloat16"]

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        expected = channel_names(self.context_slices, self.contralateral_flair)
        if self.channels != expected:
            raise ValueError(f"channels: expected {', '.join(expected)}")
        return self


def make_card(params: TrainParams, runtime: Runtime) -> ModelCard:
    """Make the card of a model that was trained with these parameters on this runtime."""
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


def save_model(path: Path, model: keras.Model, card: ModelCard, *, compress: bool = False) -> None:
    """Write a model and its card; equal weights give equal bytes.

    Args:
        path: ends in .keras.
        model: saved without optimizer and loss.
        card: stored next to the weights.
        compress: whether to compress the weights; it halves those that are rounded to half precision, and no others.
    """
    uncompiled = model.__class__.from_config(model.get_config())
    uncompiled.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        raw = Path(folder) / "raw.keras"
        with name_file(raw):
            uncompiled.save(raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(temporary, "w") as target:
            members = {name: source.read(name) for name in sorted(source.namelist())}
            metadata: dict[str, Any] = json.loads(members[METADATA])
            del metadata["date_saved"]
            members[METADATA] = json.dumps(metadata).encode()
            members[CARD] = card.model_dump_json(indent=2).encode()
            for name, content in members.items():
                method = zipfile.ZIP_DEFLATED if compress and name == WEIGHTS else zipfile.ZIP_STORED
                target.writestr(zipfile.ZipInfo(name, EARLIEST_ZIP_DATE), content, method)


def load_model(path: Path) -> tuple[keras.Model, ModelCard]:
    """Read a model that `save_model` wrote. Nothing in the file is executed.

    Args:
        path: a .keras file.

    Returns:
        The model, not compiled, and its card.

    Raises:
        UserError: if the file is missing, is damaged, is not a Keras model, has no card or that of an earlier version,
            or if its network does not fit its card.
    """
    try:
        if path.exists() and not path.is_file():  # opening a named pipe would block
            raise ValueError("not a regular file")
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.stat().st_size)
            card = ModelCard.model_validate_json(archive.read(CARD))
            _check_network(archive, card)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns of layers that keep random weights
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        if not all(np.isfinite(weight).all() for weight in model.get_weights()):
            raise ValueError("some of its weights are NaN or infinite")
    except FileNotFoundError:
        raise UserError(f"{path}: not found. The stage train writes it: dvc repro train") from None
    except ValidationError as error:
        invalid_keys = {key for fault in error.errors() for key in fault["loc"]}
        if invalid_keys & EARLIER_KEYS:
            reason = "written by an earlier version of this project, whose card has other keys"
            raise UserError(f"{path}: {reason}. {TRAIN}") from None
        raise UserError(f"{path}: not a model of this project ({_first_fault(error)}). {RESTORE}") from None
    except UserError:
        raise
    except Exception as error:  # zipfile, h5py and Keras raise any class for a damaged file
        innermost = str(error).rpartition("Exception encountered:")[2]
        reason = " ".join(innermost.split())[:200] or type(error).__name__
        raise UserError(f"{path}: not a model of this project ({reason}). {RESTORE}") from None
    return model, card


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive without a card, and one that would take far more memory than its size, bytes."""
    if CARD not in archive.namelist() and CONFIG in archive.namelist():
        raise UserError(f"{archive.filename}: a Keras model without {CARD}, so its preprocessing is unknown. {TRAIN}")
    declared = sum(member.file_size for member in archive.infolist())
    if declared > LARGEST_RATIO * size:
        raise ValueError(f"its members declare {declared} bytes, more than a file of {size} bytes can hold")


def _check_network(archive: zipfile.ZipFile, card: ModelCard) -> None:
    """Refuse a network that does not fit the card, or that has more weights than the file.

    The network is built without values of its weights, so that a damaged number in its configuration takes no memory.
    """
    config = json.loads(archive.read(CONFIG))
    config["compile_config"] = None

    def build() -> keras.Model:
        with keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(config, safe_mode=True)

    # Keras lists variables without values for each thread, and gives them values later. This thread has no later.
    with ThreadPoolExecutor(1) as thread:
        network = thread.submit(build).result()
    size, channels = card.input_size, len(card.channels)
    shapes = (network.input_shape, network.output_shape)
    if shapes != ((None, size, size, channels), (None, size, size, 1)):
        raise ValueError(f"its network maps {shapes[0]} to {shapes[1]}, which does not fit its card")
    expected = sum(math.prod(weight.shape) * np.dtype(weight.dtype).itemsize for weight in network.weights)
    if expected > archive.getinfo(WEIGHTS).file_size:
        raise ValueError(f"its network has {expected} bytes of weights, the file fewer")


def _first_fault(error: ValidationError) -> str:
    """The first fault of an invalid card."""
    fault = error.errors()[0]
    return f"{CARD}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
