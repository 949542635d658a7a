"""Whether a model can be exported in a precision: the format, the processor, and the patients to compare on."""

from collections.abc import Sequence
from pathlib import Path

from brainseg.errors import UserError
from brainseg.export.exported import import_openvino
from brainseg.scans.case_source import CaseSource
from brainseg.scans.recognise import find_cases
from brainseg.terminal import printable

BFLOAT16_FORMATS = ("openvino",)
MAX_LISTED = 5  # patients that a message lists


def check_precision(precision: str, format_name: str, patients: Sequence[object]) -> None:
    """Check that a model can be exported in a precision.

    Args:
        precision: float32 or bfloat16.
        format_name: a key of `brainseg.export.formats.FORMATS`, whose package is installed.
        patients: to compare on; what they are does not matter.

    Raises:
        UserError: if bfloat16 is asked for and the format does not have it, there are no patients, or the processor
            would compute in float32 all the same; or if there are patients and nothing to compare on them.
    """
    if precision == "float32":
        if patients:
            raise UserError(
                "--patients is for --precision bfloat16: a file in float32 is compared with Keras on a synthetic "
                "patient. Leave --patients out, or add --precision bfloat16"
            )
        return
    if format_name not in BFLOAT16_FORMATS:
        raise UserError(
            f"--precision {precision}: --format {format_name} has float32 only. ONNX Runtime and LiteRT have no "
            "convolutions in bfloat16 for CPUs, and TensorFlow chooses it by an option of the program that runs the "
            f"model, not by the file. Expected: --format {', '.join(BFLOAT16_FORMATS)}, or --precision float32"
        )
    if not patients:
        raise UserError(
            f"--precision {precision} needs --patients: real patients with reference masks, not those of the training, "
            "because it is written only if it does not change their mean Dice, which a synthetic patient cannot tell. "
            "Expected: --patients FOLDER..., read as `brainseg predict --evaluate` reads them"
        )
    if "BF16" not in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError(
            f"--precision {precision}: this processor has no instructions for bfloat16. OpenVINO would compute in "
            "float32, and what bfloat16 changes could not be measured. Export on a processor with AVX512-BF16 or AMX"
        )


def find_patients(paths: Sequence[Path]) -> list[CaseSource]:
    """Find patients with reference masks.

    Args:
        paths: files and folders, as for `brainseg predict --evaluate`.

    Returns:
        At least one; no pixels are read yet.

    Raises:
        UserError: if nothing is recognised, a patient cannot be read, or one has no mask.
    """
    cases = find_cases(paths)
    for case in cases:
        if case.fault is not None:
            raise UserError(f"--patients: {case.fault}")
    bare = [printable(case.case_id) for case in cases if case.mask is None and not any(case.masks)]
    if bare:
        more = ", ..." * (len(bare) > MAX_LISTED)
        raise UserError(
            f"--patients: {len(bare)} of {len(cases)} have no reference mask: {', '.join(bare[:MAX_LISTED])}{more}. "
            "Expected: masks beside the images, such as <image>_mask.tif; docs/scans.md"
        )
    return cases
