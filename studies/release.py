"""Fill brainseg/released/: the mean of networks of a cross-validation, with a card that has the scores of all folds.

    cp presets/released.yaml params.yaml && make cross-validation JOBS=2
    python -m studies.altered_scans cv/folds/0 cv/folds/1 --out altered.csv
    python -m studies.release --folds 0 1 --altered altered.csv --commit COMMIT --hardware "two AMD EPYC cores"

Weights are rounded to half precision, which halves the files. The card gives no score of the mean: together its
networks have seen every patient. A patient's score is that of the network of their fold, which had not seen them.

Reads:  params.yaml, data/index.csv, metrics/index.json, cv/folds/
"""

import argparse
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.export.card import LINE
from brainseg.export.facts import read_facts
from brainseg.files import SPLIT_COLUMNS, read_table
from brainseg.model.backend import configure
from brainseg.params import Params, load_params
from brainseg.reading import sha256_of
from studies.altered_scans import summarise

RELEASED = Path("brainseg/released")
FAILURES = Path(__file__).with_name("failures.csv")  # what the pictures of the worst patients show, seen by a person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, nargs="+", required=True, help="whose networks are averaged")
    parser.add_argument("--cv", type=Path, default=Path("cv/folds"), help="folder of the folds (default: %(default)s)")
    parser.add_argument("--altered", type=Path, help="CSV that studies.altered_scans wrote for the folds")
    parser.add_argument("--commit", required=True, help="of the code that trained the networks")
    parser.add_argument("--hardware", required=True, help="that they were trained on, in words")
    parser.add_argument("--out", type=Path, default=RELEASED, help="folder to fill (default: %(default)s)")
    arguments = parser.parse_args()
    params = load_params()
    configure(params.train)
    sections = failures_section(pd.read_csv(FAILURES))
    sections += training_section(arguments.cv, params, arguments.commit, arguments.hardware)
    if arguments.altered is not None:
        sections += altered_section(pd.read_csv(arguments.altered))
    release(arguments.cv, tuple(arguments.folds), params, arguments.out, sections)
    print(f"{arguments.out}: bundle of the networks of {len(arguments.folds)} folds")


def release(folder: Path, folds: tuple[int, ...], params: Params, out: Path, sections: str) -> None:
    """Write the bundle of the mean of the networks of some folds.

    Args:
        folder: contains one folder for each fold, named by its number; all of them are scored.
        folds: whose networks are averaged.
        params: of the cross-validation.
        out: folder of the bundle.
        sections: for the end of the card.
    """
    from brainseg.export.packing import write_bundle  # imports Keras, so after `configure`
    from brainseg.model.saving import load_model, save_model
    from brainseg.model.unet import average_ensemble

    loaded = [load_model(folder / f"{fold}/models/unet.keras") for fold in folds]
    for network, _ in loaded:
        network.set_weights([half_precision(weight) for weight in network.get_weights()])
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "unet.keras"
        save_model(path, average_ensemble([network for network, _ in loaded]), loaded[0][1], compress=True)
        model, card = load_model(path)
        splits = [read_table(folder / f"{fold}/data/split.csv", SPLIT_COLUMNS).assign(fold=fold) for fold in folds]
        scores = [read_table(path, PATIENT_COLUMNS) for path in sorted(folder.glob("*/metrics/patients.csv"))]
        facts = replace(
            read_facts(folder / f"{folds[0]}", params, card, model.count_params()),
            split=pd.concat(splits, ignore_index=True),
            patients=pd.concat(scores, ignore_index=True).sort_values("patient_id", ignore_index=True),
            folds=folds,
        )
        write_bundle(out, path, model, facts, sections=sections)


def half_precision(weights: Any) -> Any:
    """Round weights, any shape, to those that float16 has; the result is float32."""
    return np.asarray(weights, np.float16).astype(np.float32)


def failures_section(seen: pd.DataFrame) -> str:
    """What the pictures of the worst patients show, Markdown; columns patient_id and seen."""
    wrapper = textwrap.TextWrapper(LINE, "- ", "  ", break_long_words=False, break_on_hyphens=False)
    lines = "".join(f"{wrapper.fill(f'{row.patient_id}: {row.seen}')}\n" for row in seen.itertuples())
    return f"""
## What the pictures of the worst patients show

{lines}"""


def training_section(folder: Path, params: Params, commit: str, hardware: str) -> str:
    """How the networks were trained, Markdown."""
    scored = sorted(int(path.parts[-3]) for path in folder.glob("*/metrics/patients.csv"))
    digests = {fold: sha256_of(folder / f"{fold}/models/unet.keras") for fold in scored}
    listed = "".join(f"- network of fold {fold}: `{digest}`\n" for fold, digest in digests.items())
    return f"""
## Training

By `cp presets/released.yaml params.yaml && make cross-validation JOBS=2` at commit `{commit}`
on {hardware};
{len(scored)} of {len(params.split.folds)} folds. SHA-256 of the networks, before their weights were rounded to
half precision:

{listed}"""


def altered_section(altered: pd.DataFrame) -> str:
    """The scores of altered scans, Markdown; `altered` is what `studies.altered_scans` wrote."""
    lines = []
    for row in summarise(altered).itertuples():
        difference = f"{row.difference:+.3f} ({row.ci_low:+.3f} to {row.ci_high:+.3f})"
        shown = "" if row.alteration == "unaltered" else f"{difference} "
        lines.append(f"| {row.alteration} | {row.mean:.3f} | {row.median:.3f} | {shown}|\n")
    patients = altered["patient_id"].nunique()
    return f"""
## Altered scans

{patients} test patients, each with the network of their fold, scans altered (`python -m studies.altered_scans`); paired
difference to the unaltered scans.

| scans | mean Dice | median Dice | difference (95 % interval) |
| --- | ---: | ---: | --- |
{"".join(lines)}"""


if __name__ == "__main__":
    main()
