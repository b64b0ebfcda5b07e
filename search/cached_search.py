"""``Engine.search`` behind a results cache and a limit on concurrent searches."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from cachetools import LRUCache

from search.engine import Engine
from search.model import Query, Results
from search.ports import NoWatch, SearchWatch

# Frequent queries repeat, so a small cache is enough.
RESULTS_KEPT = 512


class CachedSearch:
    """Cached searches of one engine. Thread-safe.

    ``admission`` runs the searches in arrival order, at most one per thread of the executor. A
    burst then queues and slows down neither running searches nor pages that need no search.
    """

    def __init__(
        self, engine: Engine, admission: Executor, watch: SearchWatch | None = None
    ) -> None:
        self._engine = engine
        self._watch = watch or NoWatch()
        self._admission = admission
        self._cache: LRUCache[tuple[Query, int], Results] = LRUCache(RESULTS_KEPT)
        self._lock = threading.Lock()

    def search(self, query: Query) -> Results:
        """Return the engine's results, from the cache where possible.

        A cached entry is valid until the visibility of any article changes.
        """
        started = time.perf_counter()
        now = query.now or datetime.now(UTC)
        key = (replace(query, now=None), self._engine.visibility_epoch(now))
        with self._lock:
            results = self._cache.get(key)
        if results is None:
            # In the caller's context: what is logged or traced there belongs to its request.
            run = partial(copy_context().run, self._run, replace(query, now=now), started)
            results = self._admission.submit(run).result()
            if not results.degraded or results.degraded == "off":
                with self._lock:
                    self._cache[key] = results
            self._watch.kept(was_kept=False)
        else:
            self._watch.kept(was_kept=True)
        self._watch.stage("all", time.perf_counter() - started)
        return replace(results, elapsed_ms=round((time.perf_counter() - started) * 1000, 2))

    def _run(self, query: Query, asked: float) -> Results:
        self._watch.stage("queue", time.perf_counter() - asked)
        return self._engine.search(query)
