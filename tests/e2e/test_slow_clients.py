"""Slow, large and many connections hold nobody else up."""

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Site, start_site
from tests.support import write_article

# Deadlines of 2 s instead of 15 s and 180 s.
HURRIED = (
    "-c",
    (
        "import kb_app.web.buffering_worker as w; w.RECEIVE_S = 2.0; w.UPLOAD_S = 3.0; "
        "from kb_app.cli.site import main; main()"
    ),
)
POST = "POST /en/contact HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("slow")
    write_article(folder / "articles", "en/account/reset.md", "Reset a password", "Use the link.")
    running = start_site(
        folder / "articles",
        folder / "var",
        HURRIED,
        KB_EMBEDDING_MODEL="off",
        KB_WEB_PROCESSES="1",
        KB_HTTP_THREADS="4",
    )
    running.wait(lambda: running.get("/readyz")[0] == 200, 60)
    yield running
    running.stop(signal.SIGKILL)


def port_of(site: Site) -> int:
    found = re.search(r":(\d+)", site.url)
    assert found
    return int(found.group(1))


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(site)), timeout=20)


def slowest_page(site: Site, count: int = 20) -> float:
    """The seconds of the slowest of some searches."""
    times = []
    for number in range(count):
        began = time.perf_counter()
        assert site.get(f"/en/search?q=reset+{number}")[0] == 200
        times.append(time.perf_counter() - began)
    return max(times)


def status_of(connection: socket.socket, request: bytes) -> int:
    connection.sendall(request)
    return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize(
    "start",
    [
        "GET /en/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        POST + "Content-Length: 900000\r\n\r\nmessage=",
        POST + "Content-Length: 9000000\r\n\r\nmessage=",
        POST + "Transfer-Encoding: chunked\r\n\r\nffff\r\nmessage=",
        POST + "Content-Length:\t900000\r\n\r\nmessage=",
        POST + "Content-Length: 0000000000000000000000900000\r\n\r\nmessage=",
        POST + "Expect: 100-continue\r\nContent-Length: 900\r\n\r\nmessage=",
    ],
    ids=["head", "form", "upload", "chunks", "tab", "long number", "expect"],
)
def test_300_trickling_connections_do_not_stop_others(site: Site, start: str) -> None:
    connections = [connect(site) for _ in range(300)]
    for connection in connections:
        connection.sendall(start.encode())
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.5):
            for connection in connections:
                try:
                    connection.sendall(b"a")
                except OSError:
                    continue

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        assert slowest_page(site) < 2
        time.sleep(2.5)
        assert slowest_page(site) < 2
    finally:
        stop.set()
        sender.join()
        for connection in connections:
            connection.close()


def test_a_slow_request_is_ended_at_its_deadline(site: Site) -> None:
    with connect(site) as connection:
        connection.sendall(b"GET /en/ HTTP/1.1\r\nHost: localhost\r\n")
        began = time.perf_counter()
        assert connection.recv(100) == b""
        assert 1 < time.perf_counter() - began < 6


def test_a_large_body_is_refused_and_reaches_no_disk(site: Site, tmp_path: Path) -> None:
    head = "POST /en/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n"
    with connect(site) as connection:
        assert status_of(connection, head.encode()) == 405
    with connect(site) as connection:
        contact = POST + "Sec-Fetch-Site: none\r\nContent-Length: 200000000\r\n\r\n"
        assert status_of(connection, contact.encode()) == 413


def receive(connection: socket.socket, end: bytes) -> bytes:
    """What comes until ``end``: a response may come in several parts."""
    received = b""
    while not received.endswith(end):
        part = connection.recv(4096)
        assert part, received
        received += part
    return received


def test_requests_in_pieces_and_in_a_row_are_answered(site: Site) -> None:
    end = b'"}\n'
    with connect(site) as connection:
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for piece in (request[:7], request[7:30], request[30:]):
            connection.sendall(piece)
            time.sleep(0.1)
        assert b"200 OK" in receive(connection, end)
        # Two at once, the second one cut.
        connection.sendall(request + request[:20])
        assert b"200 OK" in receive(connection, end)
        time.sleep(0.2)
        connection.sendall(request[20:])
        assert b"200 OK" in receive(connection, end)


def test_a_form_that_comes_in_pieces_is_taken_whole(site: Site) -> None:
    body = b"choice=no"
    head = (
        "POST /en/privacy HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connect(site) as connection:
        connection.sendall(head.encode() + body[:4])
        time.sleep(0.3)
        assert status_of(connection, body[4:]) == 303


def test_more_connections_than_fit_push_out_the_slowest(site: Site) -> None:
    connections = [connect(site) for _ in range(1_100)]
    try:
        assert slowest_page(site, 5) < 2
    finally:
        for connection in connections:
            connection.close()


def test_a_head_that_never_ends_is_refused(site: Site) -> None:
    with connect(site) as connection:
        connection.sendall(b"GET /en/ HTTP/1.1\r\nHost: localhost\r\n")
        line = b"X-Long: " + b"a" * 8_000 + b"\r\n"
        answer = b""
        for _ in range(40):
            try:
                connection.sendall(line)
            except OSError:
                break
        with contextlib.suppress(OSError):
            answer = connection.recv(100)
        assert answer == b"" or b"431" in answer
    assert slowest_page(site, 3) < 2


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(site: Site) -> None:
    head = POST + "Sec-Fetch-Site: same-origin\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    with connect(site) as connection:
        began = time.perf_counter()
        assert status_of(connection, head.encode()) == 100
        assert time.perf_counter() - began < 1


def test_connections_that_come_and_go_while_all_are_used_kill_no_process(site: Site) -> None:
    for _ in range(15):
        silent = [connect(site) for _ in range(200)]
        for connection in silent[:50]:
            connection.sendall(b"G")
        for connection in silent:
            connection.close()
    held = [connect(site) for _ in range(1_000)]
    for number in range(200):
        fresh = connect(site)
        held[number].sendall(b"G")
        fresh.close()
    for connection in held:
        connection.close()
    assert slowest_page(site, 3) < 2
    assert "exited" not in site.log.read_text(encoding="utf-8")
