"""Asks other sites for what somebody else named: only on the internet, and not without an end.

A name is looked up twice, when it is judged and when it is asked, and may have another address the
second time (DNS rebinding). So the address that a connection really has is judged.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError


class _Watched:
    """A connection that is refused to the own network, and ended after its time."""

    private, deadline_s = False, 0.0
    _timer: threading.Timer | None = None
    _watched: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        peer = ipaddress.ip_address(str(connected.getpeername()[0]).partition("%")[0])
        if not self.private and not peer.is_global:
            connected.close()
            raise NewConnectionError(self, "the address is in the own network")  # type: ignore[arg-type]
        if self.deadline_s:
            # A copy: what encrypts the connection takes the socket itself over.
            self._watched = connected.dup()
            self._timer = threading.Timer(self.deadline_s, _end, [self._watched])
            self._timer.daemon = True
            self._timer.start()
        return connected

    def close(self) -> None:
        """End the connection and the watch over it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._watched.close()
        super().close()  # type: ignore[misc]


def _end(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended
        return


class OtherSites(HTTPAdapter):  # type: ignore[misc]
    """Asks hosts of the internet; with ``private`` also those of the own network.

    A connection ends after ``deadline_s`` seconds, however slowly it answers; 0: never.
    """

    def __init__(self, *, private: bool = False, deadline_s: float = 0.0) -> None:
        self._pools = _pools(private, deadline_s)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        """Make connections of the watched kind."""
        super().init_poolmanager(*given, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _pools(private: bool, deadline_s: float) -> dict[str, type[HTTPConnectionPool]]:
    rules = {"private": private, "deadline_s": deadline_s}
    plain = type("WatchedHTTP", (_Watched, HTTPConnection), dict(rules))
    secure = type("WatchedHTTPS", (_Watched, HTTPSConnection), dict(rules))
    return {
        "http": type("HTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("HTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


def session_for_other_sites(*, private: bool = False, deadline_s: float = 0.0) -> requests.Session:
    """A session without the environment's proxies and passwords."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, OtherSites(private=private, deadline_s=deadline_s))
    return session
