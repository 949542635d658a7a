"""The tags of a TIFF file that say what its samples mean."""

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.tiff_directory import Directory

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, EXTRA, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
DEFAULTS = {BITS: 1, COMPRESSION: 1, FILL_ORDER: 1, SAMPLES: 1, PLANAR: 1, PREDICTOR: 1, SAMPLE_FORMAT: 1}
RESOLUTION_UNIT, RESOLUTION_UNITS = 296, (1, 2, 3)  # without effect, but another value is damage
DEPTH = 32997  # slices of a volume
PER_SAMPLE = (BITS, SAMPLE_FORMAT)  # have a value for each sample

UNCOMPRESSED, LZW, PACKBITS, DEFLATE = 1, 5, 32773, (8, 32946)
READ_COMPRESSIONS = {UNCOMPRESSED: "uncompressed", LZW: "LZW", PACKBITS: "PackBits", 8: "Deflate", 32946: "Deflate"}
OTHER_COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT fax 3",
    4: "CCITT fax 4",
    6: "old JPEG",
    7: "JPEG",
    34661: "JBIG",
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    34887: "LERC",
    34925: "LZMA",
    **dict.fromkeys((34926, 50000), "Zstandard"),
    **dict.fromkeys((34927, 50001), "WebP"),
    50002: "JPEG XL",
}
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE = range(4)
PHOTOMETRICS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette colour", 5: "CMYK", 6: "YCbCr", 8: "CIE L*a*b*"}
SAMPLE_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point", 4: "unsigned"}  # 4 is undefined


def single(directory: Directory, tag: int, default: int | None = None) -> int:
    """Value of a tag that has one value, or the same for each sample; raise a DecodingError if it has others."""
    values = directory.tags.get(tag, () if default is None else (default,))
    if len(values) != 1 and (tag not in PER_SAMPLE or len(set(values)) != 1):
        raise DecodingError(FaultKind.UNREADABLE, f"TIFF tag {tag} with other than one value, a whole number")
    return values[0]


def check_meaning(directory: Directory) -> int:
    """Check that samples are 8 bits of grey, RGB or a palette, or 1 bit of grey, and nothing is left over.

    Returns:
        How samples become colours: `MIN_IS_WHITE`, `MIN_IS_BLACK`, `RGB` or `PALETTE`.

    Raises:
        DecodingError: if the compression is not read, there is another number of bits or channels than that, or the
            tags contradict each other.
    """
    compression = single(directory, COMPRESSION, DEFAULTS[COMPRESSION])
    if compression not in READ_COMPRESSIONS:
        name = OTHER_COMPRESSIONS.get(compression, f"number {compression}")
        raise DecodingError(FaultKind.ENCODING, f"TIFF compression {name}")
    bits, samples, photometric = (single(directory, tag, DEFAULTS.get(tag)) for tag in (BITS, SAMPLES, PHOTOMETRIC))
    sample_format = single(directory, SAMPLE_FORMAT, 1)
    if any(len(directory.tags.get(tag, (0,))) not in (1, samples) for tag in PER_SAMPLE):
        raise DecodingError(FaultKind.UNREADABLE, f"bits or formats for other than {samples} TIFF channels")
    if bits > 8 or SAMPLE_FORMATS.get(sample_format) != "unsigned":
        name = SAMPLE_FORMATS.get(sample_format, "other")
        raise DecodingError(FaultKind.IMAGE_DEPTH, f"{bits}-bit {name} pixels where 8-bit unsigned are expected")
    extra = directory.tags.get(EXTRA, ())
    colours = 3 if photometric == RGB else 1
    has_alpha = samples == colours + 1 and (photometric == RGB or extra in ((1,), (2,)))  # 1 and 2 are alpha
    if photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE) or not (samples == colours or has_alpha):
        name = PHOTOMETRICS.get(photometric, f"photometric {photometric}")
        raise DecodingError(FaultKind.CHANNELS, f"{samples} channel(s) tagged as {name}")
    if EXTRA in directory.tags and len(extra) != samples - colours:
        raise DecodingError(FaultKind.UNREADABLE, f"{len(extra)} extra channels in a TIFF of {samples} channels")
    if single(directory, RESOLUTION_UNIT, 1) not in RESOLUTION_UNITS:
        raise DecodingError(FaultKind.UNREADABLE, "a TIFF tag with an invalid unit of length")
    if bits not in (1, 8) or (bits == 1 and samples > 1):
        raise DecodingError(FaultKind.ENCODING, f"a TIFF of {samples} channel(s) of {bits} bits")
    return photometric
