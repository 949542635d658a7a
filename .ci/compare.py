"""Compare the metrics of a new run with the committed ones.

Counts, digests and the scores of the baseline that outlines nothing are equal on every machine. A network that is
trained on another processor is a different network, because float32 sums in another order drift apart over 16 epochs.
Its Dice may therefore change, but less than with another seed, and its other scores are printed without a verdict.
"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

EQUAL = ("metrics/index.csv", "metrics/index.json", "metrics/split.csv", "metrics/split.json")
TRAINED = ("metrics/evaluate.json", "metrics/scores.csv")
BASELINE = " background"  # end of the names of scores that are equal all the same
TOLERANCE = {
    "dice_mean": 0.08,
    "dice_median": 0.08,
    "validation_dice_mean": 0.08,
    "accuracy mean": 0.003,
    "flair_dice_mean": 0.005,
}


def values(path: str, text: str) -> dict[str, object]:
    """Name -> value of a metrics file; in a table a name is the first value of the row and the column's name."""
    if path.endswith(".json"):
        content: dict[str, object] = json.loads(text)
        return content
    rows = csv.DictReader(io.StringIO(text))
    return {
        f"{name} {column}": value
        for row in rows
        for name in [next(iter(row.values()))]
        for column, value in list(row.items())[1:]
    }


def committed(path: str) -> str:
    """Read a metrics file from the last commit."""
    return subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=True, text=True).stdout


def faults(path: str) -> list[str]:
    """List the values of a metrics file that differ from the committed ones by more than allowed; print all values."""
    now, before = values(path, Path(path).read_text()), values(path, committed(path))
    found = [f"{path}: names differ: {sorted(set(now) ^ set(before))}"] if set(now) != set(before) else []
    for name in [name for name in now if name in before]:
        value, expected = now[name], before[name]
        if path in EQUAL or name.endswith(BASELINE):
            good = value == expected
        elif name in TOLERANCE:
            good = abs(float(str(value)) - float(str(expected))) <= TOLERANCE[name]
        else:
            good = True
        print(f"{path} {name}: {value}, committed {expected}{'' if good else '  DIFFERS'}")
        found += [] if good else [f"{path}: {name} is {value}, committed {expected}"]
    return found


if __name__ == "__main__":
    sys.exit("\n".join(fault for path in sorted((*EQUAL, *TRAINED)) for fault in faults(path)) or None)
