"""Measure the service under load: requests that were lost, their times, and whether its memory grows.

    python -m benchmarks.service                      # 200 requests from 8 clients
    python -m benchmarks.service --requests 40 --model models/bundle

`brainseg serve` runs as a process of its own on a free port. The requests are a synthetic patient as NIfTI and as a zip
archive of slices, by turns. Each answer is compared with the first one of its kind. Memory is that of the service's
process, from /proc, so this needs Linux.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import nibabel
import numpy as np
from PIL import Image

from brainseg.phantom.patients import make_patient

SPACING = np.diag([-1.0, -1.0, 5.0, 1.0])
START = ("-c", "from brainseg.cli import main; main()", "serve", "--port", "0")


def make_scans(size: int) -> dict[str, bytes]:
    """A synthetic patient as files to send, by their names."""
    image = make_patient(1, size=size, seed=7).image
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii.gz"
        nibabel.save(nibabel.Nifti1Image(image[..., 1].transpose(2, 1, 0), SPACING), path)
        nifti = path.read_bytes()
    slices = io.BytesIO()
    with zipfile.ZipFile(slices, "w") as archive:
        for number, pixels in enumerate(image, 1):
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            archive.writestr(f"slice_{number}.png", content.getvalue())
    return {"scan.nii.gz": nifti, "slices.zip": slices.getvalue()}


def memory_mb(process: int) -> float:
    """Resident memory of a process, MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def send(url: str, scan: tuple[str, bytes]) -> tuple[str, bytes, float]:
    """Send a request; returns its outcome in a word, the answer and its seconds."""
    began = time.perf_counter()
    try:
        response = httpx.post(f"{url}/predict", files={"file": scan}, timeout=600)
    except httpx.HTTPError as error:
        return type(error).__name__, b"", time.perf_counter() - began
    return str(response.status_code), response.content, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="number of requests (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=8, help="that send at a time (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="height and width, pixels (default: %(default)s)")
    parser.add_argument("--model", help="as of brainseg serve")
    arguments = parser.parse_args()
    scans = list(make_scans(arguments.size).items())
    model = ("--model", arguments.model) if arguments.model else ()
    with subprocess.Popen([sys.executable, *START, *model], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = next(line for line in server.stdout if line.startswith("http://")).split()[0]
            load(url, scans, server.pid, arguments)
        finally:
            server.terminate()
            server.communicate()


def load(url: str, scans: list[tuple[str, bytes]], process: int, arguments: argparse.Namespace) -> None:
    """Send the requests, a tenth of them first to warm up, and print the figures."""
    expected = [send(url, scan)[1] for scan in scans]
    for _ in range(arguments.requests // 20):
        [send(url, scan) for scan in scans]
    memory, began = [memory_mb(process)], time.perf_counter()
    outcomes, seconds = Counter[str](), []
    with ThreadPoolExecutor(arguments.clients) as clients:
        jobs = [clients.submit(send, url, scans[number % len(scans)]) for number in range(arguments.requests)]
        for number, job in enumerate(jobs):
            outcome, content, took = job.result()
            same = outcome != "200" or content == expected[number % len(scans)]
            outcomes[outcome if same else "other answer"] += 1
            seconds.append(took)
            if (number + 1) % max(1, arguments.requests // 10) == 0:
                memory.append(memory_mb(process))
    whole = time.perf_counter() - began
    print(f"{arguments.requests} requests from {arguments.clients} clients in {whole:.1f} s")
    print("answers: " + ", ".join(f"{count} x {outcome}" for outcome, count in outcomes.items()))
    quantiles = np.quantile(seconds, [0.5, 0.95, 1])
    print("seconds of a request: median {:.2f}, 95 % {:.2f}, longest {:.2f}".format(*quantiles))
    print("memory of the service, MB: " + " ".join(f"{value:.0f}" for value in memory))


if __name__ == "__main__":
    main()
