"""Embeds with onnxruntime and tokenizers, without torch: the bundled model for serving. The only file that imports onnxruntime."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from search.bundled_model import Progress, quiet
from search.embedder import bundled_fingerprint, unit
from search.errors import ModelError
from search.onnx_export import BULK, QUERY, ensure_export
from search.ports import Kind, Vector

# More texts than this are embedded in float32, a thread each; fewer like a query.
BULK_TEXTS = 16
MAX_THREADS = 4


class OnnxEmbedder:
    """The unpacked bundled model in ``folder``; implements ports.Embedder and ports.BulkEmbedder.

    ``bulk_with`` makes vectors in bulk by another way where that is faster on this processor; it gets the number of texts
    and returns None where it would not be. Raises ModelError when the model cannot be opened.
    """

    calibrated = True

    def __init__(self, folder: Path, threads: int = 0, progress: Progress = quiet, bulk_with: Callable[[int], Any] | None = None) -> None:
        self._graphs = ensure_export(folder, progress)
        self._threads = threads or min(MAX_THREADS, os.cpu_count() or 1)
        # numpy's own threads and onnxruntime's wait for each other on few cores: a new question took twice as long.
        threadpool_limits(1, "blas")
        self._tokenizer = _tokenizer(folder)
        self._prefixes: dict[Kind, str] = _prefixes(folder)
        self._session = self._open(QUERY, self._threads)
        # Beside another question a second thread for one only gets in the way.
        self._single: Any = None
        self._running = 0
        self._counting = threading.Lock()
        self._turns = threading.BoundedSemaphore(self._threads)
        self._bulk_with = bulk_with
        self.fingerprint = bundled_fingerprint(folder)
        self.dimension = int(self._session.get_outputs()[0].shape[1])

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Unit vectors, shape (len(texts), dimension), float32. A text's vector does not depend on the others."""
        if len(texts) > BULK_TEXTS:
            with self.bulk(len(texts)) as encode:
                return encode(texts, kind)
        made = [self._run_in_turn(text, kind) for text in texts]
        return np.concatenate(made) if made else np.zeros((0, self.dimension), np.float32)

    @contextmanager
    def bulk(self, count: int) -> Iterator[Callable[[Sequence[str], Kind], Vector]]:
        """An ``encode`` for about ``count`` texts; what it needs besides is given back at the end."""
        other = self._bulk_with(count) if self._bulk_with else None
        if other is not None:
            with other as encode:
                yield encode
        elif count > BULK_TEXTS:
            session = self._open(BULK, threads=1)
            with ThreadPoolExecutor(self._threads, "embedding") as pool:
                yield lambda texts, kind: self._side_by_side(pool, session, texts, kind)
        else:
            yield self.encode

    def _side_by_side(self, pool: ThreadPoolExecutor, session: Any, texts: Sequence[str], kind: Kind) -> Vector:
        """One text a call and a thread: nothing is padded. The longest first, so that no thread is left with one at the end."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, vector in zip(order, pool.map(lambda row: self._run(session, texts[row], kind), order), strict=True):
            vectors[row] = vector
        return vectors

    def _run_in_turn(self, text: str, kind: Kind) -> Vector:
        """With all threads when alone, with one when others are at it; no more at once than there are threads."""
        with self._counting:
            self._running += 1
            crowded = self._running > 1
            if crowded and self._single is None and self._threads > 1:
                self._single = self._open(QUERY, threads=1)
        try:
            with self._turns:
                return self._run(self._single if crowded and self._single else self._session, text, kind)
        finally:
            with self._counting:
                self._running -= 1

    def _run(self, session: Any, text: str, kind: Kind) -> Vector:
        encoding = self._tokenizer.encode(self._prefixes[kind] + text)
        given = {"input_ids": np.array([encoding.ids], dtype=np.int64), "attention_mask": np.array([encoding.attention_mask], dtype=np.int64)}
        return unit(session.run(None, given)[0])

    def _open(self, name: str, threads: int) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads that spin take the time of those that serve.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        # Else the memory of the longest text ever met is kept.
        options.enable_cpu_mem_arena = False
        try:
            return onnxruntime.InferenceSession(str(self._graphs / name), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base
            raise ModelError(f"{self._graphs / name} cannot be opened: {error}. Remove {self._graphs} and start again.") from error


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        length = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"]
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(f"{folder / 'tokenizer.json'} cannot be read: {error}. Remove {folder} and start again.") from error
    tokenizer.enable_truncation(length)
    tokenizer.no_padding()
    return tokenizer


def _prefixes(folder: Path) -> dict[Kind, str]:
    prompts = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))["prompts"]
    return {"query": prompts["query"], "passage": prompts["passage"]}
