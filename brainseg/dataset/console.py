"""What the stages index and split print."""

import sys
from collections.abc import Mapping

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from brainseg.files import SUBSETS

FILE_NAMES, TABLE_ROWS = 10, 5  # printed of the images, of the masks and of the table
LOG_WIDTH = 160  # characters per line where the output is not a terminal
LEAK_WARNING = """\
WARNING: {patients_in_two_subsets} patients have slices in more than one subset. Neighbouring slices of a patient are
near copies, so the test also measures memory: expect lower scores on new patients. The names of these scores start with
leaky_. For scores that hold for new patients set split.strategy: patient."""


def print_index(table: pd.DataFrame, metrics: Mapping[str, object], comparison: str) -> None:
    """Print the first files, the head of the table, the counts, the sites and the missing sequences of a data set.

    Args:
        table: data/index.csv.
        metrics: metrics/index.json.
        comparison: how the data set compares with the published one, as the rest of a sentence "this is ...".
    """
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False)
    console.print("first images:", *table["image_path"].head(FILE_NAMES), sep="\n  ", markup=False)
    console.print("first masks:", *table["mask_path"].head(FILE_NAMES), sep="\n  ", markup=False)
    columns = [name for name in table.columns if name not in ("image_path", "mask_path", "digest")]
    head = Table(*columns, title="head of data/index.csv, without paths and digests", title_justify="left")
    for row in table[columns].head(TABLE_ROWS).itertuples(index=False):
        head.add_row(*(escape(str(cell)) for cell in row))
    console.print(head)
    for name, value in metrics.items():
        console.print(f"{name:<32}{value:.4f}" if isinstance(value, float) else f"{name:<32}{value}", markup=False)
    patients = table.drop_duplicates("patient_id")
    sites = patients["site"].value_counts().sort_index()
    console.print("patients per site: " + ", ".join(f"{site} {count}" for site, count in sites.items()), markup=False)
    for names, group in patients[patients["missing_sequences"] != ""].groupby("missing_sequences"):
        console.print(f"{names} missing, filled with FLAIR: {', '.join(group['patient_id'])}", markup=False)
    console.print(f"this is {comparison}", markup=False, soft_wrap=True)
    duplicates = int(table.duplicated(["patient_id", "digest"]).sum())
    if duplicates:
        console.print(f"NOTE: {duplicates} slices have the same image and mask as another slice of their patient")
    console.print("data/index.csv lists all slices; plots/pictures/index_slices.png shows some with their masks.")


def print_split(counts: Mapping[str, int]) -> None:
    """Print patients and slices per subset, and a warning if a patient is in more than one.

    Args:
        counts: metrics/split.json.
    """
    for subset in SUBSETS:
        print(
            f"{subset:<10} {counts[f'{subset}_patients']:>4} patients, {counts[f'{subset}_slices']:>5} slices, "
            f"{counts[f'{subset}_slices_with_tumour']:>5} of them with tumour"
        )
    if counts["patients_in_two_subsets"]:
        print(LEAK_WARNING.format(**counts))
    else:
        print("No patient is in more than one subset. data/split.csv lists the slices, metrics/split.json the counts.")
