"""Writing an export as a whole: the model to export, its files, and model.json beside them.

Importing this module does not import Keras, which `read_source` configures first.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import UserError
from brainseg.export.bundle import CARD, MODEL, POINT, read_beside
from brainseg.export.exported import DIGESTS
from brainseg.export.precision import check_precision
from brainseg.model.backend import configure
from brainseg.params import TrainParams
from brainseg.prediction.operating_point import read_operating_point
from brainseg.reading import sha256_of
from brainseg.scans.case_source import CaseSource
from brainseg.terminal import printable
from brainseg.writing import atomic_write

if TYPE_CHECKING:
    from brainseg.export.agreement import Agreement
    from brainseg.export.formats import Source

THREADS = 2  # of TensorFlow


def read_source(path: Path | None, *, flip: bool, precision: str = "float32") -> "Source":
    """Read the model to export, and configure Keras for it.

    Args:
        path: a .keras file, or a folder with unet.keras; operating_point.json is beside it, and may be model_card.md.
            None: the model that ships with the package.
        flip: whether the export averages with the prediction for the slices flipped left to right.
        precision: of the network in the export, float32 or bfloat16.

    Raises:
        UserError: if the model is missing, or a file is damaged.
    """
    with as_file(files("brainseg.released")) as released:
        folder = released if path is None else path
        model_path = folder if folder.suffix == ".keras" else folder / MODEL
        if not model_path.is_file():
            raise UserError(f"--model {printable(str(path))}: expected a .keras file, or a folder with {MODEL}")
        configure(TrainParams.model_construct(backend="tensorflow", device="any", threads=THREADS, precision="float32"))
        from brainseg.export.formats import Source  # imports Keras, as the next one
        from brainseg.model.saving import load_model

        model, card = load_model(model_path)
        return Source(
            model=model,
            card=card,
            point=read_operating_point(model_path.with_name(POINT)),
            digest=sha256_of(model_path),
            flip=flip,
            model_card=read_beside(model_path.parent, CARD) or "",
            precision=precision,
        )


def write_export(
    source: "Source", format_name: str, out: Path, *, overwrite: bool = False, patients: Sequence[CaseSource] = ()
) -> "Agreement":
    """Write a model in a format, and model.json beside it, if it agrees with Keras.

    Args:
        source: what is exported.
        format_name: a key of `brainseg.export.formats.FORMATS`.
        out: folder, created if it is missing.
        overwrite: whether to replace what is there.
        patients: from `brainseg.export.precision.find_patients`, to compare on in bfloat16; else none.

    Returns:
        How far the result is from Keras.

    Raises:
        UserError: if that is too far, there is an export already, or `check_precision` raises one.
    """
    from brainseg.export.formats import FORMATS  # imports Keras

    check_precision(source.precision, format_name, patients)
    names = FORMATS[format_name].files
    for name in (*names, DIGESTS):
        if (out / name).exists() and not overwrite:
            raise UserError(f"{printable(str(out / name))}: exists already. Name a new folder, or --overwrite it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as folder:
        first, *_ = paths = [Path(folder) / name for name in names]
        agreement = _write(source, format_name, first, patients)
        digests = {file.relative_to(folder).as_posix(): sha256_of(file) for path in paths for file in _files(path)}
        for path in paths:
            if (out / path.name).is_dir():
                shutil.rmtree(out / path.name)
            path.replace(out / path.name)
    metadata = {
        **source.metadata,
        "format": format_name,
        "brainseg": version("brain-segmentation"),
        "operating_point": {**asdict(source.point), "flip": source.flip},
        "agreement_with_keras": asdict(agreement),
        "files": dict(sorted(digests.items())),
    }
    with atomic_write(out / DIGESTS) as temporary:
        temporary.write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return agreement


def _write(source: "Source", format_name: str, path: Path, patients: Sequence[CaseSource]) -> "Agreement":
    """Write the files and compare them; those in bfloat16 twice, because their metadata have the comparison."""
    from brainseg.export.agreement import compare
    from brainseg.export.formats import FORMATS
    from brainseg.export.patients import compare_on_patients

    write = FORMATS[format_name].write
    if source.precision == "float32":
        return compare(write(source, path), source.model, source.card, source.point, flip=source.flip)
    with tempfile.TemporaryDirectory() as draft:
        agreement = compare_on_patients(write(source, Path(draft, path.name)), source, patients)
    write(replace(source, measured=agreement.metadata), path)
    return agreement


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
