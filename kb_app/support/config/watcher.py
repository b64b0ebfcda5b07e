"""The current support file, reloaded when it changes.

An invalid file is reported, and the previous version remains in force.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

from kb_app.support.config.file import FILE, SupportError, read_support
from kb_app.support.config.values import Support

log = logging.getLogger("kb_app.workflow")


class SupportFile:
    """Holds the configuration in force; ``otherwise`` applies while there is no file.

    The constructor raises SupportError for an invalid file; later errors are kept in ``problem``.
    """

    def __init__(self, folder: Path, zone: ZoneInfo, otherwise: Support) -> None:
        self._path, self._zone, self._otherwise = folder / FILE, zone, otherwise
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._support = otherwise
        self.problem = ""
        self._refresh(strict=True)

    def current(self) -> Support:
        """The configuration in force; checks the file with one stat call."""
        self._refresh()
        return self._support

    def look(self) -> str:
        """The error of the current file; "" if it is valid."""
        self._refresh()
        return self.problem

    def _refresh(self, strict: bool = False) -> None:
        stamp = self._look()
        if stamp == self._stamp and not strict:
            return
        with self._lock:
            try:
                self._support = read_support(self._path, self._zone) if stamp else self._otherwise
                self.problem = ""
            except SupportError as error:
                if strict:
                    raise
                self.problem = str(error)
                log.error("%s", error)
            self._stamp = stamp

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size
