"""Runs functions on untrusted input in a child process, with limits on time and memory.

A text that would take minutes to parse, or all memory, then stops only that child process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from functools import cache
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

MEMORY_BYTES = 1024 * 1024 * 1024
Made = TypeVar("Made")


class IsolationError(Exception):
    """The function exceeded its time or memory, or its process died. The message says which."""


class IsolatedProcess:
    """One child process, started at the first use and again after it was stopped. Thread-safe."""

    def __init__(self) -> None:
        self._replacing = threading.Lock()
        self._pool = _new_pool()

    def submit(self, timeout_s: float, function: Callable[..., Made], *args: Any) -> Future[Made]:
        """Queue a call of a module's function; the time counts from its start.

        Arguments and result must be picklable. ``result_of`` waits for the future.
        """
        with self._replacing:
            if not self._pool.active:  # the child could not be started, perhaps for want of memory
                self._pool = _new_pool()
            future: Future[Made] = self._pool.schedule(function, args=list(args), timeout=timeout_s)
        return future

    def run(self, timeout_s: float, function: Callable[..., Made], *args: Any) -> Made:
        """Call a module's function in the child; raises IsolationError or the function's error."""
        return result_of(self.submit(timeout_s, function, *args))

    def close(self) -> None:
        """Stop the child process."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def result_of(future: Future[Made]) -> Made:
    """Wait for a call's result; raises IsolationError or the function's error."""
    try:
        return future.result()
    except TimeoutError:
        raise IsolationError("took too long") from None
    except MemoryError:
        raise IsolationError("needed too much memory") from None
    except ProcessExpired:
        raise IsolationError("stopped its process") from None
    except BrokenExecutor:
        raise IsolationError("found no process to run in") from None


@cache
def isolated_process() -> IsolatedProcess:
    """The child process that all threads of this process share."""
    process = IsolatedProcess()
    # Before multiprocessing waits for the children at the end of a process.
    Finalize(None, process.close, exitpriority=100)
    return process


class _BareProcess(SpawnProcess):
    """A child that does not load the parent's main module: it may be a script without a guard."""

    def start(self) -> None:
        with _hiding_main:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _BareContext(SpawnContext):
    Process = _BareProcess


_hiding_main = threading.Lock()


def _new_pool() -> ProcessPool:
    # Not forked: a fork copies locks that other threads hold.
    return ProcessPool(max_workers=1, initializer=_limit, context=_BareContext())


def _limit() -> None:
    # Ctrl-C stops the parent, which stops this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(5)


# A forked process starts a child of its own.
os.register_at_fork(after_in_child=isolated_process.cache_clear)
