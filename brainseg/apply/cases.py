"""Many cases with one model, one after the other; a bad one does not stop the others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from brainseg.apply.outcome import Outcome, OutputOptions
from brainseg.apply.outline import outline_case, output_name
from brainseg.apply.records import Records, Shard, read_finished, settings_of
from brainseg.apply.segmenter import Segmenter
from brainseg.scans.case_source import CaseSource
from brainseg.scans.write_labels import write_labels


def outline_cases(
    cases: Sequence[CaseSource],
    segmenter: Segmenter,
    out: Path,
    options: OutputOptions,
    *,
    resume: bool = False,
    shard: Shard | None = None,
) -> Iterator[Outcome]:
    """Outline cases one after the other, and write predictions.csv and report.json after each.

    Args:
        cases: from `brainseg.scans.recognise.find_cases`, those of other shards among them.
        segmenter: the model.
        out: folder for the results.
        options: what to write.
        resume: whether to keep the results of cases that were finished with the same input, model and options.
        shard: which cases to outline; its tables have their own names. None: all.

    Yields:
        What became of each case, in order.
    """
    settings = settings_of(segmenter, options)
    finished = read_finished(out, settings) if resume else {}
    records = Records(out=out, settings=settings, names=[output_name(case, options) for case in cases], shard=shard)
    if shard is not None:
        records.write()  # tells other shards that the folder is theirs, too
    write_labels(out)
    for position in range(len(cases)) if shard is None else shard.positions(len(cases)):
        known = finished.get(records.names[position])
        outcome = outline_case(cases[position], segmenter, out, options, known)
        records.add(position, outcome)
        yield outcome
