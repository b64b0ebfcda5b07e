"""Tasks of the background process that ran too long: after two times they are not run any more.

The count is kept in a file, since the process is ended to stop such a task.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from indexer.atomic_write import replace_file

log = logging.getLogger("kb_app.services.set_aside")
FILE = "set-aside.json"
MOST = 2


class SetAside:
    """Counts how often each task ran too long. Thread-safe."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}

    def counts(self) -> Mapping[str, int]:
        """How often each task ran too long, by name; {} if the file is missing or unusable."""
        try:
            stored = json.loads(self._path.read_bytes())
            return {str(name): int(count) for name, count in stored.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def holds(self, name: str) -> bool:
        """Whether a task is set aside."""
        return self.counts().get(name, 0) >= MOST

    def release(self, name: str) -> bool:
        """Let a task run again; False if it was not counted."""
        with self._lock:
            counts = dict(self.counts())
            known = counts.pop(name, None) is not None
            if known:
                replace_file(self._path, json.dumps(counts))
            return known

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Watch a task while it runs; one that ends is not counted any more."""
        with self._lock:
            self._running[name] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._running[name]
            self.release(name)

    def check(self, longest_s: Mapping[str, float], end: Callable[[], None]) -> None:
        """Count a task that runs for too long, and call ``end``, which ends the process."""
        with self._lock:
            now = time.monotonic()
            late = [name for name, at in self._running.items() if now - at > longest_s[name]]
            if not late:
                return
            counts = dict(self.counts())
            for name in late:
                counts[name] = counts.get(name, 0) + 1
            replace_file(self._path, json.dumps(counts))
        for name in late:
            left = "it is set aside" if counts[name] >= MOST else "it is tried once more"
            log.error("the task %r runs for more than %.0f s: %s", name, longest_s[name], left)
        end()
