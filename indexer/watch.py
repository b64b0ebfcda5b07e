"""Rebuilds the index when a file in the articles folder changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from indexer.errors import BuildFailedError, IndexerError
from indexer.model import BuildReport
from search.errors import BuildInProgressError, SearchError

log = logging.getLogger("indexer.watch")
# Editors save in several steps; changes closer together than this (ms) are one save.
DEBOUNCE_MS = 200
STEP_MS = 50
RETRY_SECONDS = 1.0
# After a build that could not be written; doubled each time.
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 5.0, 60.0


def watch(
    folder: Path,
    rebuild: Callable[[], BuildReport],
    report: Callable[[BuildReport], None],
    stop: threading.Event,
) -> None:
    """Build at once and after every change until ``stop`` is set.

    A failed build is logged; the next change triggers a new one, and one that could not be written
    is tried again. If the folder is deleted and
    created again, or replaced, the watch continues on the new one.
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
    """Build on every change until the folder is deleted or replaced."""
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
    first_build_started = False
    for changed in stream:
        if not folder.is_dir() or folder.stat().st_ino != watched:
            return
        # The first build starts after the watch does, so that no save is missed.
        if not first_build_started or any(_matters(path) for _kind, path in changed):
            first_build_started = True
            attempt(rebuild, report, stop)


def attempt(
    rebuild: Callable[[], BuildReport], report: Callable[[BuildReport], None], stop: threading.Event
) -> None:
    """Build once. Waits while another build is running, and until a full disk has room again."""
    pause = PAUSE_SECONDS
    while not stop.is_set():
        try:
            report(rebuild())
            return
        except BuildInProgressError:
            stop.wait(RETRY_SECONDS)
        except BuildFailedError as error:
            log.error("%s It is tried again in %.0f s.", error, pause)
            stop.wait(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        except (IndexerError, SearchError) as error:
            log.error("%s", error)
            return
        except Exception:  # the watcher must survive any failed build
            log.exception("the build failed; it is tried again on the next save")
            return


def _matters(path: str) -> bool:
    name = Path(path).name
    return not name.startswith(".") and not name.endswith(("~", ".tmp", ".swp", ".swx"))
