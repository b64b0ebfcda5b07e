"""``Engine.search`` behind a small cache of results and a bound on the searches under way."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime

from cachetools import LRUCache

from search.engine import Engine
from search.model import Query, Results

# The most asked questions are asked again and again.
RESULTS_KEPT = 512


class CachedSearch:
    """Searches of one engine; threads may share it.

    ``admission`` runs the searches, as many at once as it has threads and in the order in which they were asked: a burst then
    queues, and slows down neither the searches that run nor the pages that need none.
    """

    def __init__(self, engine: Engine, admission: Executor) -> None:
        self._engine = engine
        self._admission = admission
        self._cache: LRUCache[tuple[Query, int], Results] = LRUCache(RESULTS_KEPT)
        self._lock = threading.Lock()

    def search(self, query: Query) -> Results:
        """The engine's results; an equal query is answered from the cache until an article begins or ends to be shown."""
        started = time.perf_counter()
        now = query.now or datetime.now(UTC)
        key = (replace(query, now=None), self._engine.visibility_epoch(now))
        with self._lock:
            results = self._cache.get(key)
        if results is None:
            results = self._admission.submit(self._engine.search, replace(query, now=now)).result()
            if not results.degraded or results.degraded == "off":
                with self._lock:
                    self._cache[key] = results
        return replace(results, elapsed_ms=round((time.perf_counter() - started) * 1000, 2))
