"""The background process: watches and builds, works the figures out, sends and fetches mail. One runs on a data folder."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.errors import IndexerError
from indexer.progress import Bar
from indexer.watch import watch
from kb_app.logs import name_process
from kb_app.services.container import Services, build_services
from kb_app.settings import Settings
from search.embedding.background import BackgroundEmbedder
from search.errors import SearchError

log = logging.getLogger("kb_app.services.background")
# Exit status where the first index could not be built: starting again would not help.
CANNOT_BEGIN = 3
LOCK = "background.lock"
LOCK_RETRY_S = 2.0
NICENESS = 5
# Soon after a start, so that the overview is not empty; then now and again.
FIRST_FIGURES_S, FIGURES_S = 20.0, 300.0
# How soon a reply leaves, and how soon an index that another process built is noticed.
SUPPORT_S, INDEX_S = 5.0, 1.0


@dataclass(frozen=True)
class Task:
    """What runs again and again in a thread of its own: the first time after ``first_s``, then every ``interval_s`` seconds."""

    name: str
    interval_s: float
    run: Callable[[], None]
    first_s: float | None = None


def tasks(services: Services) -> list[Task]:
    """What the settings ask for."""
    settings, found = (
        services.settings,
        [Task("index", INDEX_S, lambda: _ignore(services.live.refresh()))],
    )
    if settings.background_jobs:
        found.append(Task("support", SUPPORT_S, services.run_support))
    if settings.background_jobs and settings.analytics == "on":
        found.append(Task("figures", FIGURES_S, services.run_figures, FIRST_FIGURES_S))
    return found


def run(settings: Settings) -> None:
    """Work until SIGTERM; exits with CANNOT_BEGIN where there is no index and none can be built."""
    name_process("background")
    # Visitors go first: a build takes what the web processes leave.
    os.nice(NICENESS)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    lock = FileLock(settings.data / LOCK)
    if not _take(lock, settings.data, stop):
        return
    services = build_services(settings, progress=Bar())
    try:
        if not _begin(services):
            sys.exit(CANNOT_BEGIN)
        threads = [_repeat(task, stop) for task in tasks(services)]
        if settings.watch:
            threads.append(_start("watcher", lambda: _watch(services, stop)))
        stop.wait()
        for thread in threads:
            thread.join(timeout=10)
    finally:
        services.end()
        lock.release()


def _take(lock: FileLock, data: Path, stop: threading.Event) -> bool:
    """Wait for the lock of the data folder; says once that another process has it. False where told to stop meanwhile."""
    data.mkdir(parents=True, exist_ok=True)
    said = False
    while not stop.is_set():
        try:
            lock.acquire(blocking=False)
            Path(lock.lock_file).write_text(f"{os.getpid()}\n", encoding="ascii")
            return True
        except Timeout:
            if not said:
                log.warning(
                    "another background process works on %s: this one serves web pages only, and takes over when that one ends",
                    data,
                )
                said = True
        stop.wait(LOCK_RETRY_S)
    return False


def _begin(services: Services) -> bool:
    """Load the model and, where nothing is served yet, build the first index; False where that cannot be done."""
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start(lambda: log.info("search by meaning is ready"))
    elif services.meaning == "off":
        log.warning("search by meaning is off (KB_EMBEDDING_MODEL=off): only words are matched")
    services.live.refresh()
    if services.live.snapshot() is not None:
        return True
    print("Indexing the articles for the first time.", file=sys.stderr, flush=True)
    try:
        services.publish_build(services.rebuild(Bar()))
    except (IndexerError, SearchError) as error:
        log.error("%s", error)
        return False
    return services.live.snapshot() is not None


def _watch(services: Services, stop: threading.Event) -> None:
    """Rebuild at every save."""
    if isinstance(services.embedder, BackgroundEmbedder):
        while (
            not stop.is_set()
            and not services.embedder.wait(0.2)
            and services.embedder.state == "warming"
        ):
            continue
    watch(services.settings.articles, services.rebuild, services.publish_build, stop)


def _repeat(task: Task, stop: threading.Event) -> threading.Thread:
    def loop() -> None:
        pause = task.interval_s if task.first_s is None else task.first_s
        while not stop.wait(pause):
            pause = task.interval_s
            try:
                task.run()
            except Exception as error:  # nothing is lost: the next round tries again
                log.error(
                    "the task %r failed (%s); it runs again in %.0f s",
                    task.name,
                    type(error).__name__,
                    task.interval_s,
                    exc_info=task.name != "support",
                )

    return _start(task.name, loop)


def _start(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _ignore(_value: object) -> None:
    """Tasks return nothing."""
