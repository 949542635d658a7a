"""What the stages index and split print."""

from collections.abc import Mapping

import pandas as pd

from brainseg.dataset.summary import subset_table
from brainseg.terminal import printable
from brainseg.text_table import format_table, format_text

FILE_NAMES, TABLE_ROWS, PATIENTS = 3, 5, 5  # printed of images and of masks, of the table, of a list of patients
TABLE_COLUMNS = ("patient_id", "slice_number", "height", "width", "tumour_pixels")  # of data/index.csv
LARGE_TUMOUR = 0.2  # of a slice; in 70 patients of the Kaggle set it covers at most 0.12
LARGE_TUMOUR_NOTE = """
NOTE: in half of the slices with tumour, the mask covers {share:.0%} of the slice or more. A tumour rarely does: check
in plots/pictures/index_slices.png that the masks are not of the whole brain or of everything but the tumour."""
NO_LEAK = "No patient is in more than one subset. data/split.csv lists the slices, metrics/split.csv the counts."
LEAK_WARNING = """
WARNING: {patients_in_two_subsets} patients have slices in more than one subset. Neighbouring slices of a patient are
near copies, so the test also measures memory: expect lower scores on new patients. The names of these scores start with
leaky_. For scores that hold for new patients set split.strategy: patient."""


def print_index(table: pd.DataFrame, metrics: Mapping[str, object], comparison: str) -> None:
    """Print the counts, sites and missing sequences of a data set, the head of its table, and its first files.

    Args:
        table: data/index.csv.
        metrics: metrics/index.csv.
        comparison: how the data set compares with the published one, as the rest of a sentence "this is ...".
    """
    for name, value in metrics.items():
        print(f"{name:<32}{value:.4f}" if isinstance(value, float) else f"{name:<32}{value}")
    patients = table.drop_duplicates("patient_id")
    sites = patients["site"].value_counts().sort_index()
    print(format_text("patients per site: " + ", ".join(f"{printable(site)} {count}" for site, count in sites.items())))
    for names, group in patients[patients["missing_sequences"] != ""].groupby("missing_sequences"):
        patient_ids = _first(group["patient_id"])
        print(format_text(f"{names} missing, filled with FLAIR, in {len(group)} patients: {patient_ids}"))
    print(format_text(f"this is {printable(comparison)}"))
    duplicates = int(table.duplicated(["patient_id", "digest"]).sum())
    if duplicates:
        print(format_text(f"NOTE: {duplicates} slices have the same image and mask as another slice of their patient"))
    if not table["tumour_pixels"].any():
        print("NOTE: no slice has tumour, so there is nothing to learn")
    share = _usual_tumour_share(table)
    if share > LARGE_TUMOUR:
        print(format_text(LARGE_TUMOUR_NOTE.format(share=share)))
    head = table[list(TABLE_COLUMNS)].head(TABLE_ROWS).astype("str")
    print("head of data/index.csv, some columns:")
    print(format_table(TABLE_COLUMNS, head.to_numpy().tolist()))
    for name in ("image", "mask"):
        paths = (printable(path) for path in table[f"{name}_path"].head(FILE_NAMES))
        print(f"first {name}s:", *paths, sep="\n  ")
    print(format_text("data/index.csv lists all slices; plots/pictures/index_slices.png shows some with their masks."))


def _usual_tumour_share(table: pd.DataFrame) -> float:
    """The median share of a slice that is tumour, over the slices with tumour; 0 if there are none."""
    tumour = table[table["tumour_pixels"] > 0]
    shares = tumour["tumour_pixels"] / (tumour["height"] * tumour["width"])
    return float(shares.median()) if len(shares) else 0.0


def _first(names: pd.Series) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - PATIENTS} more" if len(names) > PATIENTS else ""
    return ", ".join(printable(name) for name in names.head(PATIENTS)) + more


def print_split(counts: Mapping[str, int]) -> None:
    """Print patients and slices per subset, and a warning if a patient is in more than one.

    Args:
        counts: the result of `brainseg.dataset.splitting.split_counts`.
    """
    headings = ["subset", "patients", "slices", "with tumour"]
    print(format_table(headings, subset_table(counts).astype("str").to_numpy().tolist()))
    if counts["patients_in_two_subsets"]:
        print(format_text(LEAK_WARNING.format(**counts)))
    else:
        print(format_text(NO_LEAK))
