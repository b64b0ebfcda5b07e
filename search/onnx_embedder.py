"""Embeds with onnxruntime, without torch: the bundled model for serving."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from search.bundled_model import Progress, quiet
from search.embedder import bundled_fingerprint, unit
from search.errors import ModelError
from search.onnx_export import GRAPH, ensure_export
from search.onnx_session import GraphError, open_graph
from search.pieces import PIECES, Pieces
from search.ports import Kind, Vector
from search.processors import Processors, keep_to

Ids = NDArray[np.int64]
# More texts than this are embedded side by side, a thread each.
BULK_TEXTS = 16
MAX_THREADS = 4
# A question of another thread within this time means that several people are asking.
LATELY_SECONDS = 0.1


class OnnxEmbedder:
    """The unpacked bundled model in ``folder``; implements ports.Embedder and ports.BulkEmbedder.

    ``bulk_with`` makes vectors in bulk by another way where that is faster on this processor; it gets the number of texts
    and returns None where it would not be. ``processors``: where questions' vectors are computed when several people ask; anywhere
    where none are named. Raises ModelError when the model cannot be opened.
    """

    calibrated = True

    def __init__(
        self,
        folder: Path,
        threads: int = 0,
        progress: Progress = quiet,
        bulk_with: Callable[[int], Any] | None = None,
        processors: Processors = frozenset(),
    ) -> None:
        self._graph = ensure_export(folder, progress) / GRAPH
        self._threads = threads or min(MAX_THREADS, os.cpu_count() or 1)
        # numpy's own threads and onnxruntime's wait for each other on few cores: a new question took twice as long.
        threadpool_limits(1, "blas")
        self._pieces = Pieces(self._graph.with_name(PIECES), _longest(folder))
        self._prefixes: dict[Kind, str] = _prefixes(folder)
        self._single = self._open(threads=1)
        self._whole = self._open(self._threads) if self._threads > 1 else self._single
        self._askers = _Askers()
        # Where several ask: threads that do nothing else stay on their processors, and the others' memory caches to those who rank. With
        # the model run by whoever asked, eight visitors at once waited a tenth longer (docs/decisions/0021).
        self._model = ThreadPoolExecutor(max(1, self._threads // 2), "model", keep_to, (processors,))
        self._bulk_with = bulk_with
        self.fingerprint = bundled_fingerprint(folder)
        self.dimension = int(self._single.get_outputs()[0].shape[1])

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Unit vectors, shape (len(texts), dimension), float32. A text's vector does not depend on the others."""
        if len(texts) > BULK_TEXTS:
            with self.bulk(len(texts)) as encode:
                return encode(texts, kind)
        return self._joined([self._run_in_turn(text, kind) for text in texts])

    @contextmanager
    def bulk(self, count: int) -> Iterator[Callable[[Sequence[str], Kind], Vector]]:
        """An ``encode`` for about ``count`` texts; what it needs besides is given back at the end."""
        other = self._bulk_with(count) if self._bulk_with else None
        if other is not None:
            with other as encode:
                yield encode
        elif count > BULK_TEXTS:
            with ThreadPoolExecutor(self._threads, "embedding") as pool:
                yield lambda texts, kind: self._side_by_side(pool, texts, kind)
        else:
            # One thread for a few: what else a build does, and searches, go on beside it.
            yield lambda texts, kind: self._joined([self._run(self._single, text, kind) for text in texts])

    def _joined(self, made: Sequence[Vector]) -> Vector:
        return np.concatenate(made) if made else np.zeros((0, self.dimension), np.float32)

    def _side_by_side(self, pool: ThreadPoolExecutor, texts: Sequence[str], kind: Kind) -> Vector:
        """One text a call and a thread: nothing is padded. The longest first, so that no thread is left with one at the end."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, vector in zip(order, pool.map(lambda row: self._run(self._single, texts[row], kind), order), strict=True):
            vectors[row] = vector
        return vectors

    def _run_in_turn(self, text: str, kind: Kind) -> Vector:
        """At once and with all threads when alone; when others are at it, in the order of asking, one thread a text."""
        # Cut before: the model's thread would wait for Python's lock with the next question ready.
        pieces = self._cut(text, kind)
        with self._askers.one() as alone:
            return unit(_pooled(self._whole, pieces) if alone else self._model.submit(_pooled, self._single, pieces).result())

    def _run(self, session: Any, text: str, kind: Kind) -> Vector:
        return unit(_pooled(session, self._cut(text, kind)))

    def _cut(self, text: str, kind: Kind) -> Ids:
        """The ids of a text's pieces, shape (1, pieces)."""
        return np.array([self._pieces.ids(self._prefixes[kind] + text)], dtype=np.int64)

    def _open(self, threads: int) -> Any:
        try:
            return open_graph(self._graph, threads)
        except GraphError as error:
            raise ModelError(f"{self._graph} cannot be opened: {error}. Remove {self._graph.parent} and start again.") from error


def _pooled(session: Any, pieces: Ids) -> Vector:
    """The mean of the pieces' vectors, shape (1, dimension)."""
    made: Vector = session.run(None, {"input_ids": pieces})[0]
    return made


class _Askers:
    """Knows whether a question is the only one: a second thread for it then is free, and else gets in the way of others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last_thread = 0
        self._last_time = -math.inf

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Around one question: whether nobody else asks, nor did a moment ago."""
        own = threading.get_ident()
        with self._lock:
            self._running += 1
            lately = self._last_thread != own and time.monotonic() - self._last_time < LATELY_SECONDS
            alone = self._running == 1 and not lately
        try:
            yield alone
        finally:
            with self._lock:
                self._running -= 1
                self._last_thread, self._last_time = own, time.monotonic()


def _longest(folder: Path) -> int:
    """How many pieces of a text the model reads."""
    return int(json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"])


def _prefixes(folder: Path) -> dict[Kind, str]:
    prompts = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))["prompts"]
    return {"query": prompts["query"], "passage": prompts["passage"]}
