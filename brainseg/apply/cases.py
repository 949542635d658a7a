"""Many cases with one model: each is read, outlined, measured and written; a bad one does not stop the others."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brainseg.apply.measures import COLUMNS, measure
from brainseg.apply.overlay import draw_overlay
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.scans.case_source import CaseSource
from brainseg.scans.cases import read_scan
from brainseg.scans.results import write_mask, write_probability
from brainseg.scans.scan import Scan
from brainseg.scans.write_labels import write_labels
from brainseg.scans.write_nifti import write_bids
from brainseg.scans.write_nifti import write_mask as write_nifti_mask
from brainseg.writing import atomic_write

REPORT, TABLE = "report.json", "predictions.csv"
PROGRAM = "Brain Segmentation"


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written for each case.

    Attributes:
        probabilities: whether to write probabilities, too.
        overlay: whether to write a picture of the outline.
        bids: whether masks are named by BIDS; NIfTI and DICOM only.
        nifti: whether to write NIfTI for DICOM, beside the DICOM segmentation.
        evaluate: whether to score against masks beside the images.
        key: replaces names of cases by keyed hashes; None: names stay.
    """

    probabilities: bool = False
    overlay: bool = False
    bids: bool = False
    nifti: bool = False
    evaluate: bool = False
    key: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: its name in the output.
        status: done, kept (finished before, by `resume`), or failed.
        seconds: that it took.
        inputs: SHA-256 of each file that was read, hexadecimal.
        outputs: files that were written, relative to the output folder.
        notes: messages for the user.
        row: of predictions.csv; empty if it failed.
    """

    case: str
    status: str
    seconds: float = 0.0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row: dict[str, Any] | None = None


def outline_cases(
    cases: Sequence[CaseSource], segmenter: Segmenter, out: Path, options: OutputOptions, *, resume: bool = False
) -> Iterator[Outcome]:
    """Outline cases one after the other, and write predictions.csv and report.json after each.

    Args:
        cases: from `brainseg.scans.recognise.find_cases`.
        segmenter: the model.
        out: folder for the results.
        options: what to write.
        resume: whether to keep the results of cases that were finished with the same input, model and options.

    Yields:
        What became of each case, in order.
    """
    settings = _settings(segmenter, options)
    finished = _read_finished(out, settings) if resume else {}
    write_labels(out)
    outcomes: list[Outcome] = []
    for case in cases:
        began = time.monotonic()
        try:
            outcome = _outline(case, segmenter, out, options, finished)
        except (UserError, OSError, MemoryError) as error:
            message = "not enough memory for this scan" if isinstance(error, MemoryError) else str(error)
            outcome = Outcome(case=_name(case.case_id, options.key), status="failed", notes=(message,))
        outcome = replace(outcome, seconds=round(time.monotonic() - began, 2))
        outcomes.append(outcome)
        _write_tables(out, settings, outcomes)
        yield outcome


def _outline(
    case: CaseSource, segmenter: Segmenter, out: Path, options: OutputOptions, finished: dict[str, dict[str, Any]]
) -> Outcome:
    scan = read_scan(case, with_masks=options.evaluate)
    name = _name(case.case_id, options.key)
    inputs = tuple(_digest(path) for path in scan.source.paths)
    known = finished.get(name)
    if known and tuple(known["inputs"]) == inputs and all((out / path).is_file() for path in known["outputs"]):
        return Outcome(**{**known, "status": "kept"})
    if options.key is not None:
        source = scan.source
        stems = tuple(f"{name}_{number}" for number, _ in enumerate(source.stems, 1))
        paths = tuple(Path(f"{name}_{number}{path.suffix}") for number, path in enumerate(source.paths, 1))
        scan = replace(scan, case_id=name, source=replace(source, stems=stems, paths=paths))
    mask, probability = segmenter.segment(scan.image, slice_step=scan.slice_step)
    written, notes = _write(scan, mask, probability, segmenter, out, options)
    return Outcome(
        case=name,
        status="done",
        inputs=inputs,
        outputs=tuple(path.relative_to(out).as_posix() for path in written),
        notes=(*scan.notes, *notes),
        row=measure(scan, mask, probability),
    )


def _write(
    scan: Scan, mask: BoolArray, probability: FloatArray, segmenter: Segmenter, out: Path, options: OutputOptions
) -> tuple[list[Path], tuple[str, ...]]:
    """Write the results of a case; returns the files and messages for the user."""
    notes: tuple[str, ...] = ()
    volumes = scan.source.kind in ("nifti", "dicom")
    if options.bids and volumes:
        maps = probability if options.probabilities else None
        release = version("brain-segmentation")
        written = write_bids(scan, mask, out, generated_by=PROGRAM, version=release, probability=maps)
    elif scan.source.kind == "dicom":
        from brainseg.scans.write_seg import Algorithm, write_seg  # highdicom is imported for DICOM only

        point = tuple((name, str(value)) for name, value in asdict(segmenter.point).items())
        algorithm = Algorithm(
            version=version("brain-segmentation"),
            model_digest=segmenter.digest,
            parameters=(*point, ("flip", str(segmenter.flip))),
        )
        written = [out / f"{scan.case_id}_seg.dcm"]
        notes = write_seg(scan, mask, written[0], algorithm=algorithm, key=options.key)
        if options.nifti:
            written.append(write_nifti_mask(scan, mask, out))
    else:
        written = write_mask(scan, mask, out)
    if options.probabilities and not (options.bids and volumes):
        written += write_probability(scan, probability, out)
    if options.overlay:
        written.append(out / f"{scan.case_id}_overlay.png")
        with atomic_write(written[-1]) as temporary:
            temporary.write_bytes(draw_overlay(scan, mask))
    return written, notes


def _settings(segmenter: Segmenter, options: OutputOptions) -> dict[str, Any]:
    """What a result depends on besides its input."""
    chosen = {name: value for name, value in asdict(options).items() if name != "key"}
    return {
        "version": version("brain-segmentation"),
        "model_sha256": segmenter.digest,
        **asdict(segmenter.point),
        "flip": segmenter.flip,
        **chosen,
        "anonymised": None if options.key is None else hashlib.sha256(options.key).hexdigest()[:16],
    }


def _name(case_id: str, key: bytes | None) -> str:
    return case_id if key is None else hmac.new(key, case_id.encode(), hashlib.sha256).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_finished(out: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The finished cases of an earlier call by name; none if it had other settings or its report is not readable."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
        if report["settings"] == settings:
            return {case["case"]: case for case in report["cases"] if case["status"] in ("done", "kept")}
    return {}


def _write_tables(out: Path, settings: dict[str, Any], outcomes: list[Outcome]) -> None:
    import pandas as pd

    rows = [outcome.row for outcome in outcomes if outcome.row is not None]
    with atomic_write(out / TABLE) as temporary:
        pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(temporary, index=False, lineterminator="\n")
    with atomic_write(out / REPORT) as temporary:
        report = {"settings": settings, "cases": [asdict(outcome) for outcome in outcomes]}
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
