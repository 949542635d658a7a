"""The transfer syntaxes of DICOM, and encoders for the compressed ones."""

import copy
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pydicom
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

LOSSLESS = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
    "rle": uid.RLELossless,
    "jpeg lossless": uid.JPEGLossless,
    "jpeg lossless sv1": uid.JPEGLosslessSV1,
    "jpeg-ls": uid.JPEGLSLossless,
    "jpeg 2000": uid.JPEG2000Lossless,
}
LOSSY = {"jpeg": uid.JPEGBaseline8Bit, "jpeg-ls near": uid.JPEGLSNearLossless, "jpeg 2000 lossy": uid.JPEG2000}
SYNTAXES = {**LOSSLESS, **LOSSY}


def encode_pixels(dataset: Dataset, syntax: str) -> None:
    """Store the pixels of a dataset, which are in little endian, as a transfer syntax asks."""
    if syntax == uid.ExplicitVRBigEndian and dataset.BitsAllocated > 8:
        dataset.PixelData = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}").byteswap().tobytes()
    elif syntax in ENCODERS:
        size = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        raw = dataset.PixelData
        frames = [ENCODERS[syntax](dataset, raw[at : at + size]) for at in range(0, len(raw), size)]
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR = "OB"


def _single_frame(dataset: Dataset, frame: bytes) -> Dataset:
    """A plain image of one frame, for an encoder."""
    one = copy.deepcopy(dataset)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    one.SOPClassUID = uid.MRImageStorage
    one.PixelData = frame
    for keyword in ("NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if keyword in one:
            delattr(one, keyword)
    return one


def _with_gdcm(syntax: str) -> Callable[[Dataset, bytes], bytes]:
    def encode(dataset: Dataset, frame: bytes) -> bytes:
        one = _single_frame(dataset, frame)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "plain"))
            one.save_as(path, enforce_file_format=True)
            reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
            reader.SetFileName(path)
            assert reader.Read()
            change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
            change.SetInput(reader.GetImage())
            assert change.Change()
            writer.SetFileName(f"{path}.coded")
            writer.SetFile(reader.GetFile())
            writer.SetImage(change.GetOutput())
            assert writer.Write()
            coded = pydicom.dcmread(f"{path}.coded")
        return next(pydicom.encaps.generate_frames(coded.PixelData, number_of_frames=1))

    return encode


def _with_pydicom(syntax: str) -> Callable[[Dataset, bytes], bytes]:
    def encode(dataset: Dataset, frame: bytes) -> bytes:
        one = _single_frame(dataset, frame)
        options = {"jls_error": 2} if syntax == uid.JPEGLSNearLossless else {}
        one.compress(syntax, encoding_plugin="pyjpegls" if "JPEG" in syntax.name else "pydicom", **options)
        return next(pydicom.encaps.generate_frames(one.PixelData, number_of_frames=1))

    return encode


def _with_pillow(dataset: Dataset, frame: bytes) -> bytes:
    image = Image.fromarray(np.frombuffer(frame, np.uint8).reshape(dataset.Rows, dataset.Columns))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95)
    return content.getvalue()


ENCODERS: dict[str, Callable[[Dataset, bytes], bytes]] = {
    uid.RLELossless: _with_pydicom(uid.RLELossless),
    uid.JPEGLSLossless: _with_pydicom(uid.JPEGLSLossless),
    uid.JPEGLSNearLossless: _with_pydicom(uid.JPEGLSNearLossless),
    uid.JPEGLossless: _with_gdcm(uid.JPEGLossless),
    uid.JPEGLosslessSV1: _with_gdcm(uid.JPEGLosslessSV1),
    uid.JPEG2000Lossless: _with_gdcm(uid.JPEG2000Lossless),
    uid.JPEG2000: _with_gdcm(uid.JPEG2000),
    uid.JPEGBaseline8Bit: _with_pillow,
}
