"""The command `brainseg predict`. What takes long to import is imported when it runs."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import UserError
from brainseg.terminal import printable

if TYPE_CHECKING:
    from brainseg.apply.cases import Outcome

DESCRIPTION = """Outline the tumour in scans: NIfTI, DICOM, folders of TIFF or PNG slices, multi-page TIFF, the Kaggle
layout, or folders of many such scans. FLAIR is needed; T1 before and after contrast agent is used if it is there.
docs/scans.md says how files are recognised. Nothing is sent anywhere. Not for diagnosis."""


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("inputs", metavar="INPUT", type=Path, nargs="*", help="files or folders")
    add("-o", "--out", type=Path, required=True, help="folder for the results")
    add("--model", type=Path, help="a unet.keras, or a folder with one (default: the model that ships with brainseg)")
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
    how.add_argument("--no-flip", action="store_true", help="do not average with the flipped scan: twice as fast")
    how.add_argument("--batch-size", type=int, default=16, help="slices per batch (default: %(default)s)")
    how.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    how.add_argument("--device", choices=("any", "gpu"), default="any", help="gpu: refuse to run without one")
    parser.set_defaults(command=predict)


def predict(arguments: argparse.Namespace) -> None:
    """Run the command; exits with 1 if a case failed."""
    _check(arguments)
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
    cases = find_cases(arguments.inputs, options)
    _check_out(arguments)
    from brainseg.apply.cases import REPORT, TABLE, OutputOptions, outline_cases
    from brainseg.apply.segmenter import load_segmenter

    output = OutputOptions(
        probabilities=arguments.save_probabilities,
        overlay=arguments.overlay,
        bids=arguments.bids,
        nifti=arguments.nifti,
        evaluate=arguments.evaluate,
        key=_read_key(arguments.anonymise),
    )
    segmenter = load_segmenter(
        arguments.model,
        threshold=arguments.threshold,
        flip=not arguments.no_flip,
        batch_size=arguments.batch_size,
        threads=arguments.threads,
        device=arguments.device,
    )
    failed, began = 0, time.monotonic()
    outcomes = outline_cases(cases, segmenter, arguments.out, output, resume=arguments.resume)
    for number, outcome in enumerate(outcomes, 1):
        failed += outcome.status == "failed"
        left = (time.monotonic() - began) / number * (len(cases) - number)
        _print(outcome, f"{number}/{len(cases)}", f", about {left:.0f} s left" if left >= 1 else "")
    folder = printable(str(arguments.out))
    print(f"{len(cases) - failed} of {len(cases)} cases -> {folder}/{TABLE}, {folder}/{REPORT}. Not for diagnosis.")
    if failed:
        sys.stdout.flush()
        sys.exit(1)


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
    if arguments.threshold is not None and not 0 < arguments.threshold <= 1:
        raise UserError(f"--threshold {arguments.threshold}: expected a number above 0, at most 1")
    for name, most in (("batch_size", 1024), ("threads", 1024)):
        value = getattr(arguments, name)
        if not 1 <= value <= most:
            raise UserError(f"--{name.replace('_', '-')} {value}: expected a whole number from 1 to {most}")


def _check_out(arguments: argparse.Namespace) -> None:
    """Refuse a folder whose files would be overwritten, or read as input by the next call."""
    out, shown = arguments.out, printable(str(arguments.out))
    for path in arguments.inputs:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise UserError(f"--out {shown} is inside the input {printable(str(path))}. Name a folder outside it")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {shown}: expected a folder, found a file")
    if out.is_dir() and any(out.iterdir()) and not (arguments.resume or arguments.overwrite):
        raise UserError(
            f"--out {shown} is not empty. Name a new folder; or --resume keeps what is finished, and --overwrite "
            "replaces it"
        )


def _read_key(path: Path | None) -> bytes | None:
    if path is None:
        return None
    key = path.read_bytes().strip()
    if len(key) < 16:
        raise UserError(
            f"--anonymise {printable(str(path))}: expected a secret of at least 16 bytes, such as from "
            "head -c 32 /dev/urandom | base64"
        )
    return key
