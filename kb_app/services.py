"""The composition root: the only place that names concrete parts and ties them together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from indexer.build import Paths, Progress, build, quiet
from indexer.model import BuildReport
from indexer.trial import Trial, try_article
from indexer.watch import watch
from kb_app.heap import release_free_memory
from kb_app.live import LiveIndex
from kb_app.settings import Settings
from search.bundle import Builds
from search.loading import load_embedder
from search.ports import Embedder
from search.warming import OffEmbedder, WarmingEmbedder

log = logging.getLogger("kb_app.services")
# The operator's own calibration, in the data folder.
CALIBRATION = "calibration.json"
Clock = Callable[[], datetime]
ServingEmbedder = WarmingEmbedder | OffEmbedder | Embedder


@dataclass
class WriterDesk:
    """What the last build said, for the writer who just saved an article."""

    report: BuildReport | None = None
    trials: list[Trial] = field(default_factory=list)
    at: datetime | None = None


@dataclass
class Services:
    """Everything that the site works with."""

    settings: Settings
    embedder: ServingEmbedder
    live: LiveIndex
    clock: Clock
    desk: WriterDesk
    stop: threading.Event

    @property
    def meaning(self) -> str:
        """Whether search by meaning is "ready", "warming", "off" or "failed"."""
        return str(getattr(self.embedder, "state", "ready"))

    def rebuild(self, progress: Progress = quiet) -> BuildReport:
        """Build with the embedder that serves, so that one process holds the model."""
        if isinstance(self.embedder, WarmingEmbedder):
            self.embedder.wait()
        paths = Paths(self.settings.articles, self.settings.data)
        return build(paths, self.embedder, self.settings.zone, progress)

    def accept(self, report: BuildReport) -> None:
        """Serve what was built and try the changed articles' own tests."""
        self.live.refresh()
        self.desk.report, self.desk.at = report, self.clock()
        if report.published:
            self.desk.trials = self._try(report)
        if report.embedded:
            release_free_memory()
        for problem in report.problems:
            log.warning("%s", problem)
        log.info(
            "index built",
            extra={
                "index": report.version,
                "articles": report.articles,
                "embedded": report.embedded,
                "seconds": report.seconds,
                "problems": len(report.problems),
            },
        )

    def start_watching(self) -> threading.Thread:
        """Rebuild at every save, in a thread of its own."""
        thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        thread.start()
        return thread

    def start_following(self) -> threading.Thread:
        """Notice bundles that another process built."""
        thread = threading.Thread(target=self.live.follow, args=(self.stop,), name="index-follower", daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        if isinstance(self.embedder, WarmingEmbedder):
            while not self.stop.is_set() and not self.embedder.wait(0.2) and self.embedder.state == "warming":
                continue
        watch(self.settings.articles, self.rebuild, self.accept, self.stop)

    def _try(self, report: BuildReport) -> list[Trial]:
        snapshot = self.live.snapshot()
        if snapshot is None:
            return []
        now, public = self.clock(), frozenset({"public"})
        known = [snapshot.library.cards[name] for name in report.changed[:20] if name in snapshot.library.cards]
        cards = [card for card in known if card.visible(now, public)]
        return [trial for card in cards for trial in try_article(snapshot.engine, card.id, card.lang, card.tests, now, public)]


def build_services(settings: Settings, embedder: Embedder | None = None, clock: Clock | None = None, progress: Progress = quiet) -> Services:
    """Wire the site up; nothing heavy is loaded until it is needed."""
    serving = embedder or make_embedder(settings, progress)
    live = LiveIndex(Builds(settings.data / "index"), serving, settings.data / CALIBRATION)
    return Services(settings, serving, live, clock or (lambda: datetime.now(UTC)), WriterDesk(), threading.Event())


def make_embedder(settings: Settings, progress: Progress = quiet) -> ServingEmbedder:
    """The embedder that the settings name, not loaded yet."""
    if settings.embedding_model == "off":
        return OffEmbedder()
    return WarmingEmbedder(
        lambda: load_embedder(settings.embedding_model, settings.data / "model", settings.embedding_dtype, settings.embedding_threads, progress)
    )
