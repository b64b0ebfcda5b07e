"""The served index bundle, and its replacement by a newer one without interrupting requests."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from indexer.article_store import ArticleStore
from kb_app import metrics, traces
from search.cached_search import CachedSearch
from search.engine import Engine
from search.errors import BundleError, CalibrationError
from search.index.bundle import Builds, Bundle
from search.index.corpus import Corpus
from search.index.reader import open_corpus
from search.model import Query, Results
from search.ports import Embedder
from search.ranking.answerability import Calibration, read
from search.ranking.calibration import WITHOUT_MODEL, for_model

log = logging.getLogger("kb_app.services.live_index")
# Concurrent searches per process: more would slow each other down.
SEARCHES_AT_ONCE = 2


@dataclass(frozen=True)
class Snapshot:
    """Engine and articles of one bundle, so that pages and search always agree."""

    name: str
    engine: Engine
    articles: ArticleStore
    cached: CachedSearch

    @property
    def version(self) -> str:
        """The version of the build."""
        return self.engine.version

    def search(self, query: Query) -> Results:
        """Rank the articles that answer a query; results of equal queries are cached."""
        results = self.cached.search(query)
        if not results.problem:
            metrics.searches.labels(results.verdict).inc()
        return results


class _Watch:
    """Tells Prometheus how long searches take."""

    def stage(self, name: str, seconds: float) -> None:
        metrics.search_seconds.labels(name).observe(seconds)
        traces.note(f"search: {name}", seconds)

    def kept(self, was_kept: bool) -> None:
        metrics.cached_searches.labels(str(was_kept).lower()).inc()


class LiveIndex:
    """Provides the current snapshot; a request keeps the one that it took."""

    def __init__(self, builds: Builds, embedder: Embedder, calibration: Path | None = None) -> None:
        self._builds = builds
        self._embedder = embedder
        self._calibration = calibration
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._refused = ""
        self._admission = ThreadPoolExecutor(SEARCHES_AT_ONCE, "search")

    def snapshot(self) -> Snapshot | None:
        """The served snapshot; None before the first build."""
        return self._snapshot

    def current(self) -> Snapshot | None:
        """The served snapshot; opens it if nothing has opened it before."""
        if self._snapshot is None:
            self.refresh()
        return self._snapshot

    def refresh(self) -> bool:
        """Open the bundle named in CURRENT if it is a newer one; returns whether it was replaced.

        The old one is served until the new one is open. A bundle that cannot be opened is logged.
        """
        with self._lock:
            current_name = self._builds.current_name()
            if (
                current_name is None
                or current_name == self._refused
                or (self._snapshot and self._snapshot.name == current_name)
            ):
                return False
            try:
                return self._swap(current_name)
            except BundleError as error:
                self._refused = current_name
                log.error("%s", error)
                return False

    def _swap(self, name: str) -> bool:
        bundle = self._builds.open_current()
        if self._snapshot and bundle.name == self._snapshot.name:
            self._refused = name
            return False
        self._snapshot = self._open(bundle)
        self._refused = name if bundle.name != name else ""
        log.info("serving index %s", bundle.version)
        return True

    def _open(self, bundle: Bundle) -> Snapshot:
        corpus = open_corpus(bundle)
        calibration, watch = own_calibration(self._calibration, corpus), _Watch()
        engine = Engine(corpus, self._embedder, calibration, watch)
        store, cached = ArticleStore.open(bundle), CachedSearch(engine, self._admission, watch)
        return Snapshot(bundle.name, engine, store, cached)

    def follow(self, stop: threading.Event, seconds: float = 1.0) -> None:
        """Check for newer bundles every ``seconds`` until ``stop`` is set.

        The bundles are built by another process.
        """
        while not stop.wait(seconds):
            try:
                self.refresh()
            except Exception:  # the open bundle is still served
                log.exception("the new index could not be opened")


def own_calibration(path: Path | None, corpus: Corpus) -> Calibration | None:
    """The operator's calibration if it fits the index's model; else None, with a logged reason."""
    if path is None or not path.is_file():
        return None
    try:
        return for_model(
            read(path), corpus.semantic.fingerprint if corpus.semantic else WITHOUT_MODEL, str(path)
        )
    except CalibrationError as error:
        log.error("%s", error)
        return None
