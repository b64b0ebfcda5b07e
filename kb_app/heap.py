"""Gives memory that a build no longer needs back to the system, where the C library can (glibc)."""

from __future__ import annotations

import ctypes
import gc


def release_free_memory() -> None:
    """Collect garbage and trim the heap; does nothing more where there is no malloc_trim."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return
