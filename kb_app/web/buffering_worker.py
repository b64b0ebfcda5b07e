"""gunicorn's threaded worker, with requests received before a thread is given to them.

gunicorn reads requests in its threads, so as many slow clients as threads would stop the site.
Here the main loop receives them without blocking, up to a bound and until a deadline; a thread
gets a request whole. Large bodies (uploads) are read by a thread, by half of the threads at most.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import re
import selectors
import socket
import struct
import time
from collections import deque
from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

log = logging.getLogger("kb_app.web")
# The deadline for a request, from its first byte or from the connection.
RECEIVE_S = 15.0
UPLOAD_S = 180.0
# The deadline for a thread's whole answer, to a client that takes it slowly.
ANSWER_S = 120.0
# A socket operation of a thread that makes no progress for this long fails.
STALLED_S = 20
HEAD_BYTES = 160 * 1024
BUFFERED_BODY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n")
# Heads whose body is read by a thread: of unknown length, or held back until it is asked for.
_UNKNOWN_BODY = re.compile(rb"(?i)\r\n(?:transfer-encoding|content-length|expect)[ \t]*:")
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(TConn):  # type: ignore[misc]
    """A connection with what was received of its next request, until a thread takes it."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.received = bytearray()
        self.deadline = 0.0
        self.is_upload = False
        # Bytes of the whole request, once its head is known.
        self._needed: int | None = None

    def init(self) -> None:
        """Give the parser what was received; called by a thread before it parses."""
        super().init()
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received, self._needed = bytearray(), None

    @property
    def head_is_known(self) -> bool:
        """Whether the whole head was received."""
        return self._needed is not None

    def is_complete(self) -> bool:
        """Whether a thread would not have to wait for this request, or for its head if large."""
        if self._needed is None:
            end = self.received.find(_END_OF_HEAD)
            if end < 0:
                return False
            head = bytes(self.received[: end + 2])
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            unknown = _UNKNOWN_BODY.search(_LENGTH.sub(b"\r\n", head, count=1))
            self.is_upload = size > BUFFERED_BODY_BYTES or unknown is not None
            self._needed = end + len(_END_OF_HEAD) + size
        return self.is_upload or len(self.received) >= self._needed


class BufferingWorker(ThreadWorker):  # type: ignore[misc]
    """Receives requests in the main loop; all methods but those of gunicorn's threads run there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # In the order of their deadlines.
        self._receiving: dict[Connection, None] = {}
        # Those that a thread has, with their deadlines.
        self._uploads: dict[Connection, float] = {}
        self._answering: dict[Connection, float] = {}
        self._waiting_uploads: deque[Connection] = deque()
        self._most_uploads = max(1, self.cfg.threads // 2)

    def accept(self, listener: Any) -> None:
        """Accept a connection and receive its request; the slowest one makes room for it."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTORS:
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        _bound(sock)
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        self._receive(Connection(self.cfg, sock, client, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Receive the next request of a kept-alive connection."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Go on with a connection after a response: keep, receive or close it."""
        self._uploads.pop(conn, None)
        self._answering.pop(conn, None)
        self._start_waiting_uploads()
        kept = not fs.cancelled() and fs.exception() is None and fs.result() is True
        if kept and conn.parser.unreader.buf.getvalue():
            # The start of the next request was received together with this one.
            conn.received = bytearray(conn.parser.unreader.take_buffered())
            self._receive(conn)
            return
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close connections past their deadline; gunicorn calls this about once a second."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn in self._receiving if self._is_over(conn, now)]:
            self._drop(conn)
        for deadlines in (self._uploads, self._answering):
            for conn in [conn for conn, deadline in deadlines.items() if deadline < now]:
                # The thread that reads or writes gets an error.
                _shut_down(conn.sock)
        while self._waiting_uploads and self._waiting_uploads[0].deadline < now:
            self._close(self._waiting_uploads.popleft())

    def _is_over(self, conn: Connection, now: float) -> bool:
        # A stopping process waits a moment for a request that may be on its way.
        begun = conn.deadline - RECEIVE_S
        return conn.deadline < now or (
            not self.alive and not conn.received and now - begun > STOP_KEEPALIVE_LINGER
        )

    def _receive(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.deadline = time.monotonic() + RECEIVE_S
        if conn.received and conn.is_complete():
            self._hand_over(conn)
            return
        self._receiving[conn] = None
        self.poller.register(
            conn.sock, selectors.EVENT_READ, functools.partial(self._on_readable, conn)
        )

    def _on_readable(self, conn: Connection, _sock: object) -> None:
        if conn not in self._receiving:  # it was closed after this event was noticed
            return
        try:
            data = conn.sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        conn.received += data
        if conn.is_complete():
            self._forget(conn)
            self._hand_over(conn)
        elif not conn.head_is_known and len(conn.received) > HEAD_BYTES:
            with contextlib.suppress(OSError):
                conn.sock.send(_TOO_LONG)
            self._drop(conn)

    def _hand_over(self, conn: Connection) -> None:
        """Give a request to a thread; an upload waits for one of those that may read uploads."""
        conn.data_ready = True
        if not conn.is_upload:
            self._answering[conn] = time.monotonic() + ANSWER_S
            self.enqueue_req(conn)
            return
        self._waiting_uploads.append(conn)
        self._start_waiting_uploads()

    def _start_waiting_uploads(self) -> None:
        while self._waiting_uploads and len(self._uploads) < self._most_uploads:
            conn = self._waiting_uploads.popleft()
            self._uploads[conn] = time.monotonic() + UPLOAD_S
            self.enqueue_req(conn)

    def _make_room(self) -> None:
        """Close the connection that has been sending its request for the longest time."""
        if self._receiving:
            self._drop(next(iter(self._receiving)))
        else:
            time.sleep(0.01)  # until a thread has finished

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self._close(conn)

    def _forget(self, conn: Connection) -> None:
        self._receiving.pop(conn, None)
        with contextlib.suppress(KeyError, ValueError, OSError):
            self.poller.unregister(conn.sock)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()


def _bound(sock: socket.socket) -> None:
    """Bound how long a thread waits for the client to send or to take more."""
    stalled = struct.pack("ll", STALLED_S, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stalled)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stalled)


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("a connection had ended before its deadline")
