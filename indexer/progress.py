"""A progress bar on the terminal, and plain lines where there is none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, total)."""


def quiet(_label: str, _done: int, _total: int) -> None:
    """A Progress that shows nothing."""


class Bar:
    """A Progress that shows one bar a step of the work, several where steps go on beside each other; silent for work that is over at once."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        from tqdm import tqdm

        with self._lock:
            if label not in self._bars:
                self._bars[label] = tqdm(
                    total=total,
                    desc=label,
                    unit="",
                    leave=True,
                    file=sys.stderr,
                    mininterval=0.2,
                    dynamic_ncols=True,
                )
            bar = self._bars[label]
            bar.total = total
            bar.update(done - bar.n)
            if done >= total:
                self._bars.pop(label).close()
