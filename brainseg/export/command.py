"""The command `brainseg export`. What takes long to import is imported when it runs."""

import argparse
import importlib.util
from pathlib import Path

from brainseg.errors import UserError
from brainseg.terminal import printable

DESCRIPTION = """Write the model in a format of other programs, with the preprocessing inside: a raw volume goes in,
probabilities come out. The result is compared with Keras before it is written: in float32 on a synthetic patient, in
bfloat16 on patients that you name. docs/export.md has examples. Not for diagnosis."""
PACKAGES = {  # of each format: what Python imports, and how it is installed
    "onnx": ("onnxruntime", "onnxruntime"),
    "openvino": ("openvino", "'brain-segmentation[openvino]'"),
    "litert": ("ai_edge_litert", "'brain-segmentation[litert]'"),
    "saved_model": ("tensorflow", "tensorflow"),
}


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = parser.add_argument
    add("--format", choices=tuple(PACKAGES), required=True, help="format of the result")
    add("-o", "--out", type=Path, required=True, help="folder for the result")
    add("--model", type=Path, help="a .keras file, or a folder with unet.keras (default: the model of brainseg)")
    add("--precision", choices=("float32", "bfloat16"), default="float32", help="bfloat16: faster; openvino only")
    add(
        "--patients",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="for bfloat16: compare Dice on these, with their masks",
    )
    add("--no-flip", action="store_true", help="do not average with the flipped scan: twice as fast")
    add("--overwrite", action="store_true", help="replace an earlier export in OUT")
    parser.set_defaults(command=export)


def export(arguments: argparse.Namespace) -> None:
    """Run the command."""
    module, package = PACKAGES[arguments.format]
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"--format {arguments.format} needs {module}, which is not installed. Install it: pip install {package}"
        )
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UserError(f"--out {printable(str(arguments.out))}: expected a folder, found a file")
    from brainseg.export.precision import check_precision, find_patients

    check_precision(arguments.precision, arguments.format, arguments.patients)
    patients = find_patients(arguments.patients) if arguments.patients else []
    from brainseg.export.writing import read_source, write_export

    source = read_source(arguments.model, flip=not arguments.no_flip, precision=arguments.precision)
    agreement = write_export(source, arguments.format, arguments.out, overwrite=arguments.overwrite, patients=patients)
    print(f"{arguments.format} -> {printable(str(arguments.out))}. {agreement}.")
    print("Not for diagnosis.")
