"""Places: requests that wait, clients that go away, and those that stay and send nothing."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from brainseg.serve.uploads import Limits
from tests.serve.requests import FORM, START, error_of, nifti_bytes
from tests.serve.running_service import LIMITS, Service, running_service, wait_until


def test_requests_beyond_the_places_are_refused_and_the_others_answered(service: Service, tmp_path: Path) -> None:
    content = nifti_bytes(tmp_path)
    service.segmenter.may_go_on.clear()
    with ThreadPoolExecutor(LIMITS.requests) as clients:
        waiting = [clients.submit(service.post, file=content) for _ in range(LIMITS.requests)]
        service.wait_until_taken(LIMITS.requests)
        refused = service.post(file=content)
        service.segmenter.may_go_on.set()
        assert [future.result().status_code for future in waiting] == [200] * LIMITS.requests
    assert refused.status_code == 503
    assert "all 4 places are taken" in error_of(refused)
    assert int(refused.headers["retry-after"]) > 0
    assert service.segmenter.calls == LIMITS.requests


def send_raw(service: Service, body: bytes, length: int) -> socket.socket:
    """Send the start of a request whose body should have `length` bytes."""
    connection = socket.create_connection(service.address)
    fields = {"Host": "x", "Content-Type": FORM["content-type"], "Content-Length": length}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"POST /predict HTTP/1.1\r\n{head}\r\n".encode() + body)
    return connection


def body_of(content: bytes) -> bytes:
    return START + content + b"\r\n--x--\r\n"


def test_half_a_request_frees_its_place_when_the_client_goes_away(service: Service, tmp_path: Path) -> None:
    body = body_of(nifti_bytes(tmp_path))
    connection = send_raw(service, body[: len(body) // 2], len(body))
    service.wait_until_taken(1)
    connection.close()
    service.wait_until_taken(0)
    assert service.segmenter.calls == 0


def test_a_client_that_went_away_while_it_waited_is_not_outlined(service: Service, tmp_path: Path) -> None:
    body = body_of(nifti_bytes(tmp_path))
    service.segmenter.may_go_on.clear()
    first = threading.Thread(target=service.post, kwargs={"file": nifti_bytes(tmp_path)})
    first.start()
    wait_until(lambda: service.segmenter.calls == 1)
    with send_raw(service, body, len(body)):
        service.wait_until_taken(2)
    for _ in range(3):  # answered by the loop that has been told before that the connection is closed
        service.taken()
    service.segmenter.may_go_on.set()
    first.join()
    service.wait_until_taken(0)
    assert service.segmenter.calls == 1


def test_half_a_request_of_a_client_that_stays_is_given_up(tmp_path: Path) -> None:
    with running_service(tmp_path, Limits(upload=10**6, requests=1, idle=0.05)) as service:
        with send_raw(service, body_of(b"")[:20], 1000) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
        service.wait_until_taken(0)
