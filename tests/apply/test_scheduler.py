"""Cases on a Dask cluster: the same tables as one process, each case once, also if a worker dies."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import distributed
import pytest

from brainseg.apply import scheduler
from brainseg.apply.cases import outline_cases
from brainseg.apply.outcome import OutputOptions
from brainseg.apply.scheduler import connect, outline_on_cluster
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.scans.case_source import CaseSource
from brainseg.scans.recognise import find_cases
from tests.apply.bright_model import head_with_lesion, segmenter
from tests.apply.dying_worker import bright_segmenter, die_once
from tests.apply.predicting import contents, predict, write_nifti

FREE_PORT = "127.0.0.1:0"


@pytest.fixture(autouse=True)
def forget_model() -> Iterator[None]:
    """Models stay loaded in a worker; here that is this process."""
    scheduler._loaded.clear()
    yield
    scheduler._loaded.clear()


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Two workers, which are threads of this process."""
    options = {"processes": False, "dashboard_address": FREE_PORT, "protocol": "tcp", "host": "127.0.0.1"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        yield cluster


def write_cases(folder: Path, names: str) -> list[CaseSource]:
    for name in names:
        write_nifti(folder / name / f"{name}.nii.gz", head_with_lesion())
    return find_cases([folder])


def first_then(results: Iterator[Segmenter | Exception]) -> Segmenter:
    """Load one model here and another one in the worker, which gets a copy of the iterator, or fail there."""
    found = next(results)
    if isinstance(found, Exception):
        raise found
    return found


@pytest.mark.usefixtures("with_bright_model")
def test_the_same_files_as_one_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cluster: distributed.LocalCluster,
) -> None:
    write_cases(tmp_path / "in", "abcde")
    (tmp_path / "in/b/b.nii.gz").write_bytes(b"damaged")
    (tmp_path / "key").write_text("a secret that is long enough")
    monkeypatch.chdir(tmp_path)  # the command makes paths absolute
    call = ("in", "--anonymise", "key", "--overlay")
    address = cluster.scheduler_address
    assert predict(monkeypatch, *call, "-o", "one") == 1
    assert predict(monkeypatch, *call, "-o", "many", "--scheduler", address) == 1
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    capsys.readouterr()
    assert predict(monkeypatch, *call, "-o", "many", "--scheduler", address, "--resume") == 1
    assert capsys.readouterr().out.count(": kept") == 4
    assert predict(monkeypatch, *call, "-o", "many", "--scheduler", address) == 1
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_a_case_whose_worker_dies_is_outlined_once_by_another(tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "in", "abcd")
    marker = tmp_path / "marker"
    options = OutputOptions()
    list(outline_cases(cases, bright_segmenter(), tmp_path / "one", options))
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=FREE_PORT) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        marker.touch()
        load = partial(die_once, os.getpid(), marker)
        outcomes = list(outline_on_cluster(cases, load, tmp_path / "many", options, client))
    assert not marker.exists()
    assert sorted(outcome.case for outcome in outcomes) == list("abcd")
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_workers_that_are_not_like_this_process_end_the_call(tmp_path: Path, cluster: distributed.LocalCluster) -> None:
    cases = write_cases(tmp_path / "in", "a")
    failure = ModuleNotFoundError("No module named 'highdicom'")
    with connect(cluster.scheduler_address) as client:
        for found, message in (
            (replace(segmenter(), digest="cd" * 32), "A worker has another model_sha256"),
            (failure, "A worker cannot outline: ModuleNotFoundError: No module named 'highdicom'"),
        ):
            load = partial(first_then, iter([segmenter(), found]))
            with pytest.raises(UserError, match=message):
                list(outline_on_cluster(cases, load, tmp_path / "out", OutputOptions(), client))


def test_an_address_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TIMEOUT", 0.2)
    for address in ("tcp://127.0.0.1:1", "nonsense://a", "127.0.0.1", ""):
        with pytest.raises(UserError, match="no scheduler answers"):
            connect(address)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"brain-segmentation\[cluster\]"):
        connect("tcp://127.0.0.1:1")
