"""The fields of a NIfTI header, by where they are, and how a test changes one."""

from pathlib import Path
from typing import Any

import numpy as np

DIM, DATATYPE, PIXDIM, VOX_OFFSET, SLOPE, UNITS, CODES, SROW_X = 40, 70, 76, 108, 112, 123, 252, 280


def patch(path: Path, offset: int, kind: str, *values: Any) -> Path:
    """Overwrite a field of an uncompressed header."""
    content = bytearray(path.read_bytes())
    field = np.array(values, kind).tobytes()
    content[offset : offset + len(field)] = field
    path.write_bytes(content)
    return path
