"""Builds the index, publishes the new build, and stores the report of the last build."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from indexer.atomic_write import replace_file
from indexer.build import Paths, build
from indexer.bundling.build_cache import VectorStore
from indexer.errors import BuildFailedError
from indexer.model import BuildReport
from indexer.progress import Progress, quiet
from indexer.query_tests import Trial, try_article
from kb_app import metrics
from kb_app.services.live_index import LiveIndex
from kb_app.services.shared_articles import ForeignFolderError, SharedArticles
from kb_app.settings import Settings
from search.embedding.background import BackgroundEmbedder
from search.ports import Embedder

log = logging.getLogger("kb_app.services.indexing")
PUBLIC = frozenset({"public"})
# Test queries run for at most this many changed articles after a build.
MAX_TRIED = 20


@dataclass(frozen=True)
class LastBuild:
    """The report of the last build; ``trials`` are the test queries of the changed articles."""

    report: BuildReport
    trials: tuple[Trial, ...]
    at: datetime


_LAST_BUILD: TypeAdapter[LastBuild] = TypeAdapter(LastBuild)


class IndexingService:
    """Builds in the background process; web processes read the last build's report from a file."""

    def __init__(
        self,
        settings: Settings,
        embedder: Embedder,
        live: LiveIndex,
        clock: Callable[[], datetime],
        articles: SharedArticles | None = None,
        vectors: VectorStore | None = None,
    ) -> None:
        self._settings = settings
        self._embedder = embedder
        self._live = live
        self._clock = clock
        self._articles = articles
        self._vectors = vectors

    def rebuild(self, progress: Progress = quiet) -> BuildReport:
        """Build the index with the embedder of this process, once it is loaded.

        Of several nodes each first publishes what changed in its articles folder. Raises
        IndexerError or SearchError if the build fails.
        """
        if isinstance(self._embedder, BackgroundEmbedder):
            self._embedder.wait()
        paths = Paths(self._settings.articles, self._settings.data)
        try:
            if self._articles is not None:
                self._articles.sync()
            return build(paths, self._embedder, self._settings.zone, progress, self._vectors)
        except SQLAlchemyError as error:
            raise BuildFailedError(
                f"The database that nodes share does not answer ({type(error).__name__})."
            ) from error
        except ForeignFolderError as error:
            raise BuildFailedError(str(error)) from error

    def publish_build(self, report: BuildReport) -> None:
        """Serve the build, run the test queries of changed articles, and store the report."""
        self._live.refresh()
        before = self.last_build()
        unchanged = before.trials if before else ()
        trials = tuple(self._try_changed(report)) if report.published else unchanged
        stored = _LAST_BUILD.dump_json(LastBuild(report, trials, self._clock()))
        replace_file(self._path, stored.decode())
        for problem in report.problems:
            log.warning("%s", problem)
        metrics.build_seconds.set(report.seconds)
        metrics.index_articles.set(report.articles)
        metrics.index_built.set(self._clock().timestamp())
        for severity in ("error", "warning"):
            found = sum(problem.severity == severity for problem in report.problems)
            metrics.index_problems.labels(severity).set(found)
        counts = {
            "index": report.version,
            "articles": report.articles,
            "embedded": report.embedded,
            "seconds": report.seconds,
            "problems": len(report.problems),
        }
        log.info("index built", extra=counts)

    def last_build(self) -> LastBuild | None:
        """Return the report of the background process's last build; None before the first."""
        try:
            return _LAST_BUILD.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None

    @property
    def _path(self) -> Path:
        return self._settings.data / "last-build.json"

    def _try_changed(self, report: BuildReport) -> list[Trial]:
        snapshot = self._live.snapshot()
        if snapshot is None:
            return []
        now, summaries = self._clock(), snapshot.articles.summaries
        changed = [summaries[name] for name in report.changed[:MAX_TRIED] if name in summaries]
        return [
            trial
            for card in changed
            if card.visible(now, PUBLIC)
            for trial in try_article(
                snapshot.engine, card.id, card.lang, card.tests, now, PUBLIC, card.expect
            )
        ]
