"""Measure trained networks on scans that were acquired in another way: thin slices, sagittal and coronal ones.

    python -m studies.resliced_scans --out resliced.csv .              # the root pipeline's run
    python -m studies.resliced_scans --out resliced.csv cv/folds/*     # all folds

The scans of the Kaggle set are axial and have no spacing. They are taken to have slices 5 mm apart and pixels of 1 mm,
then interpolated linearly between slices to 1 mm, and stored or averaged as another scanner would. Each is turned to
the network and back by `brainseg.scans.grid.Grid`, as in `brainseg predict`. Scores are of the original slices, with
the reference outline. What is outlined in slices without tumour is counted, too.

Reads:  data/index.csv, params.yaml, and of each run data/split.csv, models/unet.keras, models/operating_point.json
Writes: one row per patient and acquisition, and prints both tables
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table
from brainseg.imaging.stack import read_volume
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics.overlap import count
from brainseg.model.backend import configure
from brainseg.params import load_params
from brainseg.prediction.operating_point import read_operating_point
from brainseg.scans.grid import Grid
from studies.altered_scans import summarise

SLICE_MM, THICK = 5, 5  # distance of the original slices; thickness of sagittal and coronal slices, mm
TO_RAS = np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])  # slice, row, column -> mm

Predict = Callable[[NDArray[Any], NDArray[np.int64], int], FloatArray]  # image, positions, slice_step -> probability


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How a scan is acquired again.

    Attributes:
        slice_mm: distance of axial slices after interpolation.
        axes: the axes of the network that the stored axes are.
        average: voxels of each stored axis that are averaged to one.
        neighbours: whether the neighbours of thin slices are those `Grid.slice_step` says; else the next slices.
    """

    slice_mm: int = 1
    axes: tuple[int, int, int] = (0, 1, 2)
    average: tuple[int, int, int] = (1, 1, 1)
    neighbours: bool = True


ACQUISITIONS = {
    "unaltered": Acquisition(slice_mm=SLICE_MM),
    "axial, 1 mm": Acquisition(),
    "axial, 1 mm, next slice as neighbour": Acquisition(neighbours=False),
    "sagittal, 1 mm": Acquisition(axes=(2, 0, 1)),
    "coronal, 1 mm": Acquisition(axes=(1, 0, 2)),
    "sagittal, 5 mm": Acquisition(axes=(2, 0, 1), average=(THICK, 1, 1)),
    "coronal, 5 mm": Acquisition(axes=(1, 0, 2), average=(THICK, 1, 1)),
}


def acquire(image: NDArray[Any], acquisition: Acquisition) -> tuple[NDArray[Any], Grid]:
    """Acquire a scan again.

    Args:
        image: shape (S, H, W, 3), in the network's orientation, slices `SLICE_MM` apart.
        acquisition: how.

    Returns:
        The stored array, float32, and its grid.
    """
    step = SLICE_MM // acquisition.slice_mm
    fine = np.linspace(0, len(image) - 1, (len(image) - 1) * step + 1)
    lower = fine.astype(np.int64)
    upper, weight = np.minimum(lower + 1, len(image) - 1), (fine - lower).astype(np.float32)[:, None, None, None]
    volume = image[lower] * (1 - weight) + image[upper] * weight
    stored = volume.transpose(*acquisition.axes, 3)
    sizes = [length // by for length, by in zip(stored.shape, acquisition.average, strict=False)]
    cut = stored[tuple(slice(size * by) for size, by in zip(sizes, acquisition.average, strict=True))]
    blocks = [each for pair in zip(sizes, acquisition.average, strict=True) for each in pair]
    averaged = cut.reshape(*blocks, 3).mean(axis=(1, 3, 5), dtype=np.float32)
    spacing = np.diag([acquisition.slice_mm, 1.0, 1.0, 1.0])
    order = np.zeros((4, 4))
    order[3, 3] = 1
    for axis, (network, by) in enumerate(zip(acquisition.axes, acquisition.average, strict=True)):
        order[network, axis] = by
    return averaged, Grid(shape=averaged.shape[:3], affine=TO_RAS @ spacing @ order)


def outline_again(predict: Predict, image: NDArray[Any], acquisition: Acquisition) -> FloatArray:
    """The probabilities of the original slices, shape (S, H, W), of a scan that was acquired again."""
    stored, grid = acquire(image, acquisition)
    turned = grid.to_network(stored)
    step = SLICE_MM // acquisition.slice_mm
    positions = np.arange(0, len(turned), step)
    maps = np.zeros(turned.shape[:3], np.float32)
    maps[positions] = predict(turned, positions, grid.slice_step if acquisition.neighbours else 1)
    back = grid.from_network(maps)
    for axis, by in enumerate(acquisition.average):
        back = back.repeat(by, axis=axis)
    back = back.transpose(*np.argsort(acquisition.axes))[::step]
    missing = [(0, before - after) for before, after in zip(image.shape[:3], back.shape, strict=True)]
    return np.pad(back, missing, mode="edge")


def false_alarms(mask_true: BoolArray, mask_pred: BoolArray) -> dict[str, int]:
    """Slices without tumour, those of them with an outline, and the voxels that are outlined in them."""
    outlined = mask_pred.sum(axis=(1, 2))[~mask_true.any(axis=(1, 2))]
    return {
        "free_slices": len(outlined),
        "alarmed_slices": int((outlined > 0).sum()),
        "alarmed_voxels": int(outlined.sum()),
    }


def summarise_alarms(scores: pd.DataFrame) -> pd.DataFrame:
    """Of each acquisition: slices without tumour, share of them with an outline, and voxels per such slice."""
    rows = []
    for name, group in scores.groupby("alteration", sort=False):
        slices, alarmed, voxels = group[["free_slices", "alarmed_slices", "alarmed_voxels"]].sum()
        by_patient = group.alarmed_voxels / group.free_slices
        rows.append(
            {
                "alteration": name,
                "free slices": slices,
                "with an outline": alarmed / slices,
                "voxels per slice": voxels / slices,
                "median patient": by_patient.median(),
                "worst patient": by_patient.max(),
            }
        )
    return pd.DataFrame(rows)


def score_run(run: Path, index: pd.DataFrame, root: Path, only: Sequence[str], options: dict[str, Any]) -> pd.DataFrame:
    """Score the test patients of a run, one row per patient and acquisition; `options` are those of `predict_image`."""
    from brainseg.model.saving import load_model  # imports Keras, so after `configure`
    from brainseg.prediction.inference import predict_image

    model, card = load_model(run / "models/unet.keras")
    point = read_operating_point(run / "models/operating_point.json")
    split = read_table(run / "data/split.csv", SPLIT_COLUMNS)

    def predict(image: NDArray[Any], positions: NDArray[np.int64], slice_step: int) -> FloatArray:
        return predict_image(model, card, image, positions, slice_step=slice_step, **options)

    rows = []
    for patient_id in track(sorted(set(split.patient_id[split.subset == "test"])), description=str(run)):
        volume = read_volume(index[index.patient_id == patient_id], root)
        for name in only:
            mask = point.mask_of(outline_again(predict, volume.image, ACQUISITIONS[name]))
            dice = count(mask_true=volume.mask_true, mask_pred=mask).dice
            rows.append(
                {"patient_id": patient_id, "alteration": name, "dice": dice, **false_alarms(volume.mask_true, mask)}
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs: the root, or folds of cv/")
    parser.add_argument("--out", type=Path, required=True, help="CSV for the scores")
    parser.add_argument("--only", nargs="+", choices=ACQUISITIONS, default=list(ACQUISITIONS), help="acquisitions")
    arguments = parser.parse_args()
    params = load_params()
    configure(params.train)
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    options = params.predict.model_dump()
    runs = [score_run(run, index, Path(params.data.root), arguments.only, options) for run in arguments.runs]
    scores = pd.concat(runs)
    scores.to_csv(arguments.out, index=False, float_format="%.6f")
    for table in (summarise(scores), summarise_alarms(scores)):
        print(table.to_string(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
