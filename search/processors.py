"""Deals the processors out while several ask: some compute questions' vectors, the others rank and serve, each with what it needs in its caches.

A run of the model reads 21 MB of weights, more than a processor's own caches hold. Left to itself the system now and then runs what
ranks and serves there too, which then begins with empty caches. Python's lock lets a process's threads use one processor at a time
anyway, so that it loses little by keeping to some of them. docs/decisions/0025 has the figures.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import NamedTuple

Processors = frozenset[int]


class Parts(NamedTuple):
    """The processors that compute questions' vectors, and those for all else that visitors wait for; none where all share all."""

    model: Processors = frozenset()
    rest: Processors = frozenset()


SHARED = Parts()


def parts(workers: int) -> Parts:
    """Two halves of the processors that this process may use.

    None are named where nothing is gained: without search workers, with more of them than the half has processors, with one
    processor, or where the system cannot keep threads to some (macOS, Windows).
    """
    usable = sorted(usual())
    middle = len(usable) // 2
    worth_it = middle and 0 < workers <= len(usable) - middle
    return Parts(frozenset(usable[:middle]), frozenset(usable[middle:])) if worth_it else SHARED


def usual() -> Processors:
    """The processors that the calling thread may use; none where the system does not say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


_told = threading.local()


def keep_to(processors: Processors) -> None:
    """Keep the calling thread to these processors, and whatever it starts from now on; with none it stays as it is.

    Nothing happens where it was told the same last, nor where the system allows none of them: who runs the machine may have moved the
    process meanwhile.
    """
    if processors and getattr(_told, "processors", None) != processors:
        _told.processors = processors
        with suppress(OSError):
            os.sched_setaffinity(0, processors)
