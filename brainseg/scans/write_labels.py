"""Files by which viewers show the value 1 of a mask under a name and in a colour."""

from pathlib import Path

from brainseg.writing import atomic_write

NAME = "FLAIR abnormality"
COLOUR = (230, 75, 53)  # red, green, blue

ITK_SNAP = f"""\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   {COLOUR[0]:3}  {COLOUR[1]:3}  {COLOUR[2]:3}        1  1  1    "{NAME}"
"""
SLICER = f"""\
# Color table for 3D Slicer: number, name, red, green, blue, opacity
0 Background 0 0 0 0
1 {NAME.replace(" ", "_")} {COLOUR[0]} {COLOUR[1]} {COLOUR[2]} 255
"""


def write_labels(folder: Path) -> list[Path]:
    """Write `labels_itksnap.txt` (ITK-SNAP: Segmentation, Import Label Descriptions) and `labels_slicer.ctbl`."""
    written = []
    for name, text in (("labels_itksnap.txt", ITK_SNAP), ("labels_slicer.ctbl", SLICER)):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written
