"""Compare the metrics of a reproduction with the committed ones.

Counts and digests must be equal. Scores of a network trained on another processor differ: float32 sums in another order
drift apart over 16 epochs, so Dice and its kin may move by TOLERANCE and losses are not compared.
"""

import json
import subprocess
import sys
from pathlib import Path

TOLERANCE = 0.06  # of scores in [0, 1] from 7 test patients


def committed(path: str) -> dict[str, object]:
    """A metrics file as the last commit has it."""
    return json.loads(subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=True).stdout)


def faults(path: str) -> list[str]:
    """How a metrics file differs from the committed one by more than it may."""
    now, before = json.loads(Path(path).read_text()), committed(path)
    found = [f"{path}: keys differ: {sorted(set(now) ^ set(before))}"] if set(now) != set(before) else []
    for name in set(now) & set(before):
        if name.endswith("_loss"):
            continue
        value, expected = now[name], before[name]
        close = abs(value - expected) <= TOLERANCE if isinstance(value, float) else value == expected
        print(f"{'' if close else 'DIFFERS  '}{path} {name}: {value}, committed {expected}")
        found += [] if close else [f"{path}: {name} is {value}, committed {expected}"]
    return found


if __name__ == "__main__":
    sys.exit(
        "\n".join(fault for path in sorted(map(str, Path("metrics").glob("*.json"))) for fault in faults(path)) or None
    )
