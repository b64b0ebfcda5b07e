"""Remembers for some seconds that the database does not answer, so that not everybody waits."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
from sqlalchemy import Engine, QueuePool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

# How long a failure is remembered; then one request tries again while the others are refused.
REMEMBERED_S = 3.0
# A server that works ends a slow statement itself, before the connection gives up on the server.
SERVER_FIRST_S = 0.5


class Outage:
    """Whether the database answered last time. Thread-safe."""

    def __init__(self, seconds: float = REMEMBERED_S) -> None:
        self._seconds = seconds
        self._refused_until = 0.0
        self._trying = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise OperationalError while an outage is remembered; let one thread try after it."""
        with self._lock:
            now, thread = time.monotonic(), threading.get_ident()
            if self._refused_until > now and self._trying != thread:
                said = RuntimeError("the database did not answer a moment ago")
                raise OperationalError("connect", {}, said)
            if 0 < self._refused_until <= now:
                self._refused_until, self._trying = now + self._seconds, thread

    def failed(self) -> None:
        """The database did not answer."""
        with self._lock:
            self._refused_until, self._trying = time.monotonic() + self._seconds, 0

    def worked(self) -> None:
        """The database answered."""
        if self._refused_until:
            with self._lock:
                self._refused_until = self._trying = 0


class NoAnswerError(psycopg.OperationalError):
    """The server is there, and did not answer in time."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that takes too long, even if it is frozen."""

    answer_s: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server; after ``answer_s`` close the connection and raise an error."""
        limit = timeout
        if limit is None and self.answer_s is not None:
            limit = self.answer_s + SERVER_FIRST_S
        began = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.Error as error:
            if limit is None or time.monotonic() - began < limit:
                raise
            self.pgconn.finish()
            raise NoAnswerError(f"no answer within {limit:g} s") from error


def pool_with(outage: Outage) -> type[QueuePool]:
    """A connection pool that refuses while an outage is remembered."""

    class GuardedPool(QueuePool):
        def connect(self) -> Any:
            outage.check()
            return super().connect()

    return GuardedPool


def watch_answers(engine: Engine, outage: Outage, answer_s: float | None) -> None:
    """Connect with a bound on each answer, and note whether the server answers."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: Any, given: Any) -> BoundedConnection:
        # A pooled connection that did not answer is replaced: not before the server is up again.
        outage.check()
        connection = BoundedConnection.connect(*args, **given)
        connection.answer_s = answer_s
        return connection

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        # A connection that was closed while it was idle is replaced; only a new one that fails, or
        # a server that does not answer, is an outage.
        silent = isinstance(context.original_exception, NoAnswerError)
        if silent or (not context.is_pre_ping and context.connection is None):
            outage.failed()

    @event.listens_for(engine, "after_cursor_execute")
    def answered(*_: object) -> None:
        outage.worked()
