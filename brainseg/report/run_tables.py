"""Columns of the tables under plots/ that the report reads; the stage evaluate writes them."""

PRECISION_RECALL_COLUMNS = {
    "threshold": "float64",
    "precision": "float64",
    "sensitivity": "float64",
    "dice": "float64",
    "chosen": "int64",
}
RELIABILITY_COLUMNS = {
    "low": "float64",
    "high": "float64",
    "pixels": "int64",
    "mean_probability": "float64",
    "observed": "float64",
}
THRESHOLD_COLUMNS = {"threshold": "float64", "dice_mean": "float64", "dice_median": "float64", "chosen": "int64"}
