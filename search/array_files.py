"""Reads numpy's array files; safe for several threads on every supported Python."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

# numpy parses a file's header with ast, which fails at random in two threads before Python 3.11.8
# (https://github.com/python/cpython/issues/106905).
_parsing = threading.Lock()


def load_array(path: Path, mapped: bool = False) -> Any:
    """Return the array of an ``.npy`` file; raises OSError or ValueError if it is unusable.

    If ``mapped``, the file is memory-mapped: a plain view, as slicing numpy's memmap is slow.
    """
    with _parsing:
        return np.asarray(np.load(path, mmap_mode="r" if mapped else None))


def load_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of an ``.npz`` file by name; raises OSError or ValueError."""
    with _parsing, np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
