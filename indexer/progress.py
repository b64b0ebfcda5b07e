"""Progress bars on the terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]
"""Callback that gets (label, number done, total)."""


def quiet(_label: str, _done: int, _total: int) -> None:
    """Ignore progress."""


class Bar:
    """Show one tqdm bar per label. Bars of parallel steps are shown below each other."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps are done; 0 is a total that is not known yet."""
        from tqdm import tqdm

        with self._lock:
            if label not in self._bars:
                self._bars[label] = tqdm(
                    total=total or None,
                    desc=label,
                    unit="",
                    leave=True,
                    file=sys.stderr,
                    mininterval=0.2,
                    dynamic_ncols=True,
                )
            bar = self._bars[label]
            bar.total = total or None
            bar.update(done - bar.n)
            if done >= total and (total or not done):  # a total of 0 is not known yet
                self._bars.pop(label).close()
