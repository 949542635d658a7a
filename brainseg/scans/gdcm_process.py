"""A process of its own in which GDCM decodes lossless JPEG: a damaged frame can abort it.

It is started by `brainseg.scans.dicom_lossless`, and imports nothing of this project. A request on standard input is a
line of JSON (fields of the DICOM header, and `length` in bytes) and the compressed frame. The answer on standard output
is a line with the number of bytes, 0 if the frame cannot be decoded, and the pixels.
"""

import json
import os
import sys

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID


def main() -> None:
    """Answer requests until standard input is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the decoder prints does not get between the answers
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        frame = sys.stdin.buffer.read(request.pop("length"))
        try:
            pixels = _decode(request, frame)
        except Exception:
            pixels = b""
        answers.write(b"%d\n" % len(pixels) + pixels)
        answers.flush()


def _decode(fields: dict[str, str | int], frame: bytes) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    syntax = UID(str(fields.pop("TransferSyntaxUID")))
    dataset.file_meta.TransferSyntaxUID = syntax
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = encapsulate([frame])
    return get_decoder(syntax).as_array(dataset, index=0, raw=True, decoding_plugin="gdcm")[0].tobytes()


if __name__ == "__main__":
    main()
