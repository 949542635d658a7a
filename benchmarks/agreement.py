"""How far each format and precision of `brainseg export` is from Keras on real patients.

    python -m benchmarks.agreement data/kaggle_3m --held-out held_out/lgg-70.txt

The model is exported to every format; then each patient is outlined by Keras in float32 and by each file. Printed are,
per format, the largest difference between two probabilities, the masks that differ in at least one voxel, and the mean
and largest difference in Dice per patient. No file is written but in a temporary folder.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.dataset.held_out import read_held_out
from brainseg.export.formats import FORMATS, Predict, Source
from brainseg.export.writing import read_source
from brainseg.metrics.overlap import count
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import find_cases

NAMES = (*FORMATS, "openvino-bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder with a folder for each patient, in the Kaggle layout")
    parser.add_argument("--held-out", type=Path, required=True, help="list of patient_ids, one a line")
    parser.add_argument("--model", type=Path, help="folder with unet.keras (default: the model that ships)")
    parser.add_argument("--formats", nargs="+", choices=NAMES, default=NAMES)
    arguments = parser.parse_args()
    known = {path.name for path in arguments.root.iterdir() if path.is_dir()}
    patients = sorted(read_held_out(arguments.held_out, known))
    source = read_source(arguments.model, flip=True)
    with tempfile.TemporaryDirectory() as folder:
        runners = {name: write(source, name, Path(folder, name)) for name in arguments.formats}
        rows = [row for patient in patients for row in compare_patient(arguments.root / patient, source, runners)]
    report(rows, arguments.formats)


def write(source: Source, name: str, folder: Path) -> Predict:
    """Write a format, in float32 unless its name ends with the precision; returns what runs it."""
    format_name, _, precision = name.partition("-")
    folder.mkdir()
    target = FORMATS[format_name]
    return target.write(replace(source, precision=precision or "float32"), folder / target.files[0])


def compare_patient(folder: Path, source: Source, runners: dict[str, Predict]) -> list[dict[str, Any]]:
    """Outline a patient with Keras and with each format; a row for each format."""
    from brainseg.prediction.inference import predict_image  # imports Keras

    (case,) = find_cases([folder])
    scan = read_scan(case, with_masks=True)
    positions = np.arange(len(scan.image))
    keras = predict_image(source.model, source.card, scan.image, positions, batch_size=16, test_time_flip=source.flip)
    masks, rows = {"keras": source.point.mask_of(keras)}, []
    for name, run in runners.items():
        found = run(scan.image.astype(np.float32))
        masks[name] = source.point.mask_of(found)
        dice = [count(mask_true=scan.mask_true, mask_pred=masks[key]).dice for key in ("keras", name)]
        rows.append(
            {
                "format": name,
                "difference": float(np.abs(found - keras).max()),
                "voxels": int((masks[name] != masks["keras"]).sum()),
                "outlined": int(masks["keras"].sum()),
                "dice": dice[1] - dice[0],
            }
        )
        print(f"{case.case_id} {rows[-1]}", flush=True)
    return rows


def report(rows: list[dict[str, Any]], formats: list[str]) -> None:
    """Print a line for each format."""
    print("| format | largest difference of a probability | masks that differ | voxels | Dice, mean | Dice, largest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in formats:
        own = [row for row in rows if row["format"] == name]
        dice = np.array([row["dice"] for row in own])
        print(
            f"| {name} | {max(row['difference'] for row in own):.1e} | {sum(row['voxels'] > 0 for row in own)} of "
            f"{len(own)} | {sum(row['voxels'] for row in own)} of {sum(row['outlined'] for row in own)} | "
            f"{dice.mean():+.6f} | {np.abs(dice).max():.6f} |"
        )


if __name__ == "__main__":
    main()
