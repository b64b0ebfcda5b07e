"""Long work beside requests: what of Python's own doings is held back meanwhile, or made to give way sooner."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GIVING_WAY_SECONDS = 0.0005


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
    """Long work gives Python's lock up every half millisecond instead of every five.

    A request asks for the lock again after each step in C, dozens of times, and waited up to five milliseconds each time.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, GIVING_WAY_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
