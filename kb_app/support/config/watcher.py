"""The support file as it is now: read again when it changes; one that is wrong is reported and the one before it stays in force."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

from kb_app.support.config.file import FILE, SupportError, read_support
from kb_app.support.config.values import Support

log = logging.getLogger("kb_app.workflow")


class SupportFile:
    """Hands out the values in force. ``otherwise`` is what holds while there is no file. Raises SupportError at the first reading."""

    def __init__(self, folder: Path, zone: ZoneInfo, otherwise: Support) -> None:
        self._path, self._zone, self._otherwise = folder / FILE, zone, otherwise
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._support = otherwise
        self.problem = ""
        self._refresh(strict=True)

    def current(self) -> Support:
        """The values in force; costs one look at the file's date."""
        self._refresh()
        return self._support

    def look(self) -> str:
        """What is wrong with the file as it is now; "" where nothing is."""
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
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
