"""Fill brainseg/released/: the mean of networks of a cross-validation, with a card that has the scores of another.

    cp presets/released.yaml params.yaml && make cross-validation JOBS=2      # the scores: five folds
    python -m studies.altered_scans cv/folds/0 cv/folds/1 --out altered.csv
    cp -r cv/folds scored
    cp presets/lgg-22-folds.yaml params.yaml && dvc repro index && dvc --cd cv repro evaluate@0 evaluate@1
    python -m studies.release --folds 0 1 --scored scored --altered altered.csv --commit COMMIT --hardware "two cores"

With 22 folds a network has more patients to train than with five, and the same parameters otherwise. Weights are
rounded to half precision, which halves the files. The card gives no score of the mean: together its networks have seen
every patient. A patient's score is that of the model of their fold of five, which had not seen them.

Reads:  params.yaml, data/index.csv, metrics/index.json, cv/folds/
"""

import argparse
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
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
    parser.add_argument("--scored", type=Path, help="folder of the folds that give the scores (default: that of --cv)")
    parser.add_argument("--altered", type=Path, help="CSV that studies.altered_scans wrote for the folds")
    parser.add_argument("--commit", required=True, help="of the code that trained the networks")
    parser.add_argument("--scored-commit", help="of the code that trained those of --scored (default: the same)")
    parser.add_argument("--hardware", required=True, help="that they were trained on, in words")
    parser.add_argument("--out", type=Path, default=RELEASED, help="folder to fill (default: %(default)s)")
    arguments = parser.parse_args()
    params = load_params()
    configure(params.train)
    scored, folds = arguments.scored or arguments.cv, tuple(arguments.folds)
    sections = failures_section(pd.read_csv(FAILURES))
    commits = arguments.commit, arguments.scored_commit or arguments.commit
    sections += training_section(arguments.cv, folds, scored, commits, arguments.hardware)
    if arguments.altered is not None:
        sections += altered_section(pd.read_csv(arguments.altered))
    release(arguments.cv, folds, scored, params, arguments.out, sections)
    print(f"{arguments.out}: bundle of the networks of {len(folds)} folds")


def release(folder: Path, folds: tuple[int, ...], scored: Path, params: Params, out: Path, sections: str) -> None:
    """Write the bundle of the mean of the networks of some folds.

    Args:
        folder: contains one folder for each fold, named by its number.
        folds: whose networks are averaged.
        scored: like `folder`, of the cross-validation whose scores the card has.
        params: of the cross-validation of `folder`.
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
        tables = scored_folds(scored).values()
        scores = pd.concat([read_table(table, PATIENT_COLUMNS) for table in tables], ignore_index=True)
        facts = replace(
            read_facts(folder / f"{folds[0]}", params, card, model.count_params()),
            split=read_splits(folder, folds),
            patients=scores.sort_values("patient_id", ignore_index=True),
            folds=folds,
            fold_count=len(params.split.folds),
            scored=read_splits(scored, scored_folds(scored)),
            scored_networks=network_count(load_model(scored / f"{min(scored_folds(scored))}/models/unet.keras")[0]),
        )
        write_bundle(out, path, model, facts, sections=sections)


def scored_folds(folder: Path) -> dict[int, Path]:
    """The folds that have scores, by number, and the table of each."""
    tables = {int(path.parts[-3]): path for path in folder.glob("*/metrics/patients.csv")}
    return dict(sorted(tables.items()))


def read_splits(folder: Path, folds: Iterable[int]) -> pd.DataFrame:
    """data/split.csv of some folds one after the other, with the column fold."""
    tables = [read_table(folder / f"{fold}/data/split.csv", SPLIT_COLUMNS).assign(fold=fold) for fold in folds]
    return pd.concat(tables, ignore_index=True)


def network_count(model: Any) -> int:
    """Number of networks that a Keras model averages; 1: it is a network itself."""
    return max(1, sum(hasattr(layer, "layers") for layer in model.layers))


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


def training_section(folder: Path, folds: Sequence[int], scored: Path, commits: tuple[str, str], hardware: str) -> str:
    """How the networks of `folder` and `scored` were trained, Markdown; arguments as those of `release`."""

    def listed(folder: Path, folds: Iterable[int]) -> str:
        digests = {fold: sha256_of(folder / f"{fold}/models/unet.keras") for fold in folds}
        return "".join(f"- fold {fold}: `{digest}`\n" for fold, digest in digests.items())

    stages = " ".join(f"evaluate@{fold}" for fold in folds)
    return f"""
## Training

By `cp presets/lgg-22-folds.yaml params.yaml && dvc repro index && dvc --cd cv repro {stages}`
at commit `{commits[0]}`, on {hardware}.
SHA-256 of the networks, before their weights were rounded to half precision:

{listed(folder, folds)}
The models that were scored, by `cp presets/released.yaml params.yaml && make cross-validation JOBS=2`
at commit `{commits[1]}`:

{listed(scored, scored_folds(scored))}"""


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

{patients} test patients, each with the model of their fold, scans altered (`python -m studies.altered_scans`); paired
difference to the unaltered scans.

| scans | mean Dice | median Dice | difference (95 % interval) |
| --- | ---: | ---: | --- |
{"".join(lines)}"""


if __name__ == "__main__":
    main()
