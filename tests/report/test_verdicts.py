"""Files of verdicts: what is read, and what is refused with a reason."""

import json
from pathlib import Path

import pytest

from brainseg.errors import UserError
from brainseg.report.verdicts import read_verdicts

RUN, CASES = "ab" * 16, ("p1", "p2")


def read(path: Path, text: str) -> dict[str, tuple[str, str]]:
    path.write_text(text)
    return read_verdicts(path, run=RUN, cases=CASES).cases


def export(run: str = RUN, **verdict: str) -> str:
    return json.dumps({"run": run, "verdicts": [{"case": "p1", "verdict": "accept", "note": "", **verdict}]})


def test_csv_and_json_are_read_alike(tmp_path: Path) -> None:
    rows = f'run,case,verdict,note\n"{RUN}","p2","reject","two\nlines, ""quoted"""\n"{RUN}","p1","","only a note"\n'
    expected = {"p2": ("reject", 'two\nlines, "quoted"'), "p1": ("", "only a note")}
    assert read(tmp_path / "a.csv", rows) == expected
    listed = [{"case": case, "verdict": verdict, "note": note} for case, (verdict, note) in expected.items()]
    assert read(tmp_path / "a.json", json.dumps({"run": RUN, "verdicts": listed})) == expected
    verdicts = read_verdicts(tmp_path / "a.csv", run=RUN, cases=CASES)
    assert verdicts.counts == {"accept": 0, "reject": 1, "unsure": 0}
    assert verdicts.digest != read_verdicts(tmp_path / "a.json", run=RUN, cases=CASES).digest


def test_an_export_without_verdicts_is_read(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "run,case,verdict,note\n") == {}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", export("cd" * 16), "verdicts of another run, cdcd.*this one is abab"),
        ("a.csv", f"run,case,verdict,note\n{'cd' * 16},p1,accept,\n", "verdicts of another run"),
        ("a.json", export(case="p3"), "p3 is not a case of this run"),
        ("a.json", export(verdict="good"), "has the verdict 'good'. Expected: accept, reject, unsure, or nothing"),
        ("a.csv", f"run,case,verdict,note\n{RUN},p1,accept,\n{RUN},p1,reject,\n", "p1|occurs twice"),
        ("a.json", "[1]", "not verdicts as the quality-control page exports them"),
        ("a.json", "{", "not verdicts as the quality-control page exports them .not JSON"),
        ("a.csv", "case,verdict\np1,accept\n", "missing columns: run, note"),
        ("a.csv", "", "empty"),
        ("a.json", export(case="p\x1b[2J"), r"p\\x1b"),
    ],
)
def test_fault_is_one_message(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path / name, text)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: not found"):
        read_verdicts(tmp_path / "none.csv", run=RUN, cases=CASES)
