"""Reading a bundle: complete and unaltered, or one message."""

import json
from pathlib import Path

import pytest

from brainseg.errors import UserError
from brainseg.export.bundle import (
    CARD,
    EXPORTED,
    METADATA,
    MODEL,
    PARTS,
    POINT,
    is_bundle,
    read_beside,
    read_bundle,
    write_metadata,
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in PARTS:
        (tmp_path / name).write_text(f"content of {name}")
    write_metadata(tmp_path, {"name": "a model", "operating_point": {"threshold": 0.5}})
    return tmp_path


def test_what_was_written_is_read(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert is_bundle(bundle)
    assert read.metadata["name"] == "a model"
    assert set(read.metadata["files"]) == set(PARTS)
    parts = (read.keras_model, read.exported_model, read.operating_point, read.card)
    assert parts == tuple(bundle / name for name in (MODEL, EXPORTED, POINT, CARD))


def test_writing_again_gives_the_same_bytes(bundle: Path) -> None:
    before = (bundle / METADATA).read_bytes()
    write_metadata(bundle, {"name": "a model", "operating_point": {"threshold": 0.5}})
    assert (bundle / METADATA).read_bytes() == before


def test_other_files_may_lie_in_it(bundle: Path) -> None:
    (bundle / "LICENSE").write_text("some")
    assert read_bundle(bundle).folder == bundle


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_or_altered_part_is_named(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1] + b"X")
    with pytest.raises(UserError, match=rf"{name}: altered\. Expected: SHA-256 \w{{16}}.*found"):
        read_bundle(bundle)
    (bundle / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing. Restore it with `dvc checkout`"):
        read_bundle(bundle)
    (bundle / name).mkdir()
    with pytest.raises(UserError, match=f"{name}: cannot be read"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "not readable .not JSON"),
        ("[]", "no digests of unet.keras, unet.onnx"),
        ("{}", "no digests of"),
        (json.dumps({"files": {"unet.keras": "ab"}}), "no digests of"),
        (json.dumps({"files": None}), "no digests of"),
        (json.dumps({"files": dict.fromkeys(PARTS, 7)}), "unet.keras: altered"),
    ],
)
def test_damaged_metadata_are_one_message(bundle: Path, content: str, message: str) -> None:
    (bundle / METADATA).write_text(content)
    with pytest.raises(UserError, match=message):
        read_bundle(bundle)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert not is_bundle(tmp_path)
    for folder in (tmp_path, tmp_path / "missing", Path(__file__)):
        with pytest.raises(UserError, match=r"not a bundle, because it has no model\.json|not readable"):
            read_bundle(folder)


def test_files_beside_a_model_may_be_missing_but_not_damaged(tmp_path: Path) -> None:
    assert read_beside(tmp_path, CARD) is None
    assert read_beside(tmp_path, METADATA) is None
    (tmp_path / CARD).write_text("Größe", encoding="utf-8")
    (tmp_path / METADATA).write_text('{"a": 1}', encoding="utf-8")
    assert (read_beside(tmp_path, CARD), read_beside(tmp_path, METADATA)) == ("Größe", {"a": 1})
    (tmp_path / CARD).write_text("Größe", encoding="latin-1")
    with pytest.raises(UserError, match=r"model_card\.md: not readable \(perhaps Latin-1 or Windows-1252"):
        read_beside(tmp_path, CARD)
    (tmp_path / METADATA).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UserError, match=r"model\.json: not readable \(nested too deeply\)"):
        read_beside(tmp_path, METADATA)
