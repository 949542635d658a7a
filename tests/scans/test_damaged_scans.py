"""Damaged files: each is a scan or one message for the user, in bounded time and memory.

More of them: python -m tests.scans.test_damaged_scans 3000
"""

import gzip
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import find_cases
from brainseg.scans.results import write_mask
from tests.scans.scan_files import draw, write_axial, write_pages, write_slices

COUNT = 40  # of each kind
SHAPE = (4, 24, 20)
SPECIAL = [0, 1, 0x7F, 0x80, 0xFF]


def nifti(folder: Path) -> Path:
    return write_axial(folder / "scan.nii", draw(SHAPE))


def nifti_gz(folder: Path) -> Path:
    return write_axial(folder / "scan.nii.gz", draw(SHAPE))


def nifti_gz_inside(folder: Path) -> Path:
    return write_axial(folder / "scan.nii", draw(SHAPE))


def stack(folder: Path) -> Path:
    return write_pages(folder / "scan.tif", draw((*SHAPE, 3)), compression="tiff_lzw")


def plain_stack(folder: Path) -> Path:
    return write_pages(folder / "scan.tif", draw(SHAPE))


def slices(folder: Path, suffix: str) -> Path:
    return write_slices(folder / "slices", draw(SHAPE), f"a_{{}}.{suffix}")[1]


MAKERS: dict[str, Callable[[Path], Path]] = {
    "nifti": nifti,
    "nifti_gz": nifti_gz,
    "nifti_gz_inside": nifti_gz_inside,
    "stack": stack,
    "plain_stack": plain_stack,
    "tif": lambda folder: slices(folder, "tif"),
    "png": lambda folder: slices(folder, "png"),
}


CHECKSUMMED = ("png", "nifti_gz")  # in which a change hardly goes unnoticed


def mutate(content: bytes, rng: np.random.Generator, head: int) -> bytes:
    """Change some bytes, two thirds of the time in the header; or cut, repeat or insert some."""
    changed = bytearray(content)
    kind = rng.integers(8)
    if kind == 0:
        return bytes(changed[: rng.integers(len(changed))])
    if kind == 1:
        start, end = sorted(rng.integers(len(changed), size=2))
        return bytes(changed[:start] + changed[end:])
    if kind == 2:
        start, end = sorted(rng.integers(len(changed), size=2))
        return bytes(changed[:end] + changed[start:])
    for _ in range(rng.integers(1, 9)):
        position = int(rng.integers(min(head, len(changed)) if rng.random() < 2 / 3 else len(changed)))
        width = int(rng.choice([1, 1, 2, 4]))
        value = int(rng.choice(SPECIAL)) if rng.random() < 0.5 else int(rng.integers(256))
        changed[position : position + width] = bytes([value]) * width
    return bytes(changed)


def try_one(name: str, folder: Path, seed: int) -> str:
    """Read one damaged scan, and write a mask if it could be read; returns what happened."""
    rng = np.random.default_rng(seed)
    path = MAKERS[name](folder)
    head = 352 if "nifti" in name else 200
    content = mutate(path.read_bytes(), rng, head)
    path.write_bytes(gzip.compress(content, 1) if name == "nifti_gz_inside" else content)
    try:
        (case,) = find_cases([path.parent if path.parent != folder else path])
        scan = read_scan(case)
        write_mask(scan, np.zeros(scan.grid.network_shape, np.bool_), folder / "out")
    except UserError:
        return "refused"
    return "read"


@pytest.mark.parametrize("name", MAKERS)
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(COUNT):
        (tmp_path / str(seed)).mkdir()
        outcomes[try_one(name, tmp_path / str(seed), seed)] += 1
    assert outcomes["refused"]
    assert outcomes["read"] or name in CHECKSUMMED


def main(count: int) -> None:
    """Try many, and print how many were read and refused, the longest time and the most memory."""
    for name in MAKERS:
        outcomes: Counter[str] = Counter()
        longest = 0.0
        for seed in range(1000, 1000 + count // len(MAKERS)):
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                outcomes[try_one(name, Path(folder), seed)] += 1
                longest = max(longest, time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name}: {dict(outcomes)}, at most {longest:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
