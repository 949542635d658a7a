"""The commands and the Python in the pages: every program, option, target and module in them exists.

`tests/apply/test_released.py` runs the example of docs/predict.md, `tests/test_own_data.py` that of docs/own-data.md.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser

from brainseg.cli import _make_parser
from tests.project import ROOT
from tests.test_docs import CURRENT, code_spans, defines

BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PRINTED = ("--help", "--version")  # these options exit
ASSIGNMENT = re.compile(r"\w+=\S*$")


def blocks(language: str) -> list[tuple[str, str]]:
    """List (page, code) of the code blocks in a language."""
    texts = [(page, (ROOT / page).read_text(encoding="utf-8")) for page in CURRENT]
    return [(page, code) for page, text in texts for name, code in BLOCK.findall(text) if name == language]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words) of each command in the pages."""
    for page, code in blocks("sh"):
        for line in code.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                try:
                    words = shlex.split(command, comments=True)
                except ValueError:  # a script in quotes, over several lines
                    continue
                while words and ASSIGNMENT.match(words[0]):
                    words.pop(0)
                if words:
                    yield page, words
    for page, span in code_spans():
        if span.startswith(("brainseg ", "make ", "python -m ")) and "..." not in span:
            yield page, shlex.split(span)


COMMANDS = list(commands())


def of(program: str) -> list[tuple[str, list[str]]]:
    """List (page, words) of the commands of a program, each once."""
    found = {(page, tuple(words)) for page, words in COMMANDS if words[0] == program}
    return [(page, list(words)) for page, words in sorted(found)]


def test_options_and_commands_of_brainseg_exist(capsys: pytest.CaptureFixture[str]) -> None:
    found = of("brainseg")
    assert len(found) > 20
    for page, words in found:
        arguments = [*words[1:], "--help"] if len(words) == 2 else words[1:]
        try:
            _make_parser().parse_args(arguments)
        except SystemExit as stopped:
            asked = stopped.code == 0 and set(arguments) & set(PRINTED)
            assert asked, f"{page}: {shlex.join(words)}: {capsys.readouterr().err}"


def test_options_and_commands_of_dvc_exist(capsys: pytest.CaptureFixture[str]) -> None:
    found = of("dvc")
    assert len(found) > 40
    for page, words in found:
        try:
            get_main_parser().parse_args(words[1:])
        except DvcParserError as error:
            pytest.fail(f"{page}: {shlex.join(words)}: {error!r} {capsys.readouterr().err}")


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    wanted = {(page, word) for page, words in of("make") for word in words[1:] if "=" not in word}
    assert {target for _, target in wanted} >= {"run", "test", "setup"}
    assert [(page, target) for page, target in wanted if target not in targets] == []


def test_modules_that_python_runs_exist() -> None:
    found = [(page, words[2]) for page, words in of("python") if words[1] == "-m"]
    assert len(found) > 10
    files = {module: ROOT / Path(*module.split(".")) for _, module in found}
    assert [(page, module) for page, module in found if not files[module].with_suffix(".py").is_file()] == []


def test_files_that_are_copied_exist() -> None:
    found = [(page, word) for page, words in of("cp") for word in words[1:-1] if word.startswith("presets/")]
    assert found
    assert [(page, name) for page, name in found if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_can_be_parsed_and_what_it_imports_of_brainseg_exists(page: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, page)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("brainseg"):
            assert [name.name for name in node.names if not defines(f"{node.module}.{name.name}")] == []
