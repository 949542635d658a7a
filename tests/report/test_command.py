"""`brainseg report` from the command line to the page; and the page of two runs in a browser."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from brainseg.cli import main
from brainseg.evaluation.comparison import compare
from brainseg.files import write_table
from brainseg.report.comparison_report import moved_patients
from brainseg.report.predictions import PredictedCase, read_predictions
from brainseg.report.provenance import provenance
from brainseg.report.quality_control import BY_DOUBT, BY_PROBABILITY, sort_cases
from tests.browser import check_accessibility, check_width, opened
from tests.report.pages import run_tables, write_predictions


def report(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    """Run the command; returns its error, or an empty text."""
    monkeypatch.setattr("sys.argv", ["brainseg", "report", *map(str, arguments)])
    try:
        main()
    except SystemExit as stopped:
        return str(stopped.code)
    return ""


def blocks(path: Path) -> dict[str, dict]:
    """The data of a page by the identifier of its script."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', path.read_text(), re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def write_run(folder: Path, dice: dict[str, float], without: tuple[str, ...] = ()) -> Path:
    write_table(folder / "metrics/patients.csv", run_tables(dice).patients.drop(columns=list(without)))
    return folder


def test_page_is_written_with_the_slices_of_scans_that_are_found_by_content(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = write_predictions(tiny_set, tmp_path / "out")
    assert report(monkeypatch, out) == ""
    printed = capsys.readouterr().out
    assert "3 case(s) with numbers only. Not for diagnosis." in printed
    assert "--scans INPUT" in printed
    moved = tiny_set.rename(tmp_path / "elsewhere")
    (moved / "TCGA_HT_0003_20000303/TCGA_HT_0003_20000303_1.tif").write_bytes(
        (moved / "TCGA_CS_0001_20000101/TCGA_CS_0001_20000101_1.tif").read_bytes()
    )
    assert report(monkeypatch, out, "--scans", moved, "-o", tmp_path / "page.html") == ""
    printed = capsys.readouterr().out
    assert "2 case(s) with all slices, 1 case(s) with numbers only" in printed
    assert "have changed" in printed
    data = blocks(tmp_path / "page.html")
    has = {"true": True, "predicted": True, "probability": True}
    assert [picture["has"] for name, picture in data.items() if name.startswith("picture") and picture] == [has, has]
    assert str(tmp_path) not in (tmp_path / "page.html").read_text()


def test_anonymised_page_has_no_notes_and_no_path(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_predictions(tiny_set, tmp_path / "out", anonymised="0123")
    content = json.loads((out / "report.json").read_text())
    content["cases"][0]["notes"] = ["/secret/place/scan.nii: odd"]
    content["cases"].append({"case": "f00d", "status": "failed", "notes": ["/secret/place/bad.nii: damaged"]})
    (out / "report.json").write_text(json.dumps(content))
    assert report(monkeypatch, out, "--scans", tiny_set) == ""
    text = (out / "report.html").read_text()
    assert "f00d" in text
    assert "secret" not in text
    assert str(tmp_path) not in text
    content["settings"]["anonymised"] = None
    (out / "report.json").write_text(json.dumps(content))
    assert report(monkeypatch, out) == ""
    assert "damaged" in (out / "report.html").read_text()


def test_verdicts_of_another_run_are_refused(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = write_predictions(tiny_set, tmp_path / "out")
    other = write_predictions(tiny_set, tmp_path / "other", model_sha256="cd" * 32)
    run = read_predictions(other).run
    verdicts = tmp_path / "verdicts.csv"
    verdicts.write_text(f"run,case,verdict,note\n{run},TCGA_DU_0002_20000202,accept,good\n")
    assert "verdicts of another run" in report(monkeypatch, out, "--verdicts", verdicts)
    assert not (out / "report.html").exists()
    assert report(monkeypatch, other, "--verdicts", verdicts) == ""
    assert "verdicts: 1 accept, 0 reject, 0 unsure; 2 to do" in capsys.readouterr().out
    rows = blocks(other / "report.html")["page"]["rows"]
    given = {row["case"]: row["verdict"] for row in rows}
    assert given["TCGA_DU_0002_20000202"] == ["accept", "good"]


def test_a_run_is_its_scans_model_and_settings_and_not_what_else_was_written(tiny_set: Path, tmp_path: Path) -> None:
    runs = [
        read_predictions(write_predictions(tiny_set, tmp_path / str(number), **changes)).run
        for number, changes in enumerate(({}, {"overlay": True, "version": "9"}, {"threshold": 0.4}))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_cases_are_sorted_by_doubt_or_by_what_the_page_says() -> None:
    def case(name: str, **row: str) -> PredictedCase:
        return PredictedCase(name=name, row=row, inputs=(), outputs=(), notes=())

    rated = [case("a", doubt="0.1"), case("b", doubt=""), case("c", doubt="0.7")]
    ranked, order = sort_cases(rated)
    assert ([one.name for one in ranked], order) == (["b", "c", "a"], BY_DOUBT)
    old = [
        case("a", mean_probability_inside="0.9"),
        case("b", mean_probability_inside=""),
        case("c", mean_probability_inside="0.6"),
    ]
    ranked, order = sort_cases(old)
    assert ([one.name for one in ranked], order) == (["b", "c", "a"], BY_PROBABILITY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no output of brainseg predict.*plots/report.html: dvc repro visualise"),
        (["a", "out"], "one output folder of brainseg predict, or two runs"),
        (["a", "b", "--verdicts", "v.csv"], "belong to the output of brainseg predict"),
        (["a", "nowhere"], "nowhere: no file, no folder"),
        (["broken"], r"report\.json: not as brainseg predict writes it .*Outline the scans again"),
        (["other"], "have different cases"),
        (["out", "-o", "a"], "--out a: expected the name of a file, found a folder or device"),
        (["a", "b", "-o", "pipe"], "--out pipe: expected the name of a file, found a folder or device"),
    ],
)
def test_fault_is_one_message(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "a", {"TCGA_CS_1": 0.5})
    write_run(tmp_path / "b", {"TCGA_CS_1": 0.6})
    for name in ("out", "broken", "other"):
        write_predictions(tiny_set, tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken/report.json").write_text('{"settings": 3}')
    table = tmp_path / "other/predictions.csv"
    table.write_text(table.read_text().replace("TCGA_CS", "TCGA_XX"))
    error = report(monkeypatch, *arguments)
    assert re.search(message, error)
    assert "Traceback" not in error
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.browser
@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)], ids=["light desktop", "dark phone"])
def test_two_runs_are_compared_side_by_side(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dark: bool, phone: bool
) -> None:
    """One of them was scored by another version, without most scores."""
    name = "TCGA_<img src=x onerror=document.title='broken'>_1"
    dice = {f"TCGA_CS_{number}": 0.5 + number / 20 for number in range(7)} | {name: 0.3, "TCGA_DU_9": float("nan")}
    a = write_run(tmp_path / "a", dice, without=("nsd_2px", "calibration_error", "flair_dice"))
    b = write_run(tmp_path / "b", {one: min(1, value + 0.1) for one, value in dice.items()})
    path = tmp_path / "page.html"
    assert report(monkeypatch, a, b, "-o", path) == ""
    with opened(chromium, path, dark=dark, phone=phone) as page:
        assert page.locator(".dense .row .name").first.is_visible()
        assert page.locator(".dense .strip").count() == 9
        assert page.locator(".dense .change").count() == 8
        assert name in page.locator(".dense .name").all_inner_texts()
        assert page.locator(".tiles dd").all_inner_texts()[::2] == ["0.606", "0.706", "+0.100"]
        assert "B is better" in page.locator(".tiles").inner_text()
        assert "nsd_2px" not in page.locator("table").inner_text()
        check_width(page)
        check_accessibility(page)


def test_patients_are_sorted_by_how_far_they_moved() -> None:
    tables = [
        run_tables(dice).patients
        for dice in ({"P_A_1": 0.5, "P_A_2": 0.9, "P_A_3": np.nan}, {"P_A_1": 0.4, "P_A_2": 0.95, "P_A_3": np.nan})
    ]
    rows = moved_patients(compare(*map(pd.DataFrame, tables)))
    assert [(row["patient_id"], row["style"]) for row in rows] == [
        ("P_A_2", "better"),
        ("P_A_1", "worse"),
        ("P_A_3", "other"),
    ]


def test_provenance_has_date_version_and_revision(tmp_path: Path) -> None:
    assert re.fullmatch(r"\d+ \w+ 20\d\d, \d\d:\d\d, brainseg [\d.]+", provenance(tmp_path))
