"""The hyperparameters: params.yaml as frozen, typed objects that refuse what they do not know.

Every stage reads the whole file, so that a mistake in a late section is found before anything trains.
"""

import difflib
import re
from collections.abc import Callable
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

Share = Field(gt=0, lt=1)
POOLINGS = 4  # levels of the U-Net: the input is halved so many times


class Section(BaseModel):
    """A section of params.yaml: frozen, strictly typed, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PhantomParams(Section):
    """The synthetic patients."""

    patients: int = Field(ge=1, le=9999)
    size: int = Field(ge=32, le=1024)
    seed: int = Field(ge=0)


class PatternParams(Section):
    """How file names are read: templates with {patient_id}, {slice_number}, {site} and * (any run of characters)."""

    image: str
    mask: str
    site: str | None

    @model_validator(mode="after")
    def _names_a_slice(self) -> "PatternParams":
        for name in ("image", "mask"):
            for word in ("{patient_id}", "{slice_number}"):
                if word not in getattr(self, name):
                    raise ValueError(f"{name} must contain {word}")
        if self.image == self.mask:
            raise ValueError("image and mask must differ")
        if self.site is not None and "{site}" not in self.site:
            raise ValueError("site must contain {site}, or be null")
        return self


class DataParams(Section):
    """Where the pictures are and how they are named."""

    root: str = Field(min_length=1)
    pattern: PatternParams


class IndexParams(Section):
    """The sneak peek of the data."""

    pictures: int = Field(ge=1, le=20)
    seed: int = Field(ge=0)


class SplitParams(Section):
    """Who trains, who validates, who tests."""

    strategy: Literal["patient", "slice"]
    validation: Literal["own", "test"]
    test_share: float = Field(gt=0, le=0.5)
    validation_share: float = Field(gt=0, le=0.5)
    test_patients: str | None
    folds: list[int] = Field(min_length=2)
    seed: int = Field(ge=0)

    @field_validator("folds")
    @classmethod
    def _folds_are_counted(cls, folds: list[int]) -> list[int]:
        if folds != list(range(len(folds))):
            raise ValueError(f"expected whole numbers from 0 without a gap, [0, 1, ...], found {folds}")
        return folds

    @model_validator(mode="after")
    def _leak_is_asked_for(self) -> "SplitParams":
        if self.validation == "test" and self.strategy != "slice":
            raise ValueError(
                "validation: test chooses the model on the test slices; it is allowed with strategy: slice only"
            )
        if self.strategy == "slice" and self.test_patients is not None:
            raise ValueError("test_patients holds whole patients out; it goes with strategy: patient only")
        return self


class AugmentationParams(Section):
    """Random changes of a training slice and its mask together; each number is the largest change, 0 is off."""

    rotation: float = Field(ge=0, le=180)
    shift: float = Field(ge=0, lt=1)
    shear: float = Field(ge=0, lt=45)
    zoom: float = Field(ge=0, lt=1)
    horizontal_flip: bool
    gain: float = Field(ge=0, lt=1)
    gamma: float = Field(ge=0, le=1)
    noise: float = Field(ge=0, le=1)
    missing_both: float = Field(ge=0, le=1)
    missing_post_contrast: float = Field(ge=0, le=1)
    cyst: float = Field(ge=0, le=1)
    pasted_lesion: float = Field(ge=0, le=1)
    skull_stripping: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _missing_sum(self) -> "AugmentationParams":
        if self.missing_both + self.missing_post_contrast > 1:
            raise ValueError("missing_both and missing_post_contrast must sum to 1 at most")
        return self


class TrainParams(Section):
    """The network and how it learns."""

    seed: int = Field(ge=0)
    ensemble: int = Field(ge=1, le=99)
    input_size: int = Field(ge=16, multiple_of=2**POOLINGS)
    context_slices: int = Field(ge=0, le=5)
    contralateral_flair: bool
    normalisation: Literal["brain_zscore", "divide_255"]
    crop: Literal["head", "none"]
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
    plateau_factor: float = Share
    min_learning_rate: float = Field(ge=0)
    backend: Literal["tensorflow", "jax"]
    device: Literal["any", "gpu"]
    threads: int = Field(ge=1)
    precision: Literal["auto", "float32", "bfloat16"]

    @model_validator(mode="after")
    def _warm_up_ends(self) -> "TrainParams":
        if self.warm_up >= self.epochs:
            raise ValueError(f"warm_up must be below epochs, which is {self.epochs}; found {self.warm_up}")
        return self


class PredictParams(Section):
    """How the model is applied."""

    batch_size: int = Field(ge=1)
    test_time_flip: bool


class EvaluateParams(Section):
    """How probabilities become outlines and scores; validation: chosen on the validation patients."""

    threshold: Annotated[float, Field(gt=0, le=1)] | Literal["validation"]
    smallest_lesion: Annotated[int, Field(ge=0)] | Literal["validation"]

    @field_validator("threshold", "smallest_lesion", mode="wrap")
    @classmethod
    def _one_fault_for_both_forms(cls, value: Any, check: Callable[[Any], Any], info: ValidationInfo) -> Any:
        try:
            return check(value)
        except ValidationError:
            number = "a number above 0 and at most 1" if info.field_name == "threshold" else "a whole number from 0"
            raise ValueError(f"expected {number}, or validation, found {value!r}") from None


class VisualiseParams(Section):
    """The pictures."""

    slices: int = Field(ge=1, le=50)
    seed: int = Field(ge=0)


class Params(Section):
    """All of params.yaml, a section a stage."""

    phantom: PhantomParams
    data: DataParams
    index: IndexParams
    split: SplitParams
    train: TrainParams
    predict: PredictParams
    evaluate: EvaluateParams
    visualise: VisualiseParams

    @model_validator(mode="after")
    def _has_patients_to_choose_on(self) -> "Params":
        if self.split.validation == "test" and "validation" in (self.evaluate.threshold, self.evaluate.smallest_lesion):
            raise ValueError(
                "with split.validation: test there is no validation subset: write numbers, evaluate.threshold: 0.5 and "
                "evaluate.smallest_lesion: 0"
            )
        return self


class _Loader(yaml.SafeLoader):
    """Reads 1e-05 as a number, as YAML 1.2 does and as `dvc exp run -S` writes it; PyYAML alone reads text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Args:
        path: a YAML file, complete.

    Returns:
        The parameters, frozen.

    Raises:
        UserError: if the file is missing, is no YAML, or has an unknown key, a missing key, or a wrong type or range;
            all of its faults in one message.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(
            f"{path}: not found. Run from the project's root, or copy one: cp presets/phantom.yaml {path}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = "\n".join(f"  {_describe(fault)}" for fault in error.errors())
        raise UserError(
            f"{path}: {error.error_count()} fault(s)\n{faults}\n"
            "Each line of presets/phantom.yaml tells its unit and range; `git diff params.yaml` shows what was changed."
        ) from None


def _describe(fault: Any) -> str:
    """One fault of pydantic's, as key: what was expected, what was found."""
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    if fault["type"] == "missing":
        return f"{key}: missing"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), _known_keys(fault["loc"][:-1]), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message}, found {fault['input']!r}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """The keys that the section at `location` knows."""
    section: Any = Params
    for part in location:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
