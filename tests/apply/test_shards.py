"""Shards of the cases, and merging their tables to those of one process."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.apply.merging import merge_shards
from brainseg.apply.outcome import Outcome
from brainseg.apply.records import Records, Shard, parse_shard, table_paths
from brainseg.errors import UserError
from brainseg.scans.digests import keyed_name
from tests.apply.bright_model import head_with_lesion
from tests.apply.predicting import contents, predict, write_nifti

SETTINGS = {"model_sha256": "ab", "threshold": 0.5}


def outcome(name: str) -> Outcome:
    return Outcome(case=name, status="done", row={"case": name, "volume_ml": 0.1 + 0.2, "voxels": 3})


def write_parts(out: Path, names: list[str], of: int) -> None:
    """What the shards write, without outlining."""
    for number in range(1, of + 1):
        shard = Shard(number=number, of=of)
        records = Records(out=out, settings=SETTINGS, names=names, shard=shard)
        records.write()
        for position in shard.positions(len(names)):
            records.add(position, outcome(names[position]))


def change_report(path: Path, changes: dict[str, object]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@given(st.integers(0, 50), st.integers(1, 60))
def test_every_case_is_in_one_shard(cases: int, of: int) -> None:
    shares = [Shard(number=number, of=of).positions(cases) for number in range(1, of + 1)]
    assert sorted(position for share in shares for position in share) == list(range(cases))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", "1.5/2", "", "1/2\n"])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected I/N"):
        parse_shard(text)
    assert parse_shard("2/3") == Shard(number=2, of=3)


@pytest.mark.parametrize("of", [1, 2, 3, 7])  # 7: more shards than cases
def test_merged_tables_are_those_of_one_process(tmp_path: Path, of: int) -> None:
    names = list("abcde")
    whole = Records(out=tmp_path / "whole", settings=SETTINGS, names=names)
    for position, name in enumerate(names):
        whole.add(position, outcome(name))
    write_parts(tmp_path / "parts", names, of)
    assert [each.case for each in merge_shards(tmp_path / "parts")] == names
    for path in table_paths(tmp_path / "whole"):
        assert (tmp_path / "parts" / path.name).read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "parts").iterdir())) == 2  # the parts are gone


def test_shards_that_do_not_belong_together_are_refused_and_kept(tmp_path: Path) -> None:
    names, second = list("abcde"), Shard(number=2, of=3)
    write_parts(tmp_path, names, 3)
    before = contents(tmp_path)
    report = table_paths(tmp_path, second)[1]
    original = report.read_text()
    cases = json.loads(original)["cases"]
    shard = json.loads(original)["shard"]
    for changes, message in (
        ({"settings": {**SETTINGS, "threshold": 0.4}}, r"1/3 and 2/3 differ in threshold 0\.5 and 0\.4"),
        ({"cases": cases[:1]}, r"not finished: shard 2/3 \(1 of 2 cases\)"),
        ({"shard": {**shard, "cases": 6}}, r"different inputs \(5 and 6 cases\)"),
        ({"shard": {**shard, "names_sha256": "0"}}, "different inputs"),
        ({"cases": [{"case": "a", "other": 1}]}, "not the report of a shard"),
        ({"cases": [{**cases[0], "row": [1]}]}, "not the report of a shard"),
        ({"cases": 3}, "not the report of a shard"),
        ({"shard": None}, "not the report of a shard"),
    ):
        change_report(report, changes)
        with pytest.raises(UserError, match=message):
            merge_shards(tmp_path)
        report.write_text(original)
    report.write_text(original[:-5])
    with pytest.raises(UserError, match="not the report of a shard"):
        merge_shards(tmp_path)
    report.unlink()
    with pytest.raises(UserError, match="1 of 3 shards are missing: 2/3"):
        merge_shards(tmp_path)
    report.write_text(original)
    (tmp_path / "report.1-of-2.json").write_text("{}")
    with pytest.raises(UserError, match="reports of 2 and of 3 shards"):
        merge_shards(tmp_path)
    assert contents(tmp_path).items() >= before.items()


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_nothing_to_merge(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="nothing to merge"):
        merge_shards(tmp_path / folder)


@pytest.mark.usefixtures("with_bright_model")
@pytest.mark.parametrize("anonymise", [False, True])
def test_shards_of_a_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], anonymise: bool
) -> None:
    for name in "abc":
        write_nifti(tmp_path / f"in/{name}/{name}.nii.gz", head_with_lesion())
    (tmp_path / "in/b/b.nii.gz").write_bytes(b"damaged")
    key = tmp_path / "key"
    key.write_text("a secret that is long enough")
    more = ("--anonymise", key) if anonymise else ()
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    assert predict(monkeypatch, tmp_path / "in", "-o", whole, *more) == 1
    assert predict(monkeypatch, tmp_path / "in", "-o", parts, *more, "--shard", "2/2") == 1
    assert predict(monkeypatch, tmp_path / "in", "-o", parts, *more, "--shard", "1/2") == 0
    assert "2 of 2 cases" in capsys.readouterr().out
    # Again: refused, kept with --resume, also after the merge and in one process.
    assert predict(monkeypatch, tmp_path / "in", "-o", parts, *more, "--shard", "1/2") == 1
    assert predict(monkeypatch, tmp_path / "in", "-o", parts, *more, "--shard", "1/2", "--resume") == 0
    assert capsys.readouterr().out.count(": kept") == 2
    assert predict(monkeypatch, "--merge", "-o", parts) == 1  # a case has failed
    assert "2 of 3 cases" in capsys.readouterr().out
    assert contents(parts) == contents(whole)
    assert predict(monkeypatch, tmp_path / "in", "-o", parts, *more, "--resume") == 1
    assert capsys.readouterr().out.count(": kept") == 2
    name = keyed_name(key.read_bytes(), "a") if anonymise else "a"
    assert (parts / f"{name}_mask.nii.gz").is_file()


@pytest.mark.usefixtures("with_bright_model")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{in}", "--merge", "-o", "{new}"), "--merge takes only"),
        (("--merge", "--shard", "1/2", "-o", "{new}"), "--merge takes only"),
        (("{in}", "--shard", "5/2", "-o", "{new}"), "expected I/N"),
        (("{in}", "--shard", "1/2", "--scheduler", "tcp://a:1", "-o", "{new}"), "Expected: one of them"),
        (("{in}", "--shard", "1/2", "-o", "{full}"), "is not empty"),
    ],
)
def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str) -> None:
    write_nifti(tmp_path / "in/scan.nii.gz", head_with_lesion())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    places = {name: tmp_path / name for name in ("in", "full", "new")}
    monkeypatch.setattr("sys.argv", ["brainseg", "predict", *(text.format(**places) for text in arguments)])
    from brainseg.cli import main

    with pytest.raises(SystemExit, match=message):
        main()
    assert not (tmp_path / "new").exists()
