"""Outlining one case: it is read, outlined, measured and written. Loop, shards and clusters all use this."""

import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from brainseg.apply.anonymity import without_names
from brainseg.apply.measures import measure
from brainseg.apply.outcome import Outcome, OutputOptions
from brainseg.apply.overlay import draw_overlay
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.reading import sha256_of
from brainseg.scans.case_source import CaseSource
from brainseg.scans.cases import read_scan
from brainseg.scans.digests import keyed_name
from brainseg.scans.results import write_mask, write_probability
from brainseg.scans.scan import Scan
from brainseg.scans.write_nifti import write_bids
from brainseg.scans.write_nifti import write_mask as write_nifti_mask
from brainseg.writing import atomic_write

PROGRAM = "Brain Segmentation"


def outline_case(
    case: CaseSource, segmenter: Segmenter, out: Path, options: OutputOptions, known: Outcome | None = None
) -> Outcome:
    """Outline a case and write its results; a case that cannot be outlined has the status "failed".

    Args:
        case: from `brainseg.scans.recognise.find_cases`.
        segmenter: the model.
        out: folder for the results.
        options: what to write.
        known: the outcome of an earlier call with the same model and options, which is kept if the files of the case
            are the same.
    """
    began = time.monotonic()
    try:
        outcome = outline_or_raise(case, segmenter, out, options, known)
    except (UserError, OSError, MemoryError) as error:
        message = "not enough memory for this scan" if isinstance(error, MemoryError) else str(error)
        outcome = failed(case, options, message)
    if options.key is not None:
        notes = tuple(without_names(note, case, outcome.case) for note in outcome.notes)
        outcome = replace(outcome, notes=notes)
    return replace(outcome, seconds=round(time.monotonic() - began, 2))


def failed(case: CaseSource, options: OutputOptions, message: str) -> Outcome:
    """The outcome of a case that could not be outlined."""
    return Outcome(case=output_name(case, options), status="failed", notes=(message,))


def output_name(case: CaseSource, options: OutputOptions) -> str:
    """The name of a case in the output."""
    return case.case_id if options.key is None else keyed_name(options.key, case.case_id)


def outline_or_raise(
    case: CaseSource, segmenter: Segmenter, out: Path, options: OutputOptions, known: Outcome | None = None
) -> Outcome:
    """Outline a case as `outline_case` does.

    Raises:
        UserError: if the files are not a scan that can be outlined.
        OSError: if a file cannot be read or written.
        MemoryError: if there is not enough memory for the scan.
    """
    scan = read_scan(case, with_masks=options.evaluate)
    name = output_name(case, options)
    inputs = tuple(sha256_of(path) for path in scan.source.paths)
    if known is not None and known.inputs == inputs and all((out / path).is_file() for path in known.outputs):
        return replace(known, status="kept")
    if options.key is not None:
        scan = _with_name(scan, name)
    mask, probability = segmenter.segment(scan.image, slice_step=scan.slice_step)
    row = measure(scan, mask, probability)
    written, notes = _write(scan, mask, probability, segmenter, out, options)
    return Outcome(
        case=name,
        status="done",
        inputs=inputs,
        outputs=tuple(path.relative_to(out).as_posix() for path in written),
        notes=(*scan.notes, *notes),
        row=row,
    )


def _with_name(scan: Scan, name: str) -> Scan:
    """The scan under another name, which also replaces the names of its files."""
    source = scan.source
    stems = tuple(f"{name}_{number}" for number, _ in enumerate(source.stems, 1))
    paths = tuple(Path(f"{name}_{number}{path.suffix}") for number, path in enumerate(source.paths, 1))
    return replace(scan, case_id=name, source=replace(source, stems=stems, paths=paths))


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
        written, notes = _write_dicom(scan, mask, segmenter, out, options)
    else:
        written = write_mask(scan, mask, out)
    if options.probabilities and not (options.bids and volumes):
        written += write_probability(scan, probability, out)
    if options.overlay:
        written.append(out / f"{scan.case_id}_overlay.png")
        with atomic_write(written[-1]) as temporary:
            temporary.write_bytes(draw_overlay(scan, mask))
    return written, notes


def _write_dicom(
    scan: Scan, mask: BoolArray, segmenter: Segmenter, out: Path, options: OutputOptions
) -> tuple[list[Path], tuple[str, ...]]:
    """Write the segmentation, the report of its volume, and NIfTI if the user wants it."""
    from brainseg.scans.dicom_objects import Algorithm  # highdicom is imported for DICOM only
    from brainseg.scans.write_seg import write_seg
    from brainseg.scans.write_seg_report import write_volume_report

    point = tuple((name, str(value)) for name, value in asdict(segmenter.point).items())
    algorithm = Algorithm(
        version=version("brain-segmentation"),
        model_digest=segmenter.digest,
        parameters=(*point, ("flip", str(segmenter.flip))),
    )
    written = [out / f"{scan.case_id}_seg.dcm", out / f"{scan.case_id}_sr.dcm"]
    notes = write_seg(scan, mask, written[0], algorithm=algorithm, key=options.key)
    write_volume_report(scan, mask, written[0], written[1], algorithm=algorithm, key=options.key)
    if options.nifti:
        written.append(write_nifti_mask(scan, mask, out))
    return written, notes
