"""The background process: builds, updates figures, sends and fetches mail, makes backups.

One runs per data folder. Of the nodes that share a database, one leads: it alone does what must be
done once. ``tasks`` lists the periodic tasks.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from indexer.errors import IndexerError
from indexer.model import BuildReport
from indexer.progress import Bar
from indexer.watch import watch
from kb_app import metrics
from kb_app.db.leadership import Leadership
from kb_app.db.served_articles import note_served
from kb_app.logs import name_process
from kb_app.services.container import Services, build_services
from kb_app.services.daily_backup import run_daily_backup
from kb_app.services.set_aside import SetAside
from kb_app.settings import Settings, SettingsError
from search.embedding.background import BackgroundEmbedder
from search.errors import SearchError

log = logging.getLogger("kb_app.services.background")
# Exit status when there is no index and none can be built: a restart would not help.
CANNOT_BEGIN = 3
# Exit status of a node that must not serve the site beside the others.
REFUSED = 5
LOCK = "background.lock"
LOCK_RETRY_S = LEAD_S = 2.0
# Web requests take priority over a build.
NICENESS = 5
# The first update runs soon after a start, so that the overview is not empty.
FIRST_FIGURES_S, FIGURES_S = 20.0, 300.0
SUPPORT_S, INDEX_S, BACKUP_S = 5.0, 1.0, 60.0
# How often a node looks for what others changed, and says that it is alive.
ARTICLES_S, ALIVE_S = 0.5, 5.0
GAUGES_S, REMOTE_S = 15.0, 2.0
# All articles are compared with each other soon after a build; links take their time.
COMPARISON_S, LINKS_S = 30.0, 3600.0
SERVED_S = 60.0
FOLLOWS_S = 600.0
# Agents answer with internal articles too.
READERS = frozenset({"public", "internal"})
STOP_S = 10.0
# A run that takes longer hangs: a million events take minutes.
LONGEST_S, WATCHED_S = 3600.0, 10.0
# Exit status after such a run; the process is started again.
HUNG = 4


@dataclass(frozen=True)
class Task:
    """A function that runs every ``interval_s`` seconds in its own thread.

    ``first_s`` is the delay of the first run; None means the interval. ``private`` keeps the
    traceback of a failure out of the log, since it may contain customers' texts. A run longer than
    ``longest_s`` ends the process; after two the task is set aside. ``once`` is for what only the
    leading node does.
    """

    name: str
    interval_s: float
    run: Callable[[], object]
    first_s: float | None = None
    private: bool = False
    longest_s: float = LONGEST_S
    once: bool = False


def tasks(services: Services, leadership: Leadership) -> list[Task]:
    """Return the tasks that the settings enable."""
    settings = services.settings
    enabled = [Task("index", INDEX_S, services.live.refresh)]
    if services.node is not None:
        enabled.append(Task("articles", ARTICLES_S, lambda: _take_over(services)))
        enabled.append(Task("alive", ALIVE_S, lambda: _tell_nodes(services, leadership), 0.0))
    if services.remote is not None:
        enabled.append(Task("remote", REMOTE_S, services.remote.run_due, 0.0, once=True))
    if settings.metrics_port:
        enabled.append(Task("gauges", GAUGES_S, lambda: _measure(services, leadership), 0.0))
    if settings.background_jobs:
        enabled.append(
            Task("support", SUPPORT_S, services.support.run_now, private=True, once=True)
        )
    if settings.background_jobs and settings.analytics == "on":
        enabled.append(
            Task("figures", FIGURES_S, services.analytics.run, FIRST_FIGURES_S, once=True)
        )
    if settings.background_jobs:
        checks = services.article_checks
        enabled.append(Task("served", SERVED_S, lambda: _note_served(services), 0.0, once=True))
        enabled.append(Task("follows", FOLLOWS_S, services.follows.run, private=True, once=True))
        enabled.append(Task("comparison", COMPARISON_S, checks.compare, once=True))
        if settings.link_check != "off":
            enabled.append(Task("links", LINKS_S, checks.check_links, once=True))
    if settings.background_jobs and settings.backup:
        enabled.append(Task("backup", BACKUP_S, lambda: _back_up(services), once=True))
    return enabled


def _take_over(services: Services) -> None:
    """Write into the articles folder what other nodes changed; the watcher then builds."""
    if services.node is not None and services.node.articles.behind:
        synced = services.node.articles.sync()
        log.info("articles of other nodes", extra={"files": len(synced.pulled)})


def _tell_nodes(services: Services, leadership: Leadership) -> None:
    snapshot = services.live.snapshot()
    if services.node is not None:
        services.node.note_alive(snapshot.version if snapshot else "", leadership.leads)


def _measure(services: Services, leadership: Leadership) -> None:
    metrics.leads.set(leadership.leads)
    queue = services.support.outbox.queue(int(services.clock().timestamp() * 1000))
    metrics.outbox_waiting.set(queue.waiting)
    metrics.outbox_dead.set(queue.dead)
    metrics.outbox_oldest_seconds.set(queue.oldest_s)


def _note_served(services: Services) -> None:
    snapshot, now = services.live.snapshot(), services.clock()
    if snapshot is not None:
        shown = (card.id for card in snapshot.articles.visible(now, READERS))
        note_served(services.store.engine, shown, int(now.timestamp() * 1000))


def _back_up(services: Services) -> None:
    run_daily_backup(services.site, services.settings, services.clock())


def run(settings: Settings) -> None:
    """Run until SIGTERM.

    Exits with CANNOT_BEGIN when there is no index and none can be built, and with REFUSED when this
    node must not serve.
    """
    name_process("background")
    os.nice(NICENESS)
    stop = threading.Event()
    # The handler may interrupt a wait for the event, whose lock it must not take itself.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())
    lock = FileLock(settings.data / LOCK)
    if not _acquire(lock, settings.data, stop):
        return
    services = build_services(settings, progress=Bar())
    leadership = Leadership(settings.database)
    try:
        if services.node is not None:
            services.node.begin()
        if services.remote is not None and not _has_files(settings.articles):
            services.remote.exchange()
        if not _begin(services):
            sys.exit(CANNOT_BEGIN)
        aside, listed = SetAside(settings.data), tasks(services, leadership)
        threads = [_repeat(task, stop, aside, leadership) for task in listed]
        threads.append(_start("leadership", lambda: _lead(leadership, stop)))
        longest = {task.name: task.longest_s for task in listed}
        _start("task watch", lambda: _watch_tasks(aside, longest, stop))
        if settings.watch:
            threads.append(_start("watcher", lambda: _watch(services, stop)))
        stop.wait()
        until = time.monotonic() + STOP_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    except SettingsError as error:
        log.error("%s", error)
        sys.exit(REFUSED)
    finally:
        leadership.close()
        _tell_stop(services)
        services.close()
        lock.release()


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _tell_stop(services: Services) -> None:
    if services.node is not None:
        with suppress(SQLAlchemyError):
            services.node.note_stopped()


def _acquire(lock: FileLock, data: Path, stop: threading.Event) -> bool:
    """Wait for the lock of the data folder; return False if stopped first."""
    data.mkdir(parents=True, exist_ok=True)
    warned = False
    while not stop.is_set():
        try:
            lock.acquire(blocking=False)
            Path(lock.lock_file).write_text(f"{os.getpid()}\n", encoding="ascii")
            return True
        except Timeout:
            if not warned:
                log.warning(
                    "another background process works on %s: this site serves only web pages, "
                    "and takes over when that process ends",
                    data,
                )
                warned = True
        stop.wait(LOCK_RETRY_S)
    return False


def _begin(services: Services) -> bool:
    """Load the model and build the first index if needed; return whether there is an index."""
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start(lambda: log.info("search by meaning is ready"))
    elif services.meaning == "off":
        log.warning("search by meaning is off (KB_EMBEDDING_MODEL=off): keyword search only")
    services.live.refresh()
    if services.live.snapshot() is not None:
        return True
    print("Indexing the articles for the first time.", file=sys.stderr, flush=True)
    try:
        services.indexing.publish_build(services.indexing.rebuild(Bar()))
    except (IndexerError, SearchError) as error:
        log.error("%s", error)
        return False
    return services.live.snapshot() is not None


def _watch(services: Services, stop: threading.Event) -> None:
    """Rebuild on every save, once the model has loaded or failed."""
    embedder, indexing = services.embedder, services.indexing

    def publish(report: BuildReport) -> None:
        indexing.publish_build(report)
        try:
            services.analytics.replay_gaps(report.changed)
        except SQLAlchemyError as error:  # the next update of the figures does it
            log.warning("questions were not repeated (%s)", type(error).__name__)

    if isinstance(embedder, BackgroundEmbedder):
        while not stop.is_set() and not embedder.wait(0.2) and embedder.state == "warming":
            continue
    watch(services.settings.articles, indexing.rebuild, publish, stop)


def _watch_tasks(aside: SetAside, longest: Mapping[str, float], stop: threading.Event) -> None:
    while not stop.wait(WATCHED_S):
        aside.check(longest, lambda: os._exit(HUNG))


def _lead(leadership: Leadership, stop: threading.Event) -> None:
    leadership.check()
    while not stop.wait(LEAD_S):
        leadership.check()


def _repeat(
    task: Task, stop: threading.Event, aside: SetAside, leadership: Leadership
) -> threading.Thread:
    def loop() -> None:
        if aside.holds(task.name):
            log.error("the task %r is set aside: run kb tasks --retry %s", task.name, task.name)
        delay = task.interval_s if task.first_s is None else task.first_s
        while not stop.wait(delay):
            delay = task.interval_s
            if aside.holds(task.name) or (task.once and not leadership.leads):
                continue
            try:
                with aside.running(task.name), metrics.task_seconds.labels(task.name).time():
                    task.run()
            except Exception as error:  # the next run tries again; nothing is lost
                metrics.task_failures.labels(task.name).inc()
                log.error(
                    "the task %r failed (%s); it runs again in %.0f s",
                    task.name,
                    type(error).__name__,
                    task.interval_s,
                    exc_info=not task.private,
                )

    return _start(task.name, loop)


def _start(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
