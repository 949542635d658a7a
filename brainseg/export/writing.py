"""Writing an export as a whole: the model to export, its files, and model.json beside them."""

import json
import shutil
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from brainseg.errors import UserError
from brainseg.export.agreement import Agreement, compare
from brainseg.export.bundle import CARD, MODEL, POINT, read_beside
from brainseg.export.exported import DIGESTS
from brainseg.export.formats import FORMATS, Source
from brainseg.model.backend import configure
from brainseg.params import TrainParams
from brainseg.prediction.operating_point import read_operating_point
from brainseg.reading import sha256_of
from brainseg.terminal import printable
from brainseg.writing import atomic_write

THREADS = 2  # of TensorFlow


def read_source(path: Path | None, *, flip: bool) -> Source:
    """Read the model to export, and configure Keras for it.

    Args:
        path: a .keras file, or a folder with unet.keras; operating_point.json is beside it, and may be model_card.md.
            None: the model that ships with the package.
        flip: whether the export averages with the prediction for the slices flipped left to right.

    Raises:
        UserError: if the model is missing, or a file is damaged.
    """
    with as_file(files("brainseg.released")) as released:
        folder = released if path is None else path
        model_path = folder if folder.suffix == ".keras" else folder / MODEL
        if not model_path.is_file():
            raise UserError(f"--model {printable(str(path))}: expected a .keras file, or a folder with {MODEL}")
        configure(TrainParams.model_construct(backend="tensorflow", device="any", threads=THREADS, precision="float32"))
        from brainseg.model.saving import load_model  # imports Keras

        model, card = load_model(model_path)
        return Source(
            model=model,
            card=card,
            point=read_operating_point(model_path.with_name(POINT)),
            digest=sha256_of(model_path),
            flip=flip,
            model_card=read_beside(model_path.parent, CARD) or "",
        )


def write_export(source: Source, format_name: str, out: Path, *, overwrite: bool = False) -> Agreement:
    """Write a model in a format, and model.json beside it, if it agrees with Keras.

    Args:
        source: what is exported.
        format_name: a key of `brainseg.export.formats.FORMATS`.
        out: folder, created if it is missing.
        overwrite: whether to replace what is there.

    Returns:
        How far the result is from Keras.

    Raises:
        UserError: if that is too far, or there is an export already.
    """
    names = FORMATS[format_name].files
    for name in (*names, DIGESTS):
        if (out / name).exists() and not overwrite:
            raise UserError(f"{printable(str(out / name))}: exists already. Name a new folder, or --overwrite it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as folder:
        first, *_ = paths = [Path(folder) / name for name in names]
        predict = FORMATS[format_name].write(source, first)
        agreement = compare(predict, source.model, source.card, source.point, flip=source.flip)
        digests = {file.relative_to(folder).as_posix(): sha256_of(file) for path in paths for file in _files(path)}
        for path in paths:
            if (out / path.name).is_dir():
                shutil.rmtree(out / path.name)
            path.replace(out / path.name)
    metadata = {
        **source.metadata,
        "format": format_name,
        "precision": "float32",
        "brainseg": version("brain-segmentation"),
        "operating_point": {**asdict(source.point), "flip": source.flip},
        "agreement_with_keras": asdict(agreement),
        "files": dict(sorted(digests.items())),
    }
    with atomic_write(out / DIGESTS) as temporary:
        temporary.write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return agreement


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
