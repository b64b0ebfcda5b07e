"""The bundle that is being served, and its change for a newer one without a request noticing."""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from indexer.library import Library
from search.answerability import Calibration, read
from search.bundle import Builds, Bundle
from search.calibration import WITHOUT_MODEL, for_model
from search.corpus import Corpus
from search.engine import Engine
from search.errors import BundleError, CalibrationError
from search.heap import giving_way, without_collector
from search.ports import Embedder
from search.store import open_corpus
from search.workers import Workers

log = logging.getLogger("kb_app.live")


@dataclass(frozen=True)
class Snapshot:
    """Engine and library of one bundle: pages and search never disagree."""

    engine: Engine
    library: Library

    @property
    def version(self) -> str:
        """The build."""
        return self.engine.version


class LiveIndex:
    """Hands out the current snapshot; a request keeps the one it took."""

    def __init__(self, builds: Builds, embedder: Embedder, calibration: Path | None = None) -> None:
        self._builds = builds
        self._embedder = embedder
        self._calibration = calibration
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._refused = ""
        self._workers: Workers | None = None

    def snapshot(self) -> Snapshot | None:
        """What is served now; None before the first build."""
        return self._snapshot

    def current(self) -> Snapshot | None:
        """The snapshot, opened at the first request where nothing opened it before."""
        if self._snapshot is None:
            self.refresh()
        return self._snapshot

    def share_with(self, workers: Workers) -> None:
        """Have worker processes take part in the searches of what is served, and of what will be."""
        with self._lock:
            self._workers = workers
            self._share()

    def _share(self) -> None:
        if self._workers and self._snapshot:
            self._workers.serve(self._snapshot.engine, self._builds.root / self._snapshot.version)

    def refresh(self) -> bool:
        """Open the bundle named in CURRENT if it is another one; the old one is served until the new one is open."""
        with self._lock:
            wanted = self._builds.current_name()
            if wanted is None or wanted == self._refused or (self._snapshot and self._snapshot.version == wanted):
                return False
            try:
                with giving_way():
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
        self._share()
        self._refused = wanted if bundle.version != wanted else ""
        log.info("serving index %s", bundle.version)
        return True

    def _open(self, bundle: Bundle) -> Snapshot:
        with without_collector():
            corpus = open_corpus(bundle)
            snapshot = Snapshot(Engine(corpus, self._embedder, own_calibration(self._calibration, corpus)), Library.open(bundle))
            # The index stays until the next one comes: no later search for garbage need look through it, least of all the one that is
            # due as soon as searches are allowed again.
            gc.freeze()
        return snapshot

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
        return for_model(read(path), corpus.meaning.fingerprint if corpus.meaning else WITHOUT_MODEL, str(path))
    except CalibrationError as error:
        log.error("%s", error)
        return None
