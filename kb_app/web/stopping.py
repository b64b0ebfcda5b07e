"""Whether this node was told to stop: it serves on for a while, and proxies send it nothing new."""

from __future__ import annotations

import multiprocessing

# Made before the web processes are forked, so that all of them see it.
_stopping = multiprocessing.get_context("fork").Value("b", 0, lock=False)


def tell() -> None:
    """Let every web process of this node say that it is not ready."""
    _stopping.value = 1


def is_stopping() -> bool:
    """Whether the node was told to stop."""
    return bool(_stopping.value)
