"""Decoding lossless JPEG with GDCM, in a process of its own that a damaged frame may end."""

import json
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from brainseg.reading import DamagedFileError

SYNTAXES = (JPEGLossless, JPEGLosslessSV1)
FIELDS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
SECONDS = 60.0  # for one frame, and for starting the process


class LosslessDecoder(AbstractContextManager["LosslessDecoder"]):
    """Starts the process when it is first needed, and again after it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __exit__(self, *_: object) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def decode(self, dataset: Dataset, frame: bytes) -> NDArray[Any]:
        """Decode a frame.

        Args:
            dataset: the header, checked.
            frame: the compressed frame.

        Returns:
            Shape (H, W), in the allocated bits.

        Raises:
            DamagedFileError: if the frame cannot be decoded.
        """
        dtype = np.dtype(f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}")
        shape = int(dataset.Rows), int(dataset.Columns)
        request: dict[str, str | int] = {keyword: int(dataset[keyword].value) for keyword in FIELDS}
        request |= {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "length": len(frame)}
        request["TransferSyntaxUID"] = str(dataset.file_meta.TransferSyntaxUID)
        pixels = self._ask(json.dumps(request).encode() + b"\n" + frame)
        if len(pixels) != shape[0] * shape[1] * dtype.itemsize:
            self.__exit__()
            raise DamagedFileError("lossless JPEG that cannot be decoded")
        return np.frombuffer(pixels, dtype).reshape(shape)

    def _ask(self, request: bytes) -> bytes:
        """The answer to a request; empty if there is none."""
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            with suppress(BrokenPipeError, ValueError):  # ValueError: not a number, because the process has ended
                process.stdin.write(request)
                process.stdin.flush()
                return process.stdout.read(int(process.stdout.readline()))
        finally:
            timer.cancel()
        return b""

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            script = Path(__file__).with_name("gdcm_process.py")
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(script)],  # -P: modules beside the script are not on the path
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process
