"""The parameters of the pipeline: params.yaml, read into frozen and typed objects.

Unknown keys, missing keys, wrong types and values out of range are refused. Every stage reads and checks the whole
file, so a mistake in a late section is found before anything trains.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from brainseg.errors import UserError

DOWNSAMPLING_STEPS = 4  # how often the U-Net halves its input, which fixes the multiple that train.input_size must be

# Names that parameter files used before, so that an old file gets a message with the new name.
RENAMED_KEYS = {
    "train.size": "train.input_size",
    "train.neighbours": "train.context_slices",
    "train.mirror": "train.contralateral_flair",
    "predict.flips": "predict.test_time_flip",
}
RENAMED_VALUES = {
    ("train.loss", "both"): "bce_dice",
    ("train.normalisation", "below_scalp"): "brain_zscore",
}


class Section(BaseModel):
    """A section of params.yaml. It is frozen and strictly typed, and it refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PhantomParams(Section):
    """The synthetic patients that the project can make."""

    patients: int = Field(ge=1, le=9999)
    size: int = Field(ge=32, le=1024)
    seed: int = Field(ge=0)


class PatternParams(Section):
    """Templates for file names, with {patient_id}, {slice_number}, {site} and * (any run of characters)."""

    image: str
    mask: str
    site: str | None

    @model_validator(mode="after")
    def _check_placeholders(self) -> "PatternParams":
        for name in ("image", "mask"):
            for placeholder in ("{patient_id}", "{slice_number}"):
                if placeholder not in getattr(self, name):
                    raise ValueError(f"{name} must contain {placeholder}")
        if self.image == self.mask:
            raise ValueError("image and mask must differ")
        if self.site is not None and "{site}" not in self.site:
            raise ValueError("site must contain {site}, or be null")
        return self


class DataParams(Section):
    """Where the images and masks are, and how their files are named."""

    root: str = Field(min_length=1)
    pattern: PatternParams


class IndexParams(Section):
    """The figure that shows a few slices of the data set."""

    pictures: int = Field(ge=1, le=20)
    seed: int = Field(ge=0)


class SplitParams(Section):
    """How patients are divided into training, validation and test."""

    strategy: Literal["patient", "slice"]
    validation: Literal["own", "test"]
    test_share: float = Field(gt=0, le=0.5)
    validation_share: float = Field(gt=0, le=0.5)
    test_patients: str | None
    folds: list[int] = Field(min_length=2)
    seed: int = Field(ge=0)

    @field_validator("folds")
    @classmethod
    def _check_folds(cls, folds: list[int]) -> list[int]:
        if folds != list(range(len(folds))):
            raise ValueError(f"expected whole numbers from 0 without a gap, [0, 1, ...], found {folds}")
        return folds

    @model_validator(mode="after")
    def _check_strategy(self) -> "SplitParams":
        if self.validation == "test" and self.strategy != "slice":
            raise ValueError(
                "validation: test chooses the model on the test slices; it is allowed only with strategy: slice"
            )
        if self.strategy == "slice" and self.test_patients is not None:
            raise ValueError("test_patients holds out whole patients; it is allowed only with strategy: patient")
        return self


class AugmentationParams(Section):
    """Random changes applied to a training slice and its mask together. Each number is the largest change; 0 is off."""

    rotation: float = Field(ge=0, le=180)
    shift: float = Field(ge=0, lt=1)
    shear: float = Field(ge=0, lt=45)
    zoom: float = Field(ge=0, lt=1)
    horizontal_flip: bool
    gain: float = Field(ge=0, lt=1)
    gamma: float = Field(ge=0, le=1)
    noise: float = Field(ge=0, le=1)
    missing_sequence: float = Field(ge=0, le=1)


class TrainParams(Section):
    """The network and its training."""

    seed: int = Field(ge=0)
    ensemble: int = Field(ge=1, le=99)
    input_size: int = Field(ge=16, multiple_of=2**DOWNSAMPLING_STEPS)
    context_slices: int = Field(ge=0, le=5)
    contralateral_flair: bool
    normalisation: Literal["brain_zscore", "divide_255"]
    sampling: Literal["every_slice", "balanced"]
    augmentation: AugmentationParams
    block: Literal["plain", "residual"]
    filters: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    loss: Literal["binary_cross_entropy", "soft_dice", "bce_dice"]
    deep_supervision: bool
    schedule: Literal["plateau", "cosine"]
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    warm_up: int = Field(ge=0)
    early_stopping_patience: int = Field(ge=1)
    plateau_patience: int = Field(ge=1)
    plateau_factor: float = Field(gt=0, lt=1)
    min_learning_rate: float = Field(ge=0)
    backend: Literal["tensorflow", "jax"]
    device: Literal["any", "gpu"]
    threads: int = Field(ge=1)
    precision: Literal["auto", "float32", "bfloat16"]

    @model_validator(mode="after")
    def _check_warm_up(self) -> "TrainParams":
        if self.warm_up >= self.epochs:
            raise ValueError(f"warm_up must be below epochs, which is {self.epochs}; found {self.warm_up}")
        return self


class PredictParams(Section):
    """How the trained model is applied to slices."""

    batch_size: int = Field(ge=1)
    test_time_flip: bool


class EvaluateParams(Section):
    """How probabilities become masks. `validation` means that the value is chosen on the validation patients."""

    threshold: Annotated[float, Field(gt=0, le=1)] | Literal["validation"]
    smallest_lesion: Annotated[int, Field(ge=0)] | Literal["validation"]

    @field_validator("threshold", "smallest_lesion", mode="wrap")
    @classmethod
    def _describe_both_forms(cls, value: Any, check: Callable[[Any], Any], info: ValidationInfo) -> Any:
        """Report one fault; pydantic reports one for the number and another for the word."""
        try:
            return check(value)
        except ValidationError:
            number = "a number above 0 and at most 1" if info.field_name == "threshold" else "a whole number from 0"
            raise ValueError(f"expected {number}, or validation, found {value!r}") from None


class VisualiseParams(Section):
    """The figures of predictions."""

    slices: int = Field(ge=1, le=50)
    seed: int = Field(ge=0)


class Params(Section):
    """The whole of params.yaml: the data set, and one section per stage."""

    phantom: PhantomParams
    data: DataParams
    index: IndexParams
    split: SplitParams
    train: TrainParams
    predict: PredictParams
    evaluate: EvaluateParams
    visualise: VisualiseParams

    @model_validator(mode="after")
    def _check_validation_patients(self) -> "Params":
        if self.split.validation == "test" and "validation" in (self.evaluate.threshold, self.evaluate.smallest_lesion):
            raise ValueError(
                "split.validation: test leaves no validation patients to choose on; set numbers instead: "
                "evaluate.threshold: 0.5 and evaluate.smallest_lesion: 0"
            )
        return self


class _Loader(yaml.SafeLoader):
    """A YAML loader that reads 1e-05 as a number, as YAML 1.2 does.

    `dvc exp run -S` writes numbers in this form; PyYAML alone reads them as text.
    """


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Args:
        path: a complete YAML file.

    Returns:
        The parameters, frozen.

    Raises:
        UserError: if the file is missing, is not YAML, or has an unknown key, a missing key, a wrong type or a value
            out of range. One message lists every fault.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(
            f"{path}: not found. Run from the project's root, or copy a preset: cp presets/phantom.yaml {path}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = _describe_all(error.errors())
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise UserError(
            f"{path}: {len(faults)} fault(s)\n{lines}\n"
            "presets/phantom.yaml explains every parameter with its unit and range; `git diff params.yaml` shows what "
            "was changed."
        ) from None


def _describe_all(faults: Sequence[Any]) -> list[str]:
    """Describe pydantic's faults, one line each; a renamed key is reported once, not as unknown and missing."""
    renamed = {RENAMED_KEYS.get(_key(fault)) for fault in faults if fault["type"] == "extra_forbidden"}
    return [_describe(fault) for fault in faults if fault["type"] != "missing" or _key(fault) not in renamed]


def _key(fault: Any) -> str:
    """The dotted name of the parameter that a fault is about."""
    return ".".join(str(part) for part in fault["loc"]) or "the file"


def _describe(fault: Any) -> str:
    """Describe one of pydantic's faults: the parameter, what was expected, and what was found."""
    key = _key(fault)
    if fault["type"] == "missing":
        return f"{key}: missing"
    if fault["type"] == "extra_forbidden":
        if key in RENAMED_KEYS:
            return f"{key}: renamed to {RENAMED_KEYS[key]}"
        near = difflib.get_close_matches(str(fault["loc"][-1]), _known_keys(fault["loc"][:-1]), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if new_value := RENAMED_VALUES.get((key, str(fault["input"]))):
        return f"{key}: `{fault['input']}` was renamed to `{new_value}`"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message}, found {fault['input']!r}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """The keys of the section at `location`."""
    section: Any = Params
    for part in location:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
