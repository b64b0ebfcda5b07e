"""The bundle that is being served, and its change for a newer one without a request noticing."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from indexer.article_store import ArticleStore
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
# Searches under way in a process; more would slow down those that run.
SEARCHES_AT_ONCE = 2


@dataclass(frozen=True)
class Snapshot:
    """Engine and library of one bundle: pages and search never disagree."""

    engine: Engine
    library: ArticleStore
    cached: CachedSearch

    @property
    def version(self) -> str:
        """The build."""
        return self.engine.version

    def search(self, query: Query) -> Results:
        """Rank the articles that answer a query; equal queries are answered from a cache."""
        return self.cached.search(query)


class LiveIndex:
    """Hands out the current snapshot; a request keeps the one it took."""

    def __init__(self, builds: Builds, embedder: Embedder, calibration: Path | None = None) -> None:
        self._builds = builds
        self._embedder = embedder
        self._calibration = calibration
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._refused = ""
        self._admission = ThreadPoolExecutor(SEARCHES_AT_ONCE, "search")

    def snapshot(self) -> Snapshot | None:
        """What is served now; None before the first build."""
        return self._snapshot

    def current(self) -> Snapshot | None:
        """The snapshot, opened at the first request where nothing opened it before."""
        if self._snapshot is None:
            self.refresh()
        return self._snapshot

    def refresh(self) -> bool:
        """Open the bundle named in CURRENT if it is another one; the old one is served until the new one is open."""
        with self._lock:
            wanted = self._builds.current_name()
            if (
                wanted is None
                or wanted == self._refused
                or (self._snapshot and self._snapshot.version == wanted)
            ):
                return False
            try:
                return self._swap(wanted)
            except BundleError as error:
                self._refused = wanted
                log.error("%s", error)
                return False

    def _swap(self, wanted: str) -> bool:
        bundle = self._builds.open_current()
        if self._snapshot and bundle.version == self._snapshot.version:
            self._refused = wanted
            return False
        self._snapshot = self._open(bundle)
        self._refused = wanted if bundle.version != wanted else ""
        log.info("serving index %s", bundle.version)
        return True

    def _open(self, bundle: Bundle) -> Snapshot:
        corpus = open_corpus(bundle)
        engine = Engine(corpus, self._embedder, own_calibration(self._calibration, corpus))
        return Snapshot(engine, ArticleStore.open(bundle), CachedSearch(engine, self._admission))

    def follow(self, stop: threading.Event, seconds: float = 1.0) -> None:
        """Look for a newer bundle until ``stop`` is set: for builds made by another process."""
        while not stop.wait(seconds):
            try:
                self.refresh()
            except Exception:  # serving goes on with what is open
                log.exception("the new index could not be opened")


def own_calibration(path: Path | None, corpus: Corpus) -> Calibration | None:
    """The operator's calibration where there is one for this index's model; else none, and the log says why."""
    if path is None or not path.is_file():
        return None
    try:
        return for_model(
            read(path), corpus.semantic.fingerprint if corpus.semantic else WITHOUT_MODEL, str(path)
        )
    except CalibrationError as error:
        log.error("%s", error)
        return None
