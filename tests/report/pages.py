"""Small runs and predictions for the tests of the pages; nothing is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.apply.measures import measure
from brainseg.apply.outcome import Outcome
from brainseg.apply.overlay import draw_overlay
from brainseg.apply.records import Records
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.files import HISTORY_COLUMNS
from brainseg.params import load_params
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.reading import sha256_of
from brainseg.report.run_report import RunTables, choose_shown, write_run_report
from brainseg.report.slices import encode_slices
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import find_cases
from brainseg.scans.results import write_mask, write_probability
from tests.project import ROOT

MARKUP = "TCGA_<img src=x onerror=document.title='broken'>_</script>_1"
SETTINGS = {
    "version": "0",
    "model_sha256": "ab" * 32,
    "threshold": 0.5,
    "smallest_lesion": 0,
    "flip": True,
    "evaluate": True,
    "anonymised": None,
}


def head(slices: int = 6, size: int = 48) -> dict[str, np.ndarray]:
    """A patient: image with a bright square, its mask, a prediction that is one row smaller, probability."""
    rng = np.random.default_rng(3)
    image = rng.integers(20, 120, (slices, size, size, 3), dtype=np.uint8)
    mask = np.zeros((slices, size, size), np.bool_)
    mask[2:4, 10:20, 12:30] = True
    image[mask] += 100
    predicted = mask.copy()
    predicted[:, 19] = False
    probability = np.where(predicted, 0.9, 0.0).astype(np.float32)
    return {"image": image, "mask_true": mask, "mask_pred": predicted, "probability": probability}


def run_tables(dice: dict[str, float], **changes: Any) -> RunTables:
    """The tables of a run with these test patients, and one patient in training and one in validation."""
    patients = [*dice, "TCGA_TT_1", "TCGA_VV_1"]
    index = pd.DataFrame(
        {"patient_id": name, "site": name.split("_")[1], "slice_number": number, "tumour_pixels": 180, "height": 48,
         "width": 48, "missing_sequences": "", "image_path": f"{name}/{number}", "mask_path": "", "digest": "0"}
        for name in patients for number in (1, 2)
    )  # fmt: skip
    subsets = {"TCGA_TT_1": "train", "TCGA_VV_1": "validation"}
    scores = pd.DataFrame(
        [
            {**dict.fromkeys(PATIENT_COLUMNS, 0), "patient_id": name, "site": name.split("_")[1], "dice": value,
             "flair_dice": value / 2, "tumour_pixels": 360, "predicted_pixels": 324 + 9 * place}
            for place, (name, value) in enumerate(dice.items())
        ],
        columns=list(PATIENT_COLUMNS),
    ).astype(PATIENT_COLUMNS)  # fmt: skip
    losses = {"epoch": [1, 2, 3], "loss": [0.9, 0.4, 0.2], "val_loss": [1.0, 0.6, 0.7], "dice": [0.2, 0.6, 0.8]}
    history = pd.DataFrame({**dict.fromkeys(HISTORY_COLUMNS, 0.5), **losses, "val_dice": [0.1, 0.5, 0.6]})
    values = {
        "index": index,
        "split": index[["patient_id", "slice_number"]].assign(subset=index["patient_id"].map(subsets).fillna("test")),
        "patients": scores,
        "history": history.astype(HISTORY_COLUMNS),
        "precision_recall": pd.DataFrame(
            {"threshold": [1, 0.5, 0], "precision": [1, 0.9, 0.1], "sensitivity": [0.2, 0.8, 1], "chosen": [0, 1, 0]}
        ),
        "reliability": pd.DataFrame(
            {"pixels": [9000, 70], "mean_probability": [0.01, 0.9], "observed": [0.02, 0.8]}
        ),
        "thresholds": pd.DataFrame(
            {"threshold": [0.3, 0.5], "dice_mean": [0.7, 0.8], "dice_median": [0.7, 0.8], "chosen": [0, 1]}
        ),
        "point": OperatingPoint(threshold=0.5, smallest_lesion=0),
        "source": "other",
    }  # fmt: skip
    return RunTables(**{**values, **changes})


def write_run(
    path: Path, dice: dict[str, float], *, count: int = 30, missing_both: float = 0.0, **changes: Any
) -> Path:
    """Write the report of a run with these test patients; `missing_both` is the parameter of the augmentation."""
    tables = run_tables(dice, **changes)
    shown = choose_shown(tables.patients, count)
    patient = head()
    slices = {name: encode_slices(slice_numbers=np.arange(1, 7), **patient) for name in shown}
    params = load_params(ROOT / "params.yaml")
    augmentation = params.train.augmentation.model_copy(update={"missing_both": missing_both})
    params = params.model_copy(update={"train": params.train.model_copy(update={"augmentation": augmentation})})
    write_run_report(path, tables, slices, params)
    return path


def write_predictions(
    scans: Path, out: Path, *, draw: Callable[[np.ndarray], np.ndarray] | None = None, **changes: Any
) -> Path:
    """Write what `brainseg predict` writes for a data set, with the reference shifted down by a row as the outline."""
    cases = find_cases([scans])
    records = Records(out=out, settings={**SETTINGS, **changes}, names=[case.case_id for case in cases])
    for position, source in enumerate(cases):
        scan = read_scan(source, with_masks=True)
        assert scan.mask_true is not None
        mask = np.roll(scan.mask_true, 1, axis=1) if draw is None else draw(scan.mask_true)
        probability = np.where(mask, 0.9, 0.1).astype(np.float32)
        written = [*write_mask(scan, mask, out), *write_probability(scan, probability, out)]
        if changes.get("overlay"):
            written.append(out / f"{scan.case_id}_overlay.png")
            written[-1].write_bytes(draw_overlay(scan, mask))
        records.add(
            position,
            Outcome(
                case=scan.case_id,
                status="done",
                inputs=tuple(sha256_of(path) for path in scan.source.paths),
                outputs=tuple(path.relative_to(out).as_posix() for path in written),
                row=measure(scan, mask, probability),
            ),
        )
    return out
