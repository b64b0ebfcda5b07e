"""A progress bar on the terminal, and plain lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, total)."""


def quiet(_label: str, _done: int, _total: int) -> None:
    """A Progress that shows nothing."""


class Bar:
    """A Progress that shows one bar a step of the work; silent for work that is over at once."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._label = ""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        from tqdm import tqdm

        if label != self._label or self._bar is None:
            self._close()
            self._label = label
            self._bar = tqdm(total=total, desc=label, unit="", leave=True, file=sys.stderr, mininterval=0.2, dynamic_ncols=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
