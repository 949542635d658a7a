"""What can be checked before DVC runs a stage: the parameters, the names of the files, and the Python of the stages.

DVC deletes the outputs of a stage before it runs it, so a mistake that is found here costs nothing.
"""

import shutil
import subprocess
from pathlib import Path

from brainseg.dataset.filenames import compile_template
from brainseg.dataset.held_out import read_held_out
from brainseg.dataset.pairing import list_data_root, pair_by_name
from brainseg.errors import UserError
from brainseg.imaging.faults import format_faults
from brainseg.params import DataParams, Params, load_params

SYNTHETIC = Path("data/phantom")  # written by the stage phantom, so it need not exist yet
# Prints the version first, because an old Python may fail at the imports.
PROBE = """
import sys
print("%d.%d.%d" % sys.version_info[:3], flush=True)
import stages.index, stages.split, stages.train, stages.predict, stages.evaluate, stages.visualise, stages.package
from importlib.util import find_spec
sys.exit(None if find_spec("keras") and find_spec("tensorflow") else "No module named 'keras' or 'tensorflow'")
"""


def check_project() -> dict[str, str]:
    """Check the project in the current folder. No pixel is read; the stage index does that.

    Returns:
        What was checked -> what was found: python, params.yaml, data.root, and split.test_patients if it is set.

    Raises:
        UserError: one message with every fault.
    """
    found: dict[str, str] = {}
    faults: list[UserError] = []
    try:
        found["python"] = _check_python()
    except UserError as error:
        faults.append(error)
    try:
        params = load_params()
        found["params.yaml"] = "every parameter is known and in its range"
        found |= _check_data(params)
    except UserError as error:
        faults.append(error)
    if faults:
        raise UserError("\n".join(map(str, faults)))
    return found


def _check_python() -> str:
    """Describe the Python that runs the stages; raise if it cannot import them."""
    advice = "DVC runs every stage with it. Activate the project's environment: source .venv/bin/activate"
    command = shutil.which("python")
    if command is None:
        raise UserError(f"python: not found on the PATH. {advice}")
    try:
        result = subprocess.run(
            [command, "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise UserError(f"python: {command} does not start ({error.strerror}). {advice}") from None
    version = result.stdout.partition("\n")[0]
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
        raise UserError(f"python: {command} ({version or 'unknown version'}) cannot run the stages: {reason}. {advice}")
    return f"{version}, {command}"


def _check_data(params: Params) -> dict[str, str]:
    """Describe the data set and the list of test patients; raise if the names of the files do not fit."""
    if Path(params.data.root) == SYNTHETIC:
        return {"data.root": f"{SYNTHETIC}, made by the stage phantom"}
    patients, slices = _list_patients(params.data)
    found = {"data.root": f"{params.data.root}: {len(patients)} patients, {slices} slices"}
    if params.split.test_patients is not None:
        listed = read_held_out(Path(params.split.test_patients), patients)
        found["split.test_patients"] = f"{params.split.test_patients}: {len(listed)} patients"
    return found


def _list_patients(data: DataParams) -> tuple[set[str], int]:
    """The patient_ids of a data set, and the number of its slices."""
    root = Path(data.root)
    compile_template("data.pattern.site", data.pattern.site or "", ("site",))
    pairs, faults = pair_by_name(list_data_root(root).files, root, data.pattern)
    if faults:
        raise UserError(f"{root}: {len(faults)} fault(s) in the names of the files\n\n{format_faults(faults)}")
    return {pair.patient_id for pair in pairs}, len(pairs)
