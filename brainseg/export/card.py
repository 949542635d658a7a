"""The model card: what the model is, what it was made from and how well it does, written from what was measured.

Its head is read by Hugging Face: https://huggingface.co/docs/hub/model-cards
"""

import textwrap
from collections.abc import Mapping

import pandas as pd

from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE, PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.export.card_tables import failure_rows, missing_rows, score_rows, site_rows, with_interval
from brainseg.export.facts import Facts
from brainseg.files import SUBSETS
from brainseg.metrics.bootstrap import interval

NAME = "glioma-unet"  # of the DVC artifact, too
CODE_LICENCE = "Apache-2.0"
LINE = 120  # characters
NOT_FOR_DIAGNOSIS = "For research and teaching; not for diagnosis, not a medical device."
USE = (
    "Research on, and teaching of, segmentation of lower-grade gliomas in adults, before surgery, in axial MRI with "
    "FLAIR. Not for decisions about patients, and not for other diseases: whatever is bright on FLAIR may be outlined."
)
DATA = {
    "published": f"[LGG MRI Segmentation]({KAGGLE_PAGE}) (Kaggle; made from TCGA-LGG)",
    "synthetic": "Synthetic patients made by this project",
    "other": "Data of its own, not the published set LGG MRI Segmentation",
}
LICENCES = {"CC-BY-NC-SA-4.0": "the weights were trained on data with this licence, which demands the same of them"}


def write_card(facts: Facts, digests: Mapping[str, str]) -> str:
    """Write the card of a model.

    Args:
        facts: of the run that trained it.
        digests: SHA-256 of its files, by name.

    Returns:
        Markdown with a YAML head. Equal facts give equal text.
    """
    listed = [f"{name}: `{digest}`" for name, digest in {**digests, **facts.digests}.items()]
    return f"""{_head(facts)}
# Model card: {NAME}

{_paragraph(f"Outlines the FLAIR abnormality of lower-grade gliomas in brain MRI. **{NOT_FOR_DIAGNOSIS}**")}
{_warnings(facts)}
## Intended use

{_paragraph(USE)}
## Input and output

{_bullets(*_input(facts))}
## Network

{_bullets(*_network(facts))}
## Data

{_bullets(*_data(facts))}
## Scores

{_scores(facts)}
### By site

{site_rows(facts.patients)}
### Missing sequences

The same test patients, with sequences replaced by FLAIR; paired difference to all sequences.

{missing_rows(facts.patients)}
### Known failures

{failure_rows(facts)}
## Licence

{_bullets(f"The code: {CODE_LICENCE}.", f"The weights: {_weights_licence(facts)}.")}
## Digests (SHA-256)

{_bullets(*listed)}"""


def _head(facts: Facts) -> str:
    dice = interval(facts.patients["dice"])
    value = "" if dice.count == 0 else f"        value: {dice.value:.4f}\n"
    dataset = {"published": "LGG MRI Segmentation", "synthetic": "synthetic patients"}.get(facts.source, "other")
    results = f"""model-index:
- name: {NAME}
  results:
  - task:
      type: image-segmentation
    dataset:
      type: {facts.source}
      name: {dataset}
    metrics:
      - type: dice
        name: mean Dice of {len(facts.patients)} test patients
{value}"""
    return f"""---
license: {facts.params.package.weights_licence.lower()}
library_name: keras
pipeline_tag: image-segmentation
tags:
- medical
- mri
- brain
- glioma
- u-net
- onnx
{results if value else ""}---
"""


def _warnings(facts: Facts) -> str:
    lines = []
    if facts.source == "synthetic":
        lines.append("**Trained on synthetic patients: of no use for real scans.**")
    if facts.leaky:
        lines.append(
            "**Split by slice: other slices of the test patients were trained on, so the scores are too high.**"
        )
    return "".join(f"\n{line}\n" for line in lines)


def _input(facts: Facts) -> list[str]:
    model, flip = facts.model, facts.params.predict.test_time_flip
    return [
        "`unet.onnx` takes a whole scan, (slices, height, width, 3): axial slices from the lowest up, row 0 anterior, "
        "column 0 the patient's right; channels T1 before contrast agent, FLAIR, T1 after contrast agent; any range of "
        "grey levels. A missing sequence is to be replaced by FLAIR. It gives the probability of tumour, (slices, "
        "height, width), in [0, 1].",
        f"`unet.keras` takes slices that are prepared already, {model.input_size} x {model.input_size} pixels, with "
        f"{len(model.channels)} channels: {', '.join(model.channels)}. Normalisation: `{model.normalisation}`; crop: "
        f"`{model.crop}`.",
        f"A voxel is tumour from a probability of {facts.point.threshold:g}; lesions of fewer voxels than "
        f"{facts.point.smallest_lesion} are dropped. {'Averaged' if flip else 'Not averaged'} with the flipped scan.",
    ]


def _network(facts: Facts) -> list[str]:
    train, epochs = facts.params.train, len(facts.history)
    networks = "One U-Net" if facts.networks == 1 else f"The mean of {facts.networks} U-Nets"
    kept = f"Of {epochs} epochs, number {int(facts.history['val_loss'].idxmin()) + 1} had the lowest validation loss"
    if facts.folds:
        named = ", ".join(map(str, facts.folds))
        networks += f", those of the folds {named} of a cross-validation in {facts.fold_count} folds"
        kept = f"Of {epochs} epochs, each network kept the one with the lowest validation loss"
    return [
        f"{networks}, {train.filters} filters on the first level, {train.block} blocks; {facts.weights:,} weights.",
        f"Loss `{train.loss}`, batches of {train.batch_size} slices, in {facts.model.precision}.",
        f"{kept}.",
    ]


def _data(facts: Facts) -> list[str]:
    if facts.folds:
        train, validation = (_per_fold(facts.split, subset) for subset in ("train", "validation"))
        patients = f"{train} to train each network, {validation} to choose its epoch"
    else:
        counts = facts.split.groupby("subset")["patient_id"].nunique()
        patients = ", ".join(f"{counts.get(subset, 0)} {subset}" for subset in SUBSETS)
    index = facts.index
    missing = index.groupby("patient_id")["missing_sequences"].first().ne("").sum()
    return [
        f"{DATA[facts.source]}: {index['patient_id'].nunique()} patients of {index['site'].nunique()} sites, "
        f"{len(index):,} slices, of which {int((index['tumour_pixels'] > 0).sum()):,} with tumour. Patients without "
        f"one of the T1 sequences: {missing}.",
        f"Patients: {patients}; split by {facts.params.split.strategy}.",
    ]


def _per_fold(split: pd.DataFrame, subset: str) -> str:
    """The lowest and the highest number of patients of a subset of each fold, or the one that all are."""
    counts = split[split["subset"] == subset].groupby("fold")["patient_id"].nunique()
    return " to ".join(map(str, sorted({counts.min(), counts.max()})))


def _scores(facts: Facts) -> str:
    patients = facts.patients
    folds = ""
    if facts.scored is not None:
        count, train = facts.scored["fold"].nunique(), _per_fold(facts.scored, "train")
        model = f"mean of the {n} networks" if (n := facts.scored_networks) > 1 else "network"
        folds = (
            f" of a cross-validation in {count} folds, each outlined by the {model} of their fold alone, which had not "
            f"seen them ({train} patients to train). Together the networks of this model have seen every patient, so "
            "no score of their mean is given"
        )
    method = (
        f"{len(patients)} test patients{folds}. A score is of the whole volume of a patient, on the grid of the stored "
        "slices; intervals resample patients. Distances count pixels, and a step between slices as one."
    )
    flair = with_interval(interval(patients["flair_dice"]))
    beside = f"Beside it, Dice of the same patients: FLAIR above a threshold {flair}; nothing outlined 0."
    if facts.source == "published":
        beside += (
            f" Published for this data set, split by patient, all 110 patients: {PUBLISHED_DICE_MEAN} mean, "
            f"{PUBLISHED_DICE_MEDIAN} median (Buda et al. 2019)."
        )
    return _paragraph(method) + "\n" + score_rows(patients) + "\n" + _paragraph(beside)


def _weights_licence(facts: Facts) -> str:
    licence = facts.params.package.weights_licence
    if licence == "other":
        return "not stated; ask who made them"
    return f"{licence}; {LICENCES[licence]}" if licence in LICENCES and facts.source == "published" else licence


def _paragraph(text: str) -> str:
    return textwrap.fill(text, LINE, break_long_words=False, break_on_hyphens=False) + "\n"


def _bullets(*texts: str) -> str:
    wrapper = textwrap.TextWrapper(LINE, "- ", "  ", break_long_words=False, break_on_hyphens=False)
    return "".join(f"{wrapper.fill(text)}\n" for text in texts)
