"""Wrapper embedders: loading in the background, and disabled by configuration."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cachetools import LRUCache

from search.errors import EmbedderUnavailableError
from search.ports import Embedder, Encode, Kind, Vector, in_bulk

log = logging.getLogger("search.embedding.background")
QUERY_CACHE = 4096


class DisabledEmbedder:
    """Embedder for disabled semantic search; implements ports.Embedder."""

    fingerprint = "off"
    calibrated = False
    state = "off"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Always raises EmbedderUnavailableError("off")."""
        raise EmbedderUnavailableError("off", "Semantic search is off: KB_EMBEDDING_MODEL=off.")


class BackgroundEmbedder:
    """Loads another embedder in a background thread and caches query embeddings.

    Keyword search works meanwhile. ``state`` goes from "warming" to "ready" or "failed"; unless it
    is "ready", ``encode`` raises EmbedderUnavailableError.
    """

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._inner: Embedder | None = None
        self._settled = threading.Event()
        self._cache: LRUCache[str, Vector] = LRUCache(QUERY_CACHE)
        self._cache_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.state = "warming"
        self.failure = ""

    def start(self, done: Callable[[], None] | None = None) -> None:
        """Start loading; calls ``done`` in the loading thread once the model is ready."""
        self._thread = threading.Thread(
            target=self._run, args=(done,), name="model-loader", daemon=True
        )
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until loading ends or ``timeout`` (seconds) passes; returns True if ready."""
        self._settled.wait(timeout)
        return self.state == "ready"

    @property
    def calibrated(self) -> bool:
        """``calibrated`` of the loaded model; raises EmbedderUnavailableError until then."""
        return self._ready().calibrated

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the loaded model; raises EmbedderUnavailableError until then."""
        return self._ready().fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Encode with the loaded embedder; calls with a single query are cached."""
        inner = self._ready()
        if kind != "query" or len(texts) != 1:
            return inner.encode(texts, kind)
        with self._cache_lock:
            cached = self._cache.get(texts[0])
        if cached is not None:
            return cached
        vector = inner.encode(texts, kind)
        with self._cache_lock:
            self._cache[texts[0]] = vector
        return vector

    @contextmanager
    def bulk(self, count: int) -> Iterator[Encode]:
        """Context manager that yields the loaded embedder's bulk ``encode``."""
        with in_bulk(self._ready(), count) as encode:
            yield encode

    def _ready(self) -> Embedder:
        if self._inner is None:
            raise EmbedderUnavailableError(self.state, self.failure)
        return self._inner

    def _run(self, done: Callable[[], None] | None) -> None:
        try:
            inner = self._load()
            inner.encode(["warm"], "query")
            self._inner, self.state = inner, "ready"
        except Exception as error:  # keyword search must survive any model failure
            self.state, self.failure = "failed", str(error)
            log.error("semantic search is unavailable: %s", error)
        finally:
            self._settled.set()
        if done and self.state == "ready":
            done()
