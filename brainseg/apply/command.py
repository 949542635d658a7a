"""The command `brainseg predict`. What takes long to import is imported when it runs."""

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import UserError
from brainseg.terminal import printable

if TYPE_CHECKING:
    from brainseg.apply.outcome import Outcome
    from brainseg.apply.records import Shard
    from brainseg.scans.case_source import CaseSource

DESCRIPTION = """Outline the tumour in scans: NIfTI, DICOM, folders of TIFF or PNG slices, multi-page TIFF, the Kaggle
layout, or folders of many such scans. FLAIR is needed; T1 before and after contrast agent is used if it is there.
docs/scans.md says how files are recognised. Nothing is sent anywhere. Not for diagnosis."""


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("inputs", metavar="INPUT", type=Path, nargs="*", help="files or folders")
    add("-o", "--out", type=Path, required=True, help="folder for the results")
    add("--model", type=Path, help="a .keras, .onnx or .xml file, or a folder with one (default: brainseg's own)")
    sequences = parser.add_argument_group("which files are meant")
    for option, name in (("flair", "FLAIR"), ("t1", "T1 before contrast agent"), ("t1ce", "T1 after contrast agent")):
        sequences.add_argument(f"--{option}", metavar="FILE", help=f"{name}: a file, or a series of DICOM")
    sequences.add_argument("--channels", metavar="NAMES", help="volumes of a 4-D NIfTI in order, such as flair,t1,t1ce")
    sequences.add_argument("--pattern", help="template of file names, such as '{patient_id}/{slice_number}.png'")
    sequences.add_argument("--mask-pattern", help="template of the names of masks, for --evaluate")
    sequences.add_argument("--table", type=Path, metavar="CSV", help="table of cases: case,flair,t1,t1ce,mask")
    results = parser.add_argument_group("what is written")
    results.add_argument("--save-probabilities", action="store_true", help="probabilities, float32")
    results.add_argument("--overlay", action="store_true", help="a picture of each outline, PNG")
    results.add_argument("--bids", action="store_true", help="names by the rules of BIDS derivatives")
    results.add_argument("--nifti", action="store_true", help="for DICOM: NIfTI beside the DICOM segmentation")
    results.add_argument("--evaluate", action="store_true", help="Dice with the masks beside the images")
    results.add_argument("--anonymise", type=Path, metavar="KEYFILE", help="names become hashes, keyed by this file")
    results.add_argument("--resume", action="store_true", help="keep what is finished for the same input and model")
    results.add_argument("--overwrite", action="store_true", help="replace results in OUT")
    how = parser.add_argument_group("how")
    how.add_argument("--threshold", type=float, help="probability from which a voxel is tumour (default: the model's)")
    how.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="average with the flipped scan, or not: twice as fast (default: as the run of the model was scored)",
    )
    how.add_argument("--batch-size", type=int, default=16, help="slices per batch (default: %(default)s)")
    how.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    how.add_argument("--device", choices=("any", "gpu"), default="any", help="gpu: refuse to run without one")
    many = parser.add_argument_group("many scans, see docs/scaling.md")
    many.add_argument(
        "--shard", metavar="I/N", help="outline the I-th of N shares of the cases; OUT is the same for all"
    )
    many.add_argument("--merge", action="store_true", help="merge the tables of all shards in OUT; no INPUT")
    many.add_argument("--scheduler", metavar="ADDRESS", help="outline on the workers of this Dask cluster")
    parser.set_defaults(command=predict)


def predict(arguments: argparse.Namespace) -> None:
    """Run the command; exits with 1 if a case failed."""
    _check(arguments)
    from brainseg.apply.out_folder import check_out
    from brainseg.apply.records import parse_shard, table_paths

    shard = parse_shard(arguments.shard) if arguments.shard else None
    if arguments.merge:
        from brainseg.apply.merging import merge_shards

        statuses = [outcome.status for outcome in merge_shards(arguments.out)]
    else:
        cases = _find_cases(arguments)
        replace = arguments.resume or arguments.overwrite
        named = [Path(text) for text in (arguments.flair, arguments.t1, arguments.t1ce) if text]
        check_out(arguments.out, [*arguments.inputs, *named], shard=shard, replace=replace)
        count = len(cases) if shard is None else len(shard.positions(len(cases)))
        statuses = _print_each(_outline(arguments, cases, shard), count)
    done = len(statuses) - statuses.count("failed")
    written = ", ".join(printable(str(path)) for path in table_paths(arguments.out, shard))
    print(f"{done} of {len(statuses)} cases -> {written}. Not for diagnosis.")
    if done < len(statuses):
        sys.stdout.flush()
        sys.exit(1)


def _find_cases(arguments: argparse.Namespace) -> "list[CaseSource]":
    from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES
    from brainseg.scans.recognise import InputOptions, find_cases

    given = {"flair": FLAIR, "t1": PRE_CONTRAST, "t1ce": POST_CONTRAST}
    options = InputOptions(
        sequences={SEQUENCES[channel]: text for name, channel in given.items() if (text := getattr(arguments, name))},
        channels=arguments.channels.split(",") if arguments.channels else (),
        pattern=arguments.pattern,
        mask_pattern=arguments.mask_pattern,
        table=arguments.table,
    )
    return find_cases(arguments.inputs, options)


def _outline(arguments: argparse.Namespace, cases: "list[CaseSource]", shard: "Shard | None") -> Iterator["Outcome"]:
    """Outline the cases here or on a cluster."""
    from brainseg.apply.outcome import OutputOptions
    from brainseg.apply.recorded_flip import recorded_flip
    from brainseg.apply.segmenter import load_segmenter

    options = OutputOptions(
        probabilities=arguments.save_probabilities,
        overlay=arguments.overlay,
        bids=arguments.bids,
        nifti=arguments.nifti,
        evaluate=arguments.evaluate,
        key=_read_key(arguments.anonymise),
    )
    load = partial(
        load_segmenter,
        arguments.model,
        threshold=arguments.threshold,
        flip=recorded_flip(arguments.model) if arguments.flip is None else arguments.flip,
        batch_size=arguments.batch_size,
        threads=arguments.threads,
        device=arguments.device,
    )
    if arguments.scheduler is None:
        from brainseg.apply.cases import outline_cases

        yield from outline_cases(cases, load(), arguments.out, options, resume=arguments.resume, shard=shard)
    else:
        from brainseg.apply.scheduler import connect, outline_on_cluster

        with connect(arguments.scheduler) as client:
            yield from outline_on_cluster(cases, load, arguments.out, options, client, resume=arguments.resume)


def _print_each(outcomes: Iterator["Outcome"], count: int) -> list[str]:
    """Print what becomes of each case, and the time left; returns their statuses."""
    statuses: list[str] = []
    began = time.monotonic()
    for outcome in outcomes:
        statuses.append(outcome.status)
        left = (time.monotonic() - began) / len(statuses) * (count - len(statuses))
        _print(outcome, f"{len(statuses)}/{count}", f", about {left:.0f} s left" if left >= 1 else "")
    return statuses


def _print(outcome: "Outcome", position: str, left: str) -> None:
    """One line for a case, and its notes below."""
    found = outcome.status
    if outcome.row is not None:
        volume, voxels = outcome.row["volume_ml"], outcome.row["voxels"]
        found += f", {voxels} voxels" if volume is None else f", {volume:.1f} ml"
        found += "" if outcome.row["dice"] is None else f", Dice {outcome.row['dice']:.3f}"
    print(f"{position} {printable(outcome.case)}: {found}, {outcome.seconds:.1f} s{left}")
    for note in outcome.notes:
        for line in note.split("\n"):
            print(f"  {printable(line)}")
    sys.stdout.flush()


def _check(arguments: argparse.Namespace) -> None:
    """Check options that argparse cannot, and make paths absolute: workers of a cluster have other working folders."""
    if arguments.merge and (arguments.inputs or arguments.shard or arguments.scheduler or arguments.table):
        raise UserError(
            "--merge takes only -o OUT, in which all shards have written. Expected: no other input or option"
        )
    if arguments.scheduler is not None:
        if arguments.shard:
            raise UserError("--scheduler and --shard both spread the cases. Expected: one of them")
        _make_absolute(arguments)
    if arguments.threshold is not None and not 0 < arguments.threshold <= 1:
        raise UserError(f"--threshold {arguments.threshold}: expected a number above 0, at most 1")
    for name, most in (("batch_size", 1024), ("threads", 1024)):
        value = getattr(arguments, name)
        if not 1 <= value <= most:
            raise UserError(f"--{name.replace('_', '-')} {value}: expected a whole number from 1 to {most}")


def _make_absolute(arguments: argparse.Namespace) -> None:
    arguments.inputs = [path.absolute() for path in arguments.inputs]
    for name in ("out", "model", "table"):
        if (path := getattr(arguments, name)) is not None:
            setattr(arguments, name, path.absolute())
    for name in ("flair", "t1", "t1ce"):  # files, or numbers of DICOM series
        if (text := getattr(arguments, name)) is not None and Path(text).exists():
            setattr(arguments, name, str(Path(text).absolute()))


def _read_key(path: Path | None) -> bytes | None:
    if path is None:
        return None
    from brainseg.scans.regular_file import open_regular

    with open_regular(path, expected="a file with a secret") as file:
        key = file.read().strip()
    if len(key) < 16:
        raise UserError(
            f"--anonymise {printable(str(path))}: expected a secret of at least 16 bytes, such as from "
            "head -c 32 /dev/urandom | base64"
        )
    return key
