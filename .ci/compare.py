"""Compare the metrics of a new run with the committed ones.

Counts, digests and the scores of the baselines are equal on every machine. A network that is trained on another
processor is a different network, because float32 sums in another order drift apart over 16 epochs. Its Dice may
therefore change, but less than with another seed, and its other scores are printed without a verdict.
"""

import json
import subprocess
import sys
from pathlib import Path

TRAINED = "metrics/evaluate.json"
EQUAL = {"scored_patients", "background_accuracy"}
TOLERANCE = {
    "dice_mean": 0.08,
    "dice_median": 0.08,
    "validation_dice_mean": 0.08,
    "accuracy": 0.003,
    "flair_dice_mean": 0.005,
}


def committed(path: str) -> dict[str, object]:
    """Read a metrics file from the last commit."""
    return json.loads(subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=True).stdout)


def faults(path: str) -> list[str]:
    """List the values of a metrics file that differ from the committed ones by more than allowed; print all values."""
    now, before = json.loads(Path(path).read_text()), committed(path)
    found = [f"{path}: keys differ: {sorted(set(now) ^ set(before))}"] if set(now) != set(before) else []
    for name in [name for name in now if name in before]:
        value, expected = now[name], before[name]
        if path == TRAINED and name in TOLERANCE:
            good = abs(value - expected) <= TOLERANCE[name]
        else:
            good = value == expected or (path == TRAINED and name not in EQUAL)
        print(f"{path} {name}: {value}, committed {expected}{'' if good else '  DIFFERS'}")
        found += [] if good else [f"{path}: {name} is {value}, committed {expected}"]
    return found


if __name__ == "__main__":
    sys.exit(
        "\n".join(fault for path in sorted(map(str, Path("metrics").glob("*.json"))) for fault in faults(path)) or None
    )
