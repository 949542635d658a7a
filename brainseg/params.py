"""The parameters of the pipeline: params.yaml, read into frozen and typed objects.

Unknown keys, missing keys, wrong types and values out of range are refused. Every stage reads and checks the whole
file, so a mistake in a late section is found before anything trains.

Largest values refuse what cannot be meant, such as a number with three zeros too many, before memory and hours are
spent on it. Each has its reason, which docs/parameters.md lists.
"""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from brainseg.errors import UserError
from brainseg.params_file import describe_faults, read_parameters, shown

DOWNSAMPLING_STEPS = 4  # how often the U-Net halves its input, which fixes the multiple that train.input_size must be
MAX_SEED = 2**32 - 1


def _check_path(text: str) -> str:
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise ValueError(f"expected text without control characters, found {shown(text)}")
    return text


Seed = Annotated[int, Field(ge=0, le=MAX_SEED, description="scikit-learn and Keras take seeds of 32 bits")]
BatchSize = Annotated[int, Field(ge=1, le=1024, description="a batch is in memory as a whole")]
Epochs = Annotated[int, Field(ge=1, le=10_000, description="the presets have at most 60")]
PathText = Annotated[
    str,
    Field(min_length=1, max_length=1000, description="file systems allow 1,024 to 4,096 bytes in a path"),
    AfterValidator(_check_path),
]


class Section(BaseModel):
    """A section of params.yaml. It is frozen and strictly typed, and it refuses unknown keys, infinity and NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PhantomParams(Section):
    """The synthetic patients that the project can make."""

    patients: int = Field(ge=1, le=9999, description="the number in a patient_id has four digits")
    size: int = Field(ge=32, le=512, description="two patients are made at a time: 1.2 GB at 256, 4.0 GB at 512")
    seed: Seed


class PatternParams(Section):
    """Templates for file names, with {patient_id}, {slice_number}, {site} and * (any run of characters)."""

    image: PathText
    mask: PathText
    site: PathText | None

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

    root: PathText
    pattern: PatternParams


class IndexParams(Section):
    """The figure that shows a few slices of the data set."""

    pictures: int = Field(ge=1, le=20, description="the figure has a row for each slice")
    seed: Seed


class SplitParams(Section):
    """How patients are divided into training, validation and test."""

    strategy: Literal["patient", "slice"]
    validation: Literal["own", "test"]
    test_share: float = Field(ge=0.001, le=0.5)
    validation_share: float = Field(ge=0.001, le=0.5)
    test_patients: PathText | None
    folds: list[int] = Field(min_length=2, max_length=1000, description="each fold trains a model of its own")
    seed: Seed

    @field_validator("folds")
    @classmethod
    def _check_folds(cls, folds: list[int]) -> list[int]:
        if folds != list(range(len(folds))):
            raise ValueError(f"expected whole numbers from 0 without a gap, [0, 1, ...], found {shown(folds)}")
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
    missing_both: float = Field(ge=0, le=1)
    missing_pre_contrast: float = Field(ge=0, le=1)
    missing_post_contrast: float = Field(ge=0, le=1)
    cyst: float = Field(ge=0, le=1)
    pasted_lesion: float = Field(ge=0, le=1)
    skull_stripping: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _check_missing(self) -> "AugmentationParams":
        if self.missing_both + self.missing_pre_contrast + self.missing_post_contrast > 1:
            raise ValueError("missing_both, missing_pre_contrast and missing_post_contrast must add up to at most 1")
        return self


class TrainParams(Section):
    """The network and its training."""

    seed: Seed
    ensemble: int = Field(ge=1, le=99, description="each network trains as long as a single one")
    input_size: int = Field(
        ge=16, le=2048, multiple_of=2**DOWNSAMPLING_STEPS, description="larger slices are refused by the stage index"
    )
    context_slices: int = Field(ge=0, le=5, description="11 slices are half of a small volume")
    contralateral_flair: bool
    normalisation: Literal["brain_zscore", "divide_255"]
    crop: Literal["head", "none"]
    sampling: Literal["every_slice", "balanced"]
    augmentation: AugmentationParams
    block: Literal["plain", "residual"]
    filters: int = Field(ge=1, le=256, description="577 million weights, 9 GB with the state of Adam")
    dropout: float = Field(ge=0, lt=1)
    loss: Literal["binary_cross_entropy", "soft_dice", "bce_dice"]
    deep_supervision: bool
    schedule: Literal["plateau", "cosine"]
    learning_rate: float = Field(gt=0, le=1, description="Adam moves each weight by about this much per step")
    weight_decay: float = Field(ge=0, lt=1)
    batch_size: BatchSize
    epochs: Epochs
    warm_up: int = Field(ge=0)
    early_stopping_patience: Epochs
    plateau_patience: Epochs
    plateau_factor: float = Field(gt=0, lt=1)
    min_learning_rate: float = Field(ge=0)
    backend: Literal["tensorflow", "jax"]
    device: Literal["any", "gpu"]
    threads: int = Field(ge=1, le=1024, description="all threads are started; few computers have more cores")
    precision: Literal["auto", "float32", "bfloat16"]

    @model_validator(mode="after")
    def _check_together(self) -> "TrainParams":
        if self.warm_up >= self.epochs:
            raise ValueError(f"warm_up must be below epochs, which is {self.epochs}; found {shown(self.warm_up)}")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate must not be above learning_rate, which is {self.learning_rate}; found "
                f"{self.min_learning_rate}"
            )
        if self.seed + self.ensemble - 1 > MAX_SEED:
            raise ValueError(
                f"the networks of the ensemble have the seeds seed, seed + 1 and so on, at most {MAX_SEED}; found "
                f"seed: {self.seed} with ensemble: {self.ensemble}"
            )
        return self


class PredictParams(Section):
    """How the trained model is applied to slices."""

    batch_size: BatchSize
    test_time_flip: bool


class EvaluateParams(Section):
    """How probabilities become masks. `validation` means that the value is chosen on the validation patients."""

    threshold: Annotated[float, Field(gt=0, le=1)] | Literal["validation"]
    smallest_lesion: (
        Annotated[int, Field(ge=0, le=10**9, description="no volume has as many voxels")] | Literal["validation"]
    )

    @field_validator("threshold", "smallest_lesion", mode="wrap")
    @classmethod
    def _describe_both_forms(cls, value: Any, check: Callable[[Any], Any], info: ValidationInfo) -> Any:
        """Report one fault; pydantic reports one for the number and another for the word."""
        try:
            return check(value)
        except ValidationError:
            numbers = {
                "threshold": "a number above 0 and at most 1",
                "smallest_lesion": "a whole number from 0 to 10^9",
            }
            expected = numbers[str(info.field_name)]
            raise ValueError(f"expected {expected}, or validation, found {shown(value)}") from None


class VisualiseParams(Section):
    """The figures of predictions, and the report."""

    slices: int = Field(ge=1, le=50, description="the figure has a row for each slice")
    seed: Seed
    report_patients: int = Field(ge=1, le=200, description="200 patients of 256 x 256 make a page of 60 MB")


class PackageParams(Section):
    """The bundle: the model as others take it."""

    weights_licence: Literal[
        "Apache-2.0", "MIT", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "other"
    ]


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
    package: PackageParams

    @model_validator(mode="after")
    def _check_validation_patients(self) -> "Params":
        if self.split.validation == "test" and "validation" in (self.evaluate.threshold, self.evaluate.smallest_lesion):
            raise ValueError(
                "split.validation: test leaves no validation patients to choose on; set numbers instead: "
                "evaluate.threshold: 0.5 and evaluate.smallest_lesion: 0"
            )
        return self


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
    content = read_parameters(path)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(describe_faults(path, error, Params)) from None
