"""Long work beside requests: what of Python's own doings is held back meanwhile, or made to give way sooner."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GIVING_WAY_SECONDS = 0.00002


@contextmanager
def without_collector() -> Iterator[None]:
    """No search for cycles meanwhile.

    It took a seventh of a build's time, and made every request wait while a newer index was opened.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@contextmanager
def giving_way() -> Iterator[None]:
    """Long work gives Python's lock up at once when it is asked for, instead of after five milliseconds.

    A request asks for the lock again after each step in C, about a hundred times; beside an index being opened, a search took 60 ms
    longer with half a millisecond each time, and 17 ms with a fiftieth of one.
    """
    _at_work.enter()
    try:
        yield
    finally:
        _at_work.leave()


class _AtWork:
    """How many are at long work: the first shortens the interval, the last puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._usual = 0.0

    def enter(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(GIVING_WAY_SECONDS)

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                sys.setswitchinterval(self._usual)


_at_work = _AtWork()
