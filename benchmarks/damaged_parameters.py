"""Damage parameter files at random and count how many are read all the same, and whether DVC reads the same values.

    python -m benchmarks.damaged_parameters
    python -m benchmarks.damaged_parameters --count 20000 --params presets/lgg.yaml

Half of the damages change lines with YAML in mind: another value, a repeated or missing line, a tag, an anchor, another
indentation. The others change bytes: a bit, noise, a cut, another encoding. Any exception but UserError ends the
program, so the counts are of files that were read or refused with a message. DVC's own reader is the witness: what is
read must have the same values in DVC.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dvc.utils.serialize import parse_yaml

from brainseg.errors import UserError
from brainseg.params import Params, load_params

Text = str

# Values that are read in different ways, or that Python, pydantic or a terminal may not bear.
VALUES = (
    *("0", "1", "-1", "010", "0o10", "0x10", "0b11", "1_000", "1:30", "1.5", "1e3", "1e-400", "1e999", ".5", "5."),
    *("12345678901234567890", "9" * 4301, "0x" + "f" * 5000, "4294967295", "4294967296", "99999999", "2147483648"),
    *(".inf", "-.inf", ".nan", "inf", "nan", "null", "~", "", "true", "yes", "on", "off", "n", "'8'", '"8"', "8 8"),
    *("2020-01-01", "2020-13-45", "2020-01-01T25:00:00", "[]", "{}", "[1, 2]", "{a: 1}", "[0, 1, 2]", "[[[[0]]]]"),
    *("!!int abc", "!!int '8'", "!!float x", "!!bool x", "!!str 8", "!!binary x", "!!set {a}", "!!omap [a: 1]"),
    *("!!timestamp x", "!!python/object/apply:os.getcwd []", "!unknown 8", "&a 8", "*a", "&a [*a]", "<<", "|", ">"),
    *("'\\", '"\\ud800"', '"\\x1b[31m"', '"\\0"', '"\\u202ex"', "'{patient_id}'", "é", "\t8", "@", "`", "%", "# 8"),
    *("a" * 5000, "[" * 1000 + "]" * 1000, "{a: " * 300 + "}" * 300, "? [a]", "- 8", "8 # 8", "validation", "gpu"),
)
LINES = (
    *("---", "...", "%YAML 1.1", "%YAML 1.3\n---", "\t", "  ", "- a", "? a", "? [a, b]", "<<: {a: 1}", "seed: 1", ": "),
    "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]",
    *(
        "x: 1\nx: 2",
        "1: 2",
        "null: 3",
        "2020-01-01: 4",
        '"\\x1b": 5',
        "é: 6",
        "!!int abc: 7",
        "train: {}",
        "&a train: 1",
    ),
)
ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "utf-7", "cp500")


def damage_line(text: Text, rng: np.random.Generator) -> Text:
    """Change, add, repeat, move or remove one line of a parameter file."""
    lines = text.splitlines()
    number = int(rng.integers(len(lines)))
    line = lines[number]
    key, colon, _ = line.partition(":")
    other = lines[int(rng.integers(len(lines)))]
    kinds: tuple[Callable[[], list[Text]], ...] = (
        lambda: [f"{key}{colon} {VALUES[int(rng.integers(len(VALUES)))]}"],
        lambda: [f"{key}{colon} {VALUES[int(rng.integers(len(VALUES)))]}"],
        lambda: [line, LINES[int(rng.integers(len(LINES)))]],
        lambda: [line, line],
        lambda: [line, other],
        list,
        lambda: [" " * int(rng.integers(1, 5)) + line],
        lambda: [line[int(rng.integers(1, 5)) :]],
        lambda: [line.replace("e", chr(int(rng.integers(1, 0x3000))), 1)],
    )
    return "\n".join(lines[:number] + kinds[int(rng.integers(len(kinds)))]() + lines[number + 1 :]) + "\n"


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Change the bytes of a file in one place, or encode it differently."""
    start = int(rng.integers(len(content)))
    end = start + int(rng.integers(1, 40))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: content[:start] + bytes([content[start] ^ 1 << int(rng.integers(8))]) + content[start + 1 :],
        lambda: content[:start] + rng.bytes(end - start) + content[end:],
        lambda: content[:start] + bytes(end - start) + content[end:],
        lambda: content[:start],
        lambda: content[:start] + content[end:],
        lambda: content[:start] + content[start:end] * int(rng.integers(2, 2000)) + content[end:],
        lambda: content[:start] + bytes([int(rng.integers(32, 127))]) + content[start:],
        lambda: content.decode().encode(ENCODINGS[int(rng.integers(len(ENCODINGS)))], errors="replace"),
    )
    return kinds[int(rng.integers(len(kinds)))]()


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a parameter file in one or two places."""
    text = content.decode()
    for _ in range(int(rng.integers(1, 3))):
        text = damage_line(text, rng)
    return text.encode("utf-8", "surrogatepass") if rng.random() < 0.5 else damage_bytes(content, rng)


def read_with_dvc(path: Path) -> Params | None:
    """Read a parameter file with DVC's reader and check it; None if either fails."""
    try:
        return Params.model_validate(parse_yaml(path.read_text(encoding="utf-8"), path))
    except Exception:  # DVC ends with a traceback for some files
        return None


def outcome_of(path: Path, original: Params) -> str:
    """Read a parameter file, and say what became of it.

    Raises:
        AssertionError: if DVC reads other values, or a message is too long or does not name the file.
    """
    try:
        params = load_params(path)
    except UserError as error:
        message = str(error)
        if not message.startswith(f"{path}: ") or len(message) > 6000:
            raise AssertionError(f"not one message about the file: {message[:200]}") from None
        if read_with_dvc(path) is not None:
            return "refused, but read by DVC"
        return "refused"
    if read_with_dvc(path) != params:
        raise AssertionError(f"DVC reads other values than the stages in {path.read_bytes()!r}")
    return "same values" if params == original else "other values"


def count_outcomes(content: bytes, count: int, seed: int) -> tuple[Counter[str], float]:
    """Damage a parameter file `count` times; returns what became of the files, and the longest time of one, seconds."""
    rng = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
    longest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes(content)
        original = load_params(path)
        for _ in range(count):
            path.write_bytes(damage(content, rng))
            start = time.perf_counter()
            outcomes[outcome_of(path, original)] += 1
            longest = max(longest, time.perf_counter() - start)
    return outcomes, longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3000, metavar="N", help="damaged files (default: 3000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--params", type=Path, default=Path("params.yaml"), help="file to damage (default: params.yaml)"
    )
    arguments = parser.parse_args()
    outcomes, longest = count_outcomes(arguments.params.read_bytes(), arguments.count, arguments.seed)
    for name, number in sorted(outcomes.items()):
        print(f"{name:<28}{number:>8}")
    print(f"longest time of one, with DVC's reading: {longest:.2f} s")


if __name__ == "__main__":
    main()
