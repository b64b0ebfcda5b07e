"""What asks other sites: the address that a connection has counts, and so does the time."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

from kb_app.public_http import session_for_other_sites


@contextmanager
def serving(drips: bool) -> Iterator[int]:
    """A server that answers, or sends headers without an end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    if not drips:
                        connection.sendall(b"HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n")
                        continue
                    try:
                        connection.sendall(b"HTTP/1.1 200 OK\r\n")
                        while not stop.wait(0.05):
                            connection.sendall(b"X: 1\r\n")
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def test_a_name_that_leads_home_when_it_is_asked_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(drips=False) as port, session_for_other_sites() as session:
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more)
        )
        with pytest.raises(requests.ConnectionError, match="own network"):
            session.get(f"http://rebound.example:{port}/", timeout=5)
        with session_for_other_sites(private=True) as allowed:
            assert allowed.get(f"http://rebound.example:{port}/", timeout=5).status_code == 204


def test_a_server_that_drips_is_left_after_the_deadline() -> None:
    with (
        serving(drips=True) as port,
        session_for_other_sites(private=True, deadline_s=0.4) as session,
    ):
        begun = time.monotonic()
        # What came until then is an answer with fewer headers; a header that is still on its way
        # when the connection ends resets it.
        with suppress(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{port}/", timeout=5)
        assert time.monotonic() - begun < 5
