"""Embedders around the embedder: loaded in the background, or off on purpose."""

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
    """Search by meaning switched off on purpose; implements ports.Embedder."""

    fingerprint = "off"
    calibrated = False
    state = "off"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Raises EmbedderUnavailable("off")."""
        raise EmbedderUnavailableError("off", "Search by meaning is off: KB_EMBEDDING_MODEL=off.")


class BackgroundEmbedder:
    """Loads another embedder in a thread of its own, so that keyword search serves meanwhile. Caches query vectors.

    ``state`` goes from "warming" to "ready" or "failed"; while it is not ready ``encode`` raises EmbedderUnavailable.
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
        """Begin loading; ``done`` is called in the loading thread when the model is ready."""
        self._thread = threading.Thread(
            target=self._run, args=(done,), name="model-loader", daemon=True
        )
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until loading has ended; True when the model is ready."""
        self._settled.wait(timeout)
        return self.state == "ready"

    @property
    def calibrated(self) -> bool:
        """Of the loaded model."""
        return self._ready().calibrated

    @property
    def fingerprint(self) -> str:
        """Of the loaded model; raises EmbedderUnavailable until then."""
        return self._ready().fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Like the loaded embedder; one query at a time is remembered."""
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
        """The loaded embedder's way for many texts."""
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
        except Exception as error:  # whatever a model does wrong, keyword search goes on
            self.state, self.failure = "failed", str(error)
            log.error("search by meaning is out: %s", error)
        finally:
            self._settled.set()
        if done and self.state == "ready":
            done()
