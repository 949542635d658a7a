"""Measure what the score of trained networks loses when the same scans are stored in another way.

Each test patient of each run is altered, predicted and scored on the original grid against the unaltered outline:
as float with a hot voxel, with noise in the air, with larger and smaller pixels, in a larger field of view, with the
skull removed, and without some of the sequences. Preprocessing should make all but the last two harmless.

From the project's root, after a training or a cross-validation:

    python -m studies.altered_scans --out altered.csv .                 # the root pipeline's run
    python -m studies.altered_scans --out altered.csv cv/folds/*        # all folds

Reads:  data/index.csv, params.yaml, and of each run data/split.csv, models/unet.keras, models/operating_point.json
Writes: one row per patient and alteration, and prints the mean Dice of each alteration with its paired difference
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table
from brainseg.imaging.crop import resample, sample_slice, whole_slice
from brainseg.imaging.head import find_head, head_mask, skull_stripped
from brainseg.imaging.preprocessing import fill_missing_sequences
from brainseg.imaging.stack import read_volume
from brainseg.imaging.volume import POST_CONTRAST, PRE_CONTRAST, FloatArray, Volume
from brainseg.metrics.bootstrap import paired_difference
from brainseg.metrics.overlap import count
from brainseg.model.backend import configure
from brainseg.params import load_params
from brainseg.prediction.operating_point import read_operating_point

SEED = 21  # of the noise and the resamples
NOISE = 10.0  # standard deviation of the noise in the air, of 255 grey levels

Image = NDArray[Any]


def unaltered(image: Image) -> Image:
    """The scan as it is."""
    return image


def float_with_hot_voxel(image: Image) -> Image:
    """A third as bright, as float, with one voxel that is a thousand times brighter than the rest."""
    altered = image.astype(np.float32) / 765
    altered[len(image) // 2, image.shape[1] // 2, image.shape[2] // 2] = 1000 * altered.max()
    return altered


def sixteen_bit(image: Image) -> Image:
    """Signed 16-bit numbers from -1000 to 3080, as air is negative in some scans."""
    return (16 * image.astype(np.int16) - 1000).astype(np.int16)


def noise_in_air(image: Image) -> Image:
    """Noise wherever there is no head."""
    noise = np.abs(np.random.default_rng(SEED).normal(0, NOISE, image.shape))
    return np.where(head_mask(image)[..., None], image, np.clip(image + noise, 0, 255)).astype(np.uint8)


def without_skull(image: Image) -> Image:
    """The skull crudely removed, by the rule that training uses."""
    return np.asarray(image * skull_stripped(image, find_head(image))[..., None])


def without_skull_and_cortex(image: Image) -> Image:
    """The same, half as deep again, so that much of the cortex is gone too."""
    return np.asarray(image * skull_stripped(image, find_head(image), fraction=0.09)[..., None])


def flair_alone(image: Image) -> Image:
    """Both other sequences missing."""
    return fill_missing_sequences(image, (PRE_CONTRAST, POST_CONTRAST))


def without_pre_contrast(image: Image) -> Image:
    """T1 before contrast missing."""
    return fill_missing_sequences(image, (PRE_CONTRAST,))


def without_post_contrast(image: Image) -> Image:
    """T1 after contrast missing."""
    return fill_missing_sequences(image, (POST_CONTRAST,))


ALTERATIONS: dict[str, Callable[[Image], Image]] = {
    "unaltered": unaltered,
    "float, a hot voxel": float_with_hot_voxel,
    "16 bit, negative air": sixteen_bit,
    "noise in the air": noise_in_air,
    "without skull": without_skull,
    "without skull and cortex": without_skull_and_cortex,
    "FLAIR alone": flair_alone,
    "without T1": without_pre_contrast,
    "without T1 after contrast": without_post_contrast,
}
PIXEL_SIZES = (0.5, 0.75, 1.5, 2.0)  # of the original
FIELDS_OF_VIEW = (1.5,)  # of the original, with the same number of pixels


def resized(image: Image, height: int, width: int) -> Image:
    """Resize every slice, with averaging where it becomes smaller."""
    method = cv2.INTER_AREA if height < image.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, (width, height), interpolation=method) for plane in image])


def predict_resized(predict: Callable[[Image], FloatArray], image: Image, factor: float, *, pad: bool) -> FloatArray:
    """Predict a scan with larger or smaller pixels, and bring the result back to the original grid.

    Args:
        predict: from an image to probabilities on its grid.
        image: shape (S, H, W, 3), uint8.
        factor: of the pixel size.
        pad: whether black air is added until there are as many pixels as before, for a larger field of view.
    """
    _, height, width, _ = image.shape
    rows, columns = round(height / factor), round(width / factor)
    small = resized(image, rows, columns)
    top, left = ((height - rows) // 2, (width - columns) // 2) if pad else (0, 0)
    if pad:
        canvas = np.zeros_like(image)
        canvas[:, top : top + rows, left : left + columns] = small
        small = canvas
    probability = predict(small)[:, top : top + rows, left : left + columns]
    # A rectangle has no square grid: rows and columns are sampled one after the other.
    along_rows, _ = sample_slice(whole_slice(height, width), (height, width), rows)
    _, along_columns = sample_slice(whole_slice(height, width), (height, width), columns)
    return resample(probability, along_rows, along_columns)


def score_run(run: Path, index: pd.DataFrame, root: Path, *, batch_size: int, test_time_flip: bool) -> pd.DataFrame:
    """Score every alteration of the test patients of a run: columns patient_id, alteration, dice."""
    from brainseg.model.saving import load_model  # imports Keras, so after `configure`
    from brainseg.prediction.inference import predict_volume

    model, card = load_model(run / "models/unet.keras")
    point = read_operating_point(run / "models/operating_point.json")
    split = read_table(run / "data/split.csv", SPLIT_COLUMNS)
    rows = []
    for patient_id in track(sorted(set(split.patient_id[split.subset == "test"])), description=str(run)):
        volume = read_volume(index[index.patient_id == patient_id], root)

        def predict(image: Image, volume: Volume = volume) -> FloatArray:
            altered = Volume(
                patient_id=volume.patient_id,
                image=image,
                mask_true=np.zeros(image.shape[:3], np.bool_),
                slice_numbers=volume.slice_numbers,
            )
            numbers = volume.slice_numbers.tolist()
            return predict_volume(model, card, altered, numbers, batch_size=batch_size, test_time_flip=test_time_flip)

        maps = {name: predict(alter(volume.image)) for name, alter in ALTERATIONS.items()}
        maps |= {f"pixel size x {f}": predict_resized(predict, volume.image, f, pad=False) for f in PIXEL_SIZES}
        maps |= {f"field of view x {f}": predict_resized(predict, volume.image, f, pad=True) for f in FIELDS_OF_VIEW}
        for name, probability in maps.items():
            score = count(mask_true=volume.mask_true, mask_pred=point.mask_of(probability)).dice
            rows.append({"patient_id": patient_id, "alteration": name, "dice": score})
    return pd.DataFrame(rows)


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per alteration: patients, mean and median Dice, paired difference to the unaltered scans, interval."""
    table = scores.pivot_table(index="patient_id", columns="alteration", values="dice", dropna=False)
    rows = []
    for name in scores.alteration.drop_duplicates():
        found = paired_difference(values_a=table["unaltered"], values_b=table[name], seed=SEED)
        rows.append(
            {
                "alteration": name,
                "patients": found.count,
                "mean": table[name].mean(),
                "median": table[name].median(),
                "difference": found.value,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs: the root, or folds of cv/")
    parser.add_argument("--out", type=Path, required=True, help="CSV for the scores")
    arguments = parser.parse_args()
    params = load_params()
    configure(params.train)
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    predict = params.predict
    tables = [
        score_run(
            run,
            index,
            Path(params.data.root),
            batch_size=predict.batch_size,
            test_time_flip=predict.test_time_flip,
        )
        for run in arguments.runs
    ]
    scores = pd.concat(tables)
    scores.to_csv(arguments.out, index=False, float_format="%.6f")
    print(summarise(scores).to_string(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
