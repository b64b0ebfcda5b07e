"""Rebuilds whenever something in the articles folder is saved."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from indexer.errors import IndexerError
from indexer.model import BuildReport
from search.errors import BuildInProgressError, SearchError

log = logging.getLogger("indexer.watch")
# Editors write a file in several steps; this long a silence (milliseconds) means that they are done.
DEBOUNCE_MS = 200
STEP_MS = 50
RETRY_SECONDS = 1.0


def watch(
    folder: Path,
    rebuild: Callable[[], BuildReport],
    report: Callable[[BuildReport], None],
    stop: threading.Event,
) -> None:
    """Build at once and at every change until ``stop`` is set; a build that fails is logged and the next change tries again.

    A folder that is taken away and put back, or replaced by another, is watched again.
    """
    while not stop.is_set():
        if folder.is_dir():
            _watch_one(folder, rebuild, report, stop)
        else:
            stop.wait(RETRY_SECONDS)


def _watch_one(
    folder: Path,
    rebuild: Callable[[], BuildReport],
    report: Callable[[BuildReport], None],
    stop: threading.Event,
) -> None:
    """Build at every change for as long as the folder is the same one."""
    from watchfiles import watch as changes

    watched = folder.stat().st_ino
    stream = changes(
        folder,
        stop_event=stop,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        raise_interrupt=False,
        rust_timeout=500,
        yield_on_timeout=True,
    )
    begun = False
    for changed in stream:
        if not folder.is_dir() or folder.stat().st_ino != watched:
            return
        # The first build runs when changes are noticed already: what is saved during it is not lost.
        if not begun or any(_matters(path) for _kind, path in changed):
            begun = True
            attempt(rebuild, report, stop)


def attempt(
    rebuild: Callable[[], BuildReport], report: Callable[[BuildReport], None], stop: threading.Event
) -> None:
    """Build once; waits where another builder is at work."""
    while not stop.is_set():
        try:
            report(rebuild())
            return
        except BuildInProgressError:
            stop.wait(RETRY_SECONDS)
        except (IndexerError, SearchError) as error:
            log.error("%s", error)
            return
        except Exception:  # the watcher outlives whatever a build did
            log.exception("the build failed; the next save tries again")
            return


def _matters(path: str) -> bool:
    name = Path(path).name
    return not name.startswith(".") and not name.endswith(("~", ".tmp", ".swp", ".swx"))
