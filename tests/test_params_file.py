"""Tests of brainseg.params_file: parameter files are read as DVC reads them, and any file at all is one message."""

import math
import os
import re
from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.errors import UserError
from brainseg.params import load_params
from brainseg.params_file import MAX_BYTES, read_parameters, shown
from tests.project import ROOT

DEFAULTS = (ROOT / "params.yaml").read_text()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def replaced(key: str, text: str) -> str:
    """The default parameter file with another text behind the first key of this name."""
    changed = re.sub(rf"(?m)^( *{key}: )\S+", lambda match: match[1] + text, DEFAULTS, count=1)
    assert changed != DEFAULTS
    return changed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("0b11", 3),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("on", "on"),
        ("n", "n"),
        ("true", True),
        ("~", None),
        ("", None),
        ("1e-4", 0.0001),
        ("5e-05", 0.00005),
        (".5", 0.5),
        (".inf", math.inf),
        ("inf", "inf"),
        ("12345678901234567890", 12345678901234567890),
        ("0xffffffffffffffffffff", 2**80 - 1),
        ("&anchor 8", 8),
        ("!!str 8", "8"),
    ],
)
def test_scalars_are_read_as_in_yaml_1_2_and_as_dvc_reads_them(path: Path, text: str, value: object) -> None:
    """PyYAML follows YAML 1.1: it reads 010 as 8, 1:30 as 90, yes as True and 1e-4 as text."""
    path.write_text(f"key: {text}\n")
    assert read_parameters(path) == {"key": value}
    assert type(read_parameters(path)["key"]) is type(value)
    assert parse_yaml(path.read_text(), path) == {"key": value}


@settings(max_examples=100)
@given(text=st.text(st.sampled_from("01279.eE+-_:xobnyfInNaAtTrue~!&*[]{}'\"# "), max_size=12))
def test_whatever_is_read_is_what_dvc_reads(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("yaml") / "params.yaml"
    path.write_text(f"key: {text}\n")
    try:
        content = read_parameters(path)
    except UserError:
        return
    assert repr(content) == repr(parse_yaml(path.read_text(), path))  # NaN differs from itself


def test_seed_with_a_leading_zero_is_the_same_number_for_dvc_and_the_stages(path: Path) -> None:
    path.write_text(replaced("seed", "010"))
    assert load_params(path).phantom.seed == parse_yaml(path.read_text(), path)["phantom"]["seed"] == 10


@pytest.mark.parametrize("text", ["5e-05", "1e-4", "5.0e-5", "0.00005", "1E-4", "1.e-4"])
def test_numbers_are_read_in_every_notation(path: Path, text: str) -> None:
    """`dvc exp run -S` writes 5e-05."""
    path.write_text(replaced("learning_rate", text))
    assert load_params(path).train.learning_rate == float(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DEFAULTS + "train: {}\n", r'line \d+: found duplicate key "train"'),
        (replaced("filters", "8\n  filters: 16"), r'line \d+: found duplicate key "filters" with value "16"'),
        (replaced("filters", "!!int abc"), r"line \d+: a value that does not fit int \(invalid literal"),
        (replaced("filters", "9" * 4301), r"line \d+: a value that does not fit int \(Exceeds the limit"),
        (replaced("filters", "[" * 1000 + "]" * 1000), "nested too deeply"),
        (replaced("filters", "!!python/object/apply:os.getcwd []"), r"line \d+: could not determine a constructor"),
        (replaced("filters", "!!bool x"), r"line \d+: a value that does not fit bool"),
        (replaced("root", "2020-13-45"), r"line \d+: a value that does not fit timestamp \(month must be in 1..12\)"),
        (replaced("root", "2020-01-02"), r"data\.root: .* string, found the date 2020-01-02; put text in quotes"),
        (replaced("root", "*unknown"), r"line \d+: found undefined alias 'unknown'"),
        (replaced("filters", "0x" + "f" * 5000), "train.filters: .*found a whole number with more than 60 digits"),
        (replaced("filters", "x" * 5000), r"train\.filters: .* found 'x+\.\.\.x+'"),
        (replaced("filters", "&a [*a, *a]"), r"train\.filters: .*, found \["),
        (DEFAULTS.replace("  pictures", "\tpictures"), r"line \d+: found character '\\t'.* missing quote"),
        (DEFAULTS.replace("  pictures", "   pictures"), r"line \d+: .* \(a wrong indentation, or a missing quote"),
        ("%YAML 1.3\n---\n" + DEFAULTS, "unusual YAML"),
        (DEFAULTS + "---\n" + DEFAULTS, r"line \d+: expected a single document in the stream but found another"),
        ("", "the file: expected a group of parameters, found None"),
        ("# nothing\n", "the file: expected a group of parameters, found None"),
        ("- a\n- b\n", r"the file: expected a group of parameters, found \['a', 'b'\]"),
        ("8\n", "the file: expected a group of parameters, found 8"),
        ("train: 3\n", "train: expected a group of parameters, found 3"),
        ("{", "not a readable parameter file: line 1: expected the node content"),
        ("a: \x07\n", r"line 1: unacceptable character #x0007"),
        ("1: 2\n", "Keys should be strings, found 1"),
    ],
)
def test_fault_is_one_message(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError, match=words) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: ")
    assert max(map(len, str(error.value).splitlines())) < 500
    assert str(error.value).replace("\n", "").isprintable()


def test_billion_laughs_are_refused_without_being_written_out(path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(20)]
    path.write_text("\n".join(lines) + "\n" + replaced("filters", "*a20"))
    with pytest.raises(UserError, match=r"22 fault\(s\)") as error:
        load_params(path)
    assert len(str(error.value)) < 5000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (DEFAULTS.encode("utf-16"), "UTF-16, not UTF-8 text: byte 1 is 0xff"),
        (DEFAULTS.encode("utf-16-le"), "not UTF-8 text: it has bytes that are 0"),
        (DEFAULTS.replace("train", "tr\xe4in").encode("latin-1"), r"Latin-1 or Windows-1252, not UTF-8 text: byte \d+"),
        (bytes(range(256)), "not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\x00", "binary, not UTF-8 text: byte 1 is 0x89"),
        (b"a: \x00\n", "bytes that are 0"),
        (b" " * (MAX_BYTES + 1), "100001 bytes, where at most 100000 are expected"),
    ],
)
def test_file_that_is_not_utf_8_text_is_one_message(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: not a readable parameter file: ")
    assert "UTF-8, as in presets/phantom.yaml" in str(error.value)


def test_byte_order_mark_and_windows_line_ends_are_accepted(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + DEFAULTS.replace("\n", "\r\n").encode())
    assert load_params(path) == load_params(ROOT / "params.yaml")


@pytest.mark.parametrize("kind", ["folder", "not a regular file"])
def test_folder_and_fifo_are_refused_without_waiting(path: Path, kind: str) -> None:
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(UserError, match=f"not a readable parameter file: (a )?{kind}"):
        load_params(path)


def test_sparse_file_of_500_gigabytes_is_refused_from_its_size(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(500 * 2**30)
    with pytest.raises(UserError, match="536870912000 bytes"):
        load_params(path)


def test_missing_file_is_told_how_to_get_one(path: Path) -> None:
    with pytest.raises(UserError, match=r"cp presets/phantom\.yaml"):
        load_params(path)


@settings(max_examples=50)
@given(value=st.recursive(st.none() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x) | st.tuples(x)))
def test_values_are_shown_on_one_short_line(value: object) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) < 700
