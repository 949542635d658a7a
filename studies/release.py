"""Put the model of a run into brainseg/released/, with a card that is written from the measured files of that run.

    cp presets/released.yaml params.yaml && dvc repro
    python -m studies.altered_scans . --out altered.csv
    python -m studies.release --altered altered.csv --commit COMMIT --hardware "two AMD EPYC cores"

The run must be of the data set LGG MRI Segmentation, on whose licence the weights depend.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, SUBSETS, read_table
from brainseg.params import load_params
from brainseg.writing import atomic_write
from studies.altered_scans import summarise

RELEASED = Path("brainseg/released")
WORST = 4  # patients in the card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path(), help="folder of the run (default: the current folder)")
    parser.add_argument("--altered", type=Path, required=True, help="CSV that studies.altered_scans wrote for the run")
    parser.add_argument("--commit", required=True, help="of the code that trained the model")
    parser.add_argument("--hardware", required=True, help="that it was trained on, in words")
    arguments = parser.parse_args()
    for name in ("unet.keras", "operating_point.json"):
        with atomic_write(RELEASED / name) as temporary:
            shutil.copyfile(arguments.run / "models" / name, temporary)
    with atomic_write(RELEASED / "model_card.md") as temporary:
        temporary.write_text(write_card(arguments.run, arguments.altered, arguments.commit, arguments.hardware))
    print(f"{RELEASED}: model, operating point and card")


def write_card(run: Path, altered: Path, commit: str, hardware: str) -> str:
    """The card of the model of a run, Markdown; every figure is read from a file of the run."""
    scores = json.loads((run / "metrics/evaluate.json").read_text())
    point = json.loads((run / "models/operating_point.json").read_text())
    patients = pd.read_csv(run / "metrics/patients.csv").sort_values("dice")
    history = pd.read_csv(run / "models/history.csv")
    split = read_table(run / "data/split.csv", SPLIT_COLUMNS)
    counts = split.groupby("subset")["patient_id"].nunique()
    index = read_table(run / "data/index.csv", INDEX_COLUMNS)
    params = load_params(run / "params.yaml").train
    digests = {
        "model": hashlib.sha256((run / "models/unet.keras").read_bytes()).hexdigest(),
        "parameters of the training": hashlib.sha256(params.model_dump_json().encode()).hexdigest(),
        "list of the slices": hashlib.sha256((run / "data/index.csv").read_bytes()).hexdigest(),
    }
    listed = "".join(f"- {name}: `{digest}`\n" for name, digest in digests.items())
    return f"""# Model card

The model that ships with brainseg. **For research and teaching; not for diagnosis, not a medical device.**

- **What it does**: outlines the FLAIR abnormality of lower-grade gliomas in brain MRI, slice by slice, from FLAIR and,
  if there are, T1 before and after contrast agent.
- **Network**: {params.ensemble} U-Net, {params.filters} filters on the first level, {params.block} blocks. Its input:
  {params.input_size} x {params.input_size} pixels of the head's square box, {params.context_slices} neighbouring slice
  on either side{", and FLAIR mirrored" if params.contralateral_flair else ""}.
- **Data**: LGG MRI Segmentation (Kaggle; TCGA-LGG), {index.patient_id.nunique()} of its 110 patients, {len(index)}
  slices: {", ".join(f"{counts.get(subset, 0)} {subset}" for subset in SUBSETS)}. All have a tumour.
- **Trained** by `cp presets/released.yaml params.yaml && dvc repro` at commit `{commit}` on {hardware}; epoch
  {int(history.val_loss.idxmin()) + 1} of {len(history)} had the lowest validation loss and was kept.
- **Threshold** {point["threshold"]}; lesions of fewer voxels than {point["smallest_lesion"]} are dropped. Both were
  chosen on the validation patients. Predictions are averaged with those of the flipped scan.
- **Licence** of the weights: CC BY-NC-SA 4.0, as the data (LICENSE in this folder). The code: Apache-2.0.

## Scores

{counts["test"]} test patients, in neither training nor validation. Dice per patient, over the whole volume:
**{scores["dice_mean"]:.3f} mean (95 % interval {scores["dice_mean_ci_low"]:.3f} to {scores["dice_mean_ci_high"]:.3f}),
{scores["dice_median"]:.3f} median**. On the same patients a threshold on FLAIR reaches {scores["flair_dice_mean"]:.3f}.
Sensitivity {scores["sensitivity_mean"]:.3f}, precision {scores["precision_mean"]:.3f}. Published for this data set,
split by patient, all 110 patients: 0.836 mean, 0.873 median (Buda et al. 2019).

| site | test patients | mean Dice | median Dice |
| --- | ---: | ---: | ---: |
{_site_rows(patients)}
Worst test patients: {", ".join(f"{row.patient_id} {row.dice:.2f}" for row in patients.head(WORST).itertuples())}.

## Missing sequences and altered scans

The same test patients, scans altered (`python -m studies.altered_scans`); paired difference to the unaltered scans.

| scans | mean Dice | median Dice | difference (95 % interval) |
| --- | ---: | ---: | --- |
{_altered_rows(altered)}
## Digests (SHA-256)

{listed}"""


def _site_rows(patients: pd.DataFrame) -> str:
    sites = patients.groupby("site")["dice"].agg(["size", "mean", "median"])
    return "".join(f"| {row.Index} | {row.size} | {row.mean:.3f} | {row.median:.3f} |\n" for row in sites.itertuples())


def _altered_rows(path: Path) -> str:
    rows = summarise(pd.read_csv(path)).itertuples()
    return "".join(
        f"| {row.alteration} | {row.mean:.3f} | {row.median:.3f} | "
        + (
            "|\n"
            if row.alteration == "unaltered"
            else f"{row.difference:+.3f} ({row.ci_low:.3f} to {row.ci_high:.3f}) |\n"
        )
        for row in rows
    )


if __name__ == "__main__":
    main()
