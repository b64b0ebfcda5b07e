"""Serves the bundled model with onnxruntime, without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from search.embedding.bundled_model import Progress, quiet
from search.embedding.onnx_export import GRAPH, ensure_export
from search.embedding.onnx_session import GraphError, open_graph
from search.embedding.sentence_transformers import bundled_fingerprint, unit
from search.embedding.tokenizer import PIECES, SentencePieceTokenizer
from search.errors import ModelError
from search.ports import Kind, Vector

Ids = NDArray[np.int64]
# More texts than this are embedded in parallel.
BULK_TEXTS = 16
MAX_THREADS = 4


class OnnxEmbedder:
    """The unpacked bundled model in ``folder``; implements ports.Embedder and ports.BulkEmbedder.

    A query runs on the calling thread, so several run concurrently. ``threads`` threads embed in
    bulk, one text each; 0 means one per core, at most MAX_THREADS. Raises ModelError when the model
    cannot be opened.
    """

    calibrated = True

    def __init__(self, folder: Path, threads: int = 0, progress: Progress = quiet) -> None:
        self._graph = ensure_export(folder, progress) / GRAPH
        self._threads = threads or min(MAX_THREADS, os.cpu_count() or 1)
        # BLAS threads would compete with onnxruntime for the cores.
        threadpool_limits(1, "blas")
        self._pieces = SentencePieceTokenizer(self._graph.with_name(PIECES), _longest(folder))
        self._prefixes: dict[Kind, str] = _prefixes(folder)
        self._session = self._open()
        self.fingerprint = bundled_fingerprint(folder)
        self.dimension = int(self._session.get_outputs()[0].shape[1])

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Return unit vectors, shape (len(texts), dimension), float32.

        The vector of a text does not depend on the other texts.
        """
        if len(texts) > BULK_TEXTS:
            with self.bulk(len(texts)) as encode:
                return encode(texts, kind)
        return self._joined([self._run(text, kind) for text in texts])

    @contextmanager
    def bulk(self, count: int) -> Iterator[Callable[[Sequence[str], Kind], Vector]]:
        """Context manager that yields an ``encode`` for about ``count`` texts.

        Its threads end on exit.
        """
        if count > BULK_TEXTS:
            with ThreadPoolExecutor(self._threads, "embedding") as pool:
                yield lambda texts, kind: self._side_by_side(pool, texts, kind)
        else:
            # Few texts use one thread, which leaves cores to searches and the rest of a build.
            yield lambda texts, kind: self._joined([self._run(text, kind) for text in texts])

    def _joined(self, made: Sequence[Vector]) -> Vector:
        return np.concatenate(made) if made else np.zeros((0, self.dimension), np.float32)

    def _side_by_side(self, pool: ThreadPoolExecutor, texts: Sequence[str], kind: Kind) -> Vector:
        """Encode in parallel, one text per call, so nothing is padded.

        Longest texts go first, so that all threads finish at about the same time.
        """
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, vector in zip(
            order, pool.map(lambda row: self._run(texts[row], kind), order), strict=True
        ):
            vectors[row] = vector
        return vectors

    def _run(self, text: str, kind: Kind) -> Vector:
        """Return the mean-pooled unit vector of one text, shape (1, dimension)."""
        pooled: Vector = self._session.run(None, {"input_ids": self._cut(text, kind)})[0]
        return unit(pooled)

    def _cut(self, text: str, kind: Kind) -> Ids:
        """Return the token ids of a text with its prefix, shape (1, tokens)."""
        return np.array([self._pieces.ids(self._prefixes[kind] + text)], dtype=np.int64)

    def _open(self) -> Any:
        try:
            return open_graph(self._graph)
        except GraphError as error:
            raise ModelError(
                f"{self._graph} cannot be opened: {error}. "
                f"Remove {self._graph.parent} and start again."
            ) from error


def _longest(folder: Path) -> int:
    """Return the maximum number of tokens that the model reads."""
    return int(
        json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))[
            "max_seq_length"
        ]
    )


def _prefixes(folder: Path) -> dict[Kind, str]:
    prompts = json.loads(
        (folder / "config_sentence_transformers.json").read_text(encoding="utf-8")
    )["prompts"]
    return {"query": prompts["query"], "passage": prompts["passage"]}
