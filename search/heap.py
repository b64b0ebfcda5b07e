"""Python's garbage collector held back where it would only stand in the way: it looks for cycles, and we make hardly any."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
