"""Makes DICOM files as scanners, archives and careless exports write them."""

import copy
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

Affine = NDArray[np.float64]

MARKER = "Qz7Marker"  # in every text field of a header; must appear in no output
STUDY, FRAME_OF_REFERENCE = "1.2.826.1.1", "1.2.826.1.2"
TIMES = {  # echo, repetition and inversion time, ms
    "flair": (120, 9000, 2500),
    "t1": (10, 500, None),
    "t1ce": (10, 500, None),
    "t2": (90, 4000, None),
}
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


def drawn_volume(shape: tuple[int, int, int] = (6, 20, 24), *, seed: int = 0, top: int = 1000) -> NDArray[np.uint16]:
    """A volume without symmetry: no flip or turn of it goes unnoticed. Shape (S, H, W), uint16, below `top`."""
    rng = np.random.default_rng(seed)
    coordinates = np.meshgrid(*(np.linspace(0, 1, length) for length in shape), indexing="ij")
    smooth = sum(weight * each for weight, each in zip((0.2, 0.3, 0.4), coordinates, strict=True))
    return ((smooth + 0.1 * rng.random(shape)) * (top - 1)).astype(np.uint16)


def directions(*, oblique: float = 0.0, plane: str = "axial") -> tuple[list[float], NDArray[np.float64]]:
    """ImageOrientationPatient of a plane, turned by `oblique` degrees about all axes, and its normal."""
    row, column = {
        "axial": ([1, 0, 0], [0, 1, 0]),
        "coronal": ([1, 0, 0], [0, 0, -1]),
        "sagittal": ([0, 1, 0], [0, 0, -1]),
    }[plane]
    angle = np.radians(oblique)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn_x = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turn_z = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    vectors = [turn_x @ turn_z @ np.array(each, float) for each in (row, column)]
    return [*vectors[0], *vectors[1]], np.cross(*vectors)


def make_slices(
    volume: NDArray[Any],
    *,
    sequence: str = "flair",
    number: int = 1,
    spacing: tuple[float, float, float] = (5.0, 0.9, 0.9),
    oblique: float = 0.0,
    plane: str = "axial",
    header: Mapping[str, Any] | None = None,
) -> list[Dataset]:
    """Single-frame MR images, one for each slice of a volume of shape (S, H, W), in ascending order along the normal.

    Args:
        volume: the stored values.
        sequence: a key of `TIMES`.
        number: the series number, from which its UID follows.
        spacing: of slices, rows and columns, mm.
        oblique: see `directions`.
        plane: see `directions`.
        header: further fields for all slices; None deletes a field.
    """
    orientation, normal = directions(oblique=oblique, plane=plane)
    result = []
    for index, pixels in enumerate(volume):
        dataset = _base(pixels, sequence, number)
        dataset.SOPClassUID = uid.MRImageStorage
        dataset.SOPInstanceUID = f"{STUDY}.{number}.{index + 1}"
        dataset.InstanceNumber = index + 1
        dataset.ImageOrientationPatient = [_decimal(value) for value in orientation]
        dataset.ImagePositionPatient = [
            _decimal(value) for value in np.array([-40.0, -30.0, -20.0]) + normal * spacing[0] * index
        ]
        dataset.PixelSpacing = [_decimal(value) for value in spacing[1:]]
        dataset.SliceThickness = _decimal(spacing[0])
        echo, repetition, inversion = TIMES[sequence]
        dataset.EchoTime, dataset.RepetitionTime = str(echo), str(repetition)
        if inversion:
            dataset.InversionTime = str(inversion)
        if sequence == "t1ce":
            dataset.ContrastBolusAgent = "agent"
        _update(dataset, header or {})
        result.append(dataset)
    return result


def make_enhanced(slices: list[Dataset]) -> Dataset:
    """One enhanced multi-frame image from single-frame images."""
    first = slices[0]
    dataset = Dataset()
    for element in first:
        if element.tag.group not in (0x7FE0,) and element.keyword not in (
            "ImageOrientationPatient",
            "ImagePositionPatient",
            "PixelSpacing",
            "SliceThickness",
            "EchoTime",
            "RepetitionTime",
            "InversionTime",
            "RescaleSlope",
            "RescaleIntercept",
            "ContrastBolusAgent",
        ):
            dataset.add(element)
    dataset.SOPClassUID = uid.EnhancedMRImageStorage
    dataset.NumberOfFrames = len(slices)
    if "ContrastBolusAgent" in first:
        dataset.ContrastBolusAgentSequence = [Dataset()]
    dataset.SharedFunctionalGroupsSequence = [_shared(first)]
    dataset.PerFrameFunctionalGroupsSequence = [_per_frame(each) for each in slices]
    dataset.PixelData = b"".join(each.PixelData for each in slices)
    return dataset


def save(dataset: Dataset, path: Path, syntax: str = "explicit") -> Path:
    """Write a file in one of the `SYNTAXES`."""
    transfer = SYNTAXES.get(syntax, syntax)
    dataset = copy.deepcopy(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    if transfer == uid.ExplicitVRBigEndian and dataset.BitsAllocated > 8:
        dataset.PixelData = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}").byteswap().tobytes()
    elif str(transfer) in ENCODERS:
        size = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        raw = dataset.PixelData
        frames = [ENCODERS[transfer](dataset, raw[at : at + size]) for at in range(0, len(raw), size)]
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = transfer
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    volume: NDArray[Any],
    *,
    syntax: str = "explicit",
    enhanced: bool = False,
    names: str = "",
    **options: Any,
) -> list[Path]:
    """Write the slices of a volume.

    Args:
        folder: created if necessary.
        volume: shape (S, H, W).
        syntax: a key of `SYNTAXES`.
        enhanced: whether to write one multi-frame file.
        names: "" (by number), "reversed" or "random".
        **options: as for `make_slices`.
    """
    slices = make_slices(volume, **options)
    number = options.get("number", 1)
    if enhanced:
        return [save(make_enhanced(slices), folder / f"enhanced{number}", syntax)]
    order = list(range(len(slices)))
    if names == "reversed":
        order.reverse()
    elif names == "random":
        order = list(np.random.default_rng(number).permutation(len(slices)))
    return [save(each, folder / f"{number}_{order[at]:04d}", syntax) for at, each in enumerate(slices)]


def plant_marker(dataset: Dataset, keep: tuple[str, ...] = ()) -> Dataset:
    """Put `MARKER` into every text field that may identify, describe or comment, and into a private one.

    Args:
        dataset: left as it is.
        keep: further fields that are left as they are.
    """
    dataset = copy.deepcopy(dataset)
    for vr, multiplicity, _, retired, keyword in pydicom.datadict.DicomDictionary.values():
        if vr in TEXT_VRS and not retired and keyword not in (*KEEP, *keep) and multiplicity.startswith("1"):
            if not pydicom.datadict.tag_for_keyword(keyword) or pydicom.datadict.tag_for_keyword(keyword) < 0x00080000:
                continue  # of commands, media and file sets
            setattr(dataset, keyword, TEXT_VRS[vr])
    dataset.private_block(0x0011, MARKER, create=True).add_new(0x01, "LO", MARKER)
    return dataset


TEXT_VRS = {
    "LO": MARKER,
    "SH": MARKER,
    "PN": f"{MARKER}^{MARKER}",
    "LT": MARKER,
    "ST": MARKER,
    "UT": MARKER,
    "UC": MARKER,
    "CS": MARKER.upper(),
    "AE": MARKER,
    "UR": f"http://{MARKER}",
}
KEEP = {  # fields that decide whether the file is an MR image
    "ImageType",
    "Modality",
    "PhotometricInterpretation",
    "SpecificCharacterSet",
    "AcquisitionContrast",
    "PatientSex",
    "DirectoryRecordType",
}


def _base(pixels: NDArray[Any], sequence: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.Modality = "MR"
    dataset.PatientID, dataset.PatientName = "id", "name"
    dataset.PatientBirthDate, dataset.PatientSex = "19500101", "O"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, f"{STUDY}.{number}"
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.StudyID, dataset.AccessionNumber = "1", ""
    dataset.StudyDate, dataset.StudyTime = "20200101", "120000"
    dataset.SeriesNumber = number
    dataset.SeriesDescription = {"flair": "ax flair", "t1": "ax t1", "t1ce": "ax t1", "t2": "ax t2"}[sequence]
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def _shared(first: Dataset) -> Dataset:
    shared = Dataset()
    for name in ("PixelMeasures", "PlaneOrientation", "PixelValueTransformation"):
        setattr(shared, f"{name}Sequence", [Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = first.PixelSpacing
    shared.PixelMeasuresSequence[0].SliceThickness = first.SliceThickness
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = first.ImageOrientationPatient
    shared.PixelValueTransformationSequence[0].RescaleSlope = first.get("RescaleSlope", 1)
    shared.PixelValueTransformationSequence[0].RescaleIntercept = first.get("RescaleIntercept", 0)
    timing, echo, modifier = Dataset(), Dataset(), Dataset()
    timing.RepetitionTime, echo.EffectiveEchoTime = float(first.RepetitionTime), float(first.EchoTime)
    shared.MRTimingAndRelatedParametersSequence, shared.MREchoSequence = [timing], [echo]
    if "InversionTime" in first:
        modifier.InversionTimes = float(first.InversionTime)
        shared.MRModifierSequence = [modifier]
    return shared


def _per_frame(each: Dataset) -> Dataset:
    group, position, content = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = each.ImagePositionPatient
    content.DimensionIndexValues = [1, int(each.InstanceNumber)]
    group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
    return group


def _update(dataset: Dataset, header: Mapping[str, Any]) -> None:
    for keyword, value in header.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)


def _decimal(value: float) -> str:
    return pydicom.valuerep.format_number_as_ds(float(value))


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
