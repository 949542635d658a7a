"""The kinds of fault that a data set can have, each with what was expected and how to fix it."""

from enum import Enum

MAX_SIDE = 2048  # pixels; a volume of 100 slices of this size takes 1.3 GB, and MRI slices have 256 to 1024
MAX_FILE_BYTES = 2**25  # 32 MiB, twice the pixels of the largest slice
MAX_TUMOUR_FRACTION = 0.5  # of a slice; the largest of 70 patients of the Kaggle set is 0.12


class FaultKind(Enum):
    """A kind of fault: its title, what was expected, and how to fix it. Faults are reported in this order."""

    UNKNOWN_NAME = (
        "file name that fits no template",
        "a name as described by data.pattern in params.yaml, with a slice number of at most nine digits",
        "rename the file, change data.pattern, or move the file out of data.root",
    )
    AMBIGUOUS_NAME = (
        "file name that fits both templates",
        "a name that fits either data.pattern.image or data.pattern.mask in params.yaml",
        "change the templates so that they tell images from masks",
    )
    DUPLICATE_SLICE = (
        "duplicate slice number",
        "one image and one mask for each slice number of a patient",
        "keep one of the two files",
    )
    MISSING_MASK = (
        "image without mask",
        "a mask for each image; the mask of a slice without tumour is black",
        "add the mask or move the image out of data.root",
    )
    MISSING_IMAGE = (
        "mask without image",
        "an image for each mask",
        "add the image or move the mask out of data.root",
    )
    UNREADABLE = (
        "unreadable or damaged file",
        "a complete image file and permission to read it",
        "copy or download the file again, or change its permissions",
    )
    FORMAT = (
        "file format that is not read",
        "TIFF, PNG or BMP; an image may also be JPEG, which blurs the outline of a mask",
        "save the file as PNG; draw a mask that was saved as JPEG again, or threshold it and check its outline",
    )
    ENCODING = (
        "image stored in a way that is not read",
        "TIFF: uncompressed, LZW, Deflate or PackBits, 1 or 8 bits per channel; BMP: uncompressed; JPEG: any usual one",
        "save the file again as PNG, or as TIFF with LZW compression; both keep every pixel as it is",
    )
    TOO_LARGE = (
        "file that is too large",
        f"one slice of at most {MAX_SIDE} x {MAX_SIDE} pixels in a file of at most {MAX_FILE_BYTES // 2**20} MiB",
        "scale image and mask down alike, the mask without smoothing",
    )
    SEVERAL_IMAGES = (
        "several images in one file",
        "one slice in each file",
        "save each slice to a file of its own, numbered in anatomical order",
    )
    IMAGE_DEPTH = (
        "image that does not have 8 bits per channel",
        "8 bits per channel",
        "convert it to 8 bits with the same window for all slices, the one that a radiologist would choose",
    )
    MASK_DEPTH = (
        "mask with more than 8 bits",
        "1 or 8 bits per pixel, 0 outside the tumour and one other value inside",
        "save the mask with 8 bits; values up to 255, such as 0 and 1, stay as they are",
    )
    CHANNELS = (
        "channels that are neither grey nor RGB",
        "a grey or an RGB image, tagged as such, without transparency",
        "save the image as grey or RGB, and no further channels; which channel is which sequence is yours to decide",
    )
    ORIENTATION = (
        "image with an orientation tag",
        "pixels stored as they are to be shown: EXIF or TIFF orientation 1, or none",
        "turn the pixels themselves and remove the tag, e.g. magick mogrify -auto-orient FILE; then check the outline",
    )
    COLOURED_MASK = (
        "mask with colours",
        "a grey mask, 0 outside the tumour and one other value inside",
        "decide which colours are tumour, and save a grey mask with 255 there and 0 elsewhere",
    )
    SEVERAL_LABELS = (
        "mask with several labels",
        "0 outside the tumour and one other value inside",
        "decide which labels are tumour, and save one mask with 255 there and 0 elsewhere; for the labels of BraTS,"
        " everything above 0 is the whole tumour",
    )
    NOT_BINARY = (
        "mask that is not binary",
        "0 outside the tumour and one other value (255 or 1) inside, nothing in between",
        "save masks without smoothing and not as JPEG; threshold a mask that was resized",
    )
    INVERTED_MASK = (
        "mask that is probably inverted",
        f"tumour in at most {MAX_TUMOUR_FRACTION:.0%} of the pixels of a slice; 0 is background",
        "swap 0 and the other value in all masks; crop less closely if the tumour does fill the image",
    )
    DIFFERENT_LABELS = (
        "masks with different values inside",
        "the same value inside the tumour in all masks",
        "find out whether all values mean tumour; if so, save the masks with 255 inside",
    )
    SIZE_MISMATCH = (
        "size mismatch",
        "the same height and width for all images and masks of a patient",
        "use the original files; the pipeline does the resizing",
    )
    SLICE_GAP = (
        "gap in slice numbers",
        "consecutive numbers from 1 (or 0), because consecutive slices are taken as neighbours in the head",
        "add the missing slices, or renumber the slices if none is missing",
    )
    EMPTY_FOLDER = (
        "folder without images",
        "images in each folder",
        "add the images or remove the folder",
    )
    LEAK = (
        "same image under two patients",
        "each image under one patient; a patient with two names may be in training and in test, which is a leak",
        "find out which patient it belongs to and remove the other file",
    )

    title: str
    expected: str
    fix: str

    def __init__(self, title: str, expected: str, fix: str) -> None:
        self.title = title
        self.expected = expected
        self.fix = fix
