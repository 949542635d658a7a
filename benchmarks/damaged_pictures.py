"""Damage pictures at random and count how many are read all the same, with the right and with other pixels.

    python -m benchmarks.damaged_pictures
    python -m benchmarks.damaged_pictures --count 5000

Each damage is a bit, a number, a stretch of zeros or of noise, a cut or an insertion, anywhere in the file. OpenCV
reads the same file as an independent witness: a file that it complains about must not be read, and a file that both
read must have the same pixels. Where damage leaves a file valid, as in uncompressed pixels, nobody can notice it.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tifffile

from benchmarks.measure import peak_memory_mb
from brainseg.imaging.faults import FaultError
from brainseg.imaging.raster import read_image
from brainseg.imaging.volume import ByteArray

SIZE = 96  # pixels


def make_picture(size: int = SIZE) -> ByteArray:
    """Make a picture that is smooth with some noise, shape (size, size, 3), uint8, RGB."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    waves = 110 + 60 * np.sin(x / 9)[..., None] + 40 * np.cos(y / 7 + np.arange(3)[:, None, None]).transpose(1, 2, 0)
    picture = np.clip(waves + rng.normal(0, 5, (size, size, 3)), 0, 255).astype(np.uint8)
    picture[(y - size / 2) ** 2 + (x - size / 2) ** 2 > (0.45 * size) ** 2] = 0
    return picture


def encode_pictures(folder: Path, picture: ByteArray) -> dict[str, bytes]:
    """Save a picture in every format and compression that is read; name with suffix -> content."""
    for name, compression, predictor in (
        ("none", None, False),
        ("lzw", "lzw", False),
        ("lzw_predictor", "lzw", True),
        ("deflate", "zlib", True),
        ("packbits", "packbits", False),
    ):
        options = {"photometric": "rgb", "compression": compression, "predictor": predictor}
        tifffile.imwrite(folder / f"{name}.tif", picture, rowsperstrip=10, metadata=None, **options)
    tifffile.imwrite(folder / "tiles.tif", picture, photometric="rgb", compression="zlib", tile=(32, 48), metadata=None)
    bgr = picture[..., ::-1]
    for name, image, parameters in (
        ("colour.png", bgr, []),
        ("grey.png", bgr[..., 0], []),
        ("colour.bmp", bgr, []),
        ("grey.bmp", np.ascontiguousarray(bgr[..., 0]), []),
        ("colour.jpg", bgr, []),
        ("grey.jpg", bgr[..., 0], []),
        ("progressive.jpg", bgr, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        ("restart.jpg", bgr, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
    ):
        if not cv2.imwrite(str(folder / name), image, parameters):
            raise OSError(f"{name} could not be written")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one place."""
    start = int(rng.integers(len(content)))
    if rng.random() < 0.3:  # headers are short, but have most of the meaning
        start = int(rng.integers(min(len(content), 400)))
    if rng.random() < 0.1:
        start = len(content) - 1 - int(rng.integers(min(len(content), 300)))  # so are TIFF directories, at the end
    end = start + int(rng.integers(4, 64))
    number = int(rng.choice([0, 1, 255, 2**16 - 1, 2**31 - 1, 2**32 - 1]))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: bytes([content[start] ^ 1 << int(rng.integers(8))]) + content[start + 1 : end],
        lambda: number.to_bytes(4, "little") + content[start + 4 : end],
        lambda: bytes(end - start),
        lambda: rng.bytes(end - start),
        lambda: rng.bytes(int(rng.integers(1, 8))) + content[start:end],
        lambda: b"",
    )
    kind = int(rng.integers(len(kinds) + 1))
    if kind == len(kinds):
        return content[:start]
    return content[:start] + kinds[kind]() + content[end:]


def read_or_refuse(path: Path) -> ByteArray | None:
    """Read an image; None if it is refused with a message. Any other exception is a bug and ends the program."""
    try:
        return read_image(path)
    except FaultError:
        return None


def read_with_opencv(content: bytes) -> tuple[ByteArray | None, bool]:
    """Read an image as RGB with OpenCV, and return whether it complained; the image is None if it cannot be read."""
    with tempfile.TemporaryFile() as log:
        standard_error = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            image = None
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
        log.seek(0)
        complaint = any(b"TIFF_Warning" not in line for line in log)  # those are about tags that have no effect
    if image is None:
        return None, True
    grey = image.ndim == 2
    return (np.dstack([image] * 3) if grey else image[..., 2::-1]), complaint


def count_outcomes(contents: dict[str, bytes], count: int, seed: int) -> dict[str, Counter[str]]:
    """Damage `count` pictures, the formats in turn, and count what happens by name."""
    rng = np.random.default_rng(seed)
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in contents}
    with tempfile.TemporaryDirectory() as folder:
        originals = {}
        for name, content in contents.items():
            (Path(folder) / name).write_bytes(content)
            originals[name] = read_image(Path(folder) / name)
        for number in range(count):
            name = list(contents)[number % len(contents)]
            content = damage(contents[name], rng)
            path = Path(folder) / name
            path.write_bytes(content)
            image = read_or_refuse(path)
            if image is None:
                outcomes[name]["refused"] += 1
                continue
            outcomes[name]["same pixels" if np.array_equal(image, originals[name]) else "other pixels"] += 1
            witness, complaint = read_with_opencv(content)
            outcomes[name]["OpenCV complains"] += complaint
            outcomes[name]["OpenCV differs"] += witness is not None and not np.array_equal(image, witness)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1400, metavar="N", help="damaged pictures (default: 1400)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contents = encode_pictures(Path(folder), make_picture())
    outcomes = count_outcomes(contents, arguments.count, arguments.seed)
    columns = ("refused", "same pixels", "other pixels", "OpenCV complains", "OpenCV differs")
    print(f"{'':<20}" + "".join(f"{column:>18}" for column in columns))
    for name, counts in (*outcomes.items(), ("all", sum(outcomes.values(), Counter()))):
        print(f"{name:<20}" + "".join(f"{counts[column]:>18}" for column in columns))
    print(f"peak memory {peak_memory_mb():.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
