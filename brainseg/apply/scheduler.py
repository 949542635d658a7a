"""Many cases on a Dask cluster: its workers outline them, and this process writes the tables."""

import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainseg.apply.outcome import Outcome, OutputOptions
from brainseg.apply.outline import failed, outline_case, output_name
from brainseg.apply.records import Records, read_finished, settings_of
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.scans.case_source import CaseSource
from brainseg.scans.write_labels import write_labels
from brainseg.terminal import printable

if TYPE_CHECKING:
    import distributed

TIMEOUT = 20  # seconds for the scheduler to answer
INSTALL = "--scheduler needs Dask. Install it here and on the workers: pip install 'brain-segmentation[cluster]'"

# Of a worker: the model, by the settings it was loaded for, and who uses it. Its threads are those for one case.
_loaded: dict[str, Segmenter] = {}
_one_at_a_time = threading.Lock()


def connect(address: str) -> "distributed.Client":
    """Connect to a scheduler.

    Args:
        address: such as tcp://host:8786.

    Raises:
        UserError: if Dask is not installed, or nothing answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UserError(INSTALL) from None
    try:
        return Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--scheduler {printable(address)}: no scheduler answers ({printable(reason)}). Expected: the address that "
            "`dask scheduler` prints, such as tcp://host:8786"
        ) from None


def outline_on_cluster(
    cases: Sequence[CaseSource],
    load: Callable[[], Segmenter],
    out: Path,
    options: OutputOptions,
    client: "distributed.Client",
    *,
    resume: bool = False,
) -> Iterator[Outcome]:
    """Outline cases on the workers of a cluster, and write predictions.csv and report.json after each.

    Each case stands in the tables once, also if its worker dies and another one outlines it again. The tables are in
    the order of the cases, whichever is finished first.

    Args:
        cases: from `brainseg.scans.recognise.find_cases`, with paths that are the same on all machines.
        load: loads the model, here and once in each worker.
        out: folder for the results, the same on all machines.
        options: what to write.
        client: of the cluster.
        resume: as for `brainseg.apply.cases.outline_cases`.

    Yields:
        What became of each case, in the order in which they are finished.

    Raises:
        UserError: if a worker cannot load the model, or is not like this process.
    """
    from distributed import as_completed

    settings = settings_of(load(), options)
    finished = read_finished(out, settings) if resume else {}
    records = Records(out=out, settings=settings, names=[output_name(case, options) for case in cases])
    write_labels(out)
    if not client.scheduler_info()["workers"]:
        print("The scheduler has no workers yet; the cases wait for them.", file=sys.stderr)
    call = uuid.uuid4().hex  # results of another call must not be taken for this one's
    futures = {}
    for position, case in enumerate(cases):
        known = finished.get(records.names[position])
        arguments = (case, load, settings, out, options, known)
        futures[client.submit(_outline_remotely, *arguments, key=f"brainseg-{call}-{position}")] = position
    for future in as_completed(list(futures), loop=client.loop):
        position = futures.pop(future)
        outcome = _result(future, cases[position], options)
        future.release()
        records.add(position, outcome)
        yield outcome


def _result(future: "distributed.Future", case: CaseSource, options: OutputOptions) -> Outcome:
    from distributed import KilledWorker

    try:
        outcome: Outcome = future.result()
    except KilledWorker:
        return failed(case, options, "each worker that outlined it died. It may need more memory than they have.")
    except UserError:
        raise
    except Exception as error:  # of any class: a worker lacks a package, or has another version of it
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"A worker cannot outline: {type(error).__name__}: {printable(reason)}. Expected: the same version of "
            "brainseg and of its packages on all machines."
        ) from None
    return outcome


def _outline_remotely(
    case: CaseSource,
    load: Callable[[], Segmenter],
    settings: Mapping[str, Any],
    out: Path,
    options: OutputOptions,
    known: Outcome | None,
) -> Outcome:
    """Outline a case in a worker. The model stays loaded for the next one."""
    with _one_at_a_time:
        wanted = json.dumps(settings, sort_keys=True)
        if wanted not in _loaded:
            _loaded.clear()  # before another one takes memory
            segmenter = load()
            found = settings_of(segmenter, options)
            if differing := [name for name in settings if settings[name] != found.get(name)]:
                raise UserError(
                    f"A worker has another {' and '.join(differing)}. Expected: the same package and model on all "
                    "machines."
                )
            _loaded[wanted] = segmenter
        return outline_case(case, _loaded[wanted], out, options, known)
