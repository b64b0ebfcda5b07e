"""Rebuilds whenever something in the articles folder is saved."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from indexer.errors import IndexerError
from indexer.model import BuildReport
from search.errors import BuildInProgress, SearchError

log = logging.getLogger("indexer.watch")
# Editors write a file in several steps; this long a silence (milliseconds) means that they are done.
DEBOUNCE_MS = 200
STEP_MS = 50
RETRY_SECONDS = 1.0


def watch(folder: Path, rebuild: Callable[[], BuildReport], report: Callable[[BuildReport], None], stop: threading.Event) -> None:
    """Build at every change until ``stop`` is set; a build that fails is logged and the next change tries again."""
    from watchfiles import watch as changes

    stream = changes(folder, stop_event=stop, debounce=DEBOUNCE_MS, step=STEP_MS, raise_interrupt=False, recursive=True, rust_timeout=500)
    for changed in stream:
        if any(_matters(path) for _kind, path in changed):
            attempt(rebuild, report, stop)


def attempt(rebuild: Callable[[], BuildReport], report: Callable[[BuildReport], None], stop: threading.Event) -> None:
    """Build once; waits where another builder is at work."""
    while not stop.is_set():
        try:
            report(rebuild())
            return
        except BuildInProgress:
            stop.wait(RETRY_SECONDS)
        except (IndexerError, SearchError) as error:
            log.error("%s", error)
            return


def _matters(path: str) -> bool:
    name = Path(path).name
    return not name.startswith(".") and not name.endswith(("~", ".tmp", ".swp", ".swx"))
