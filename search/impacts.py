"""Scores plain questions with bm25s: term impacts computed once at build time. The only file that imports bm25s."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.ports import Vector
from search.tokens import Token

# docs/relevance.md. A low k1: that an answer speaks of a thing at all says more than how often it does.
K1 = 0.7
B = 0.75


class Bm25Impacts:
    """BM25 (Lucene's variant) over documents given as token lists; implements ports.Impacts."""

    def __init__(self, index: Any, documents: int) -> None:
        self._index = index
        self._documents = documents
        self._vocabulary: dict[str, int] = index.vocab_dict
        # Plain views of what bm25s maps into memory: its own kind of array is slow to slice.
        self._rows, self._values, self._starts = (np.asarray(index.scores[name]) for name in ("indices", "data", "indptr"))
        self._sorted: list[str] | None = None
        having = np.diff(self._starts)
        # Lucene's idf of every column; see weight.
        self._weights: list[float] = np.log(1 + (documents - having + 0.5) / (having + 0.5)).tolist()
        self._unknown_weight = math.log(1 + (documents + 0.5) / 0.5)

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Bm25Impacts:
        """Index documents given in row order; at least one of them."""
        import bm25s

        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(token, len(vocabulary)) for token in tokens] for tokens in documents]
        if not vocabulary:
            vocabulary[""] = 0
            ids[0] = [0]
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        index.index((ids, vocabulary), create_empty_token=False, show_progress=False)
        return cls(index, len(documents))

    def save(self, folder: Path) -> None:
        """Write the index into a new folder."""
        folder.mkdir(parents=True)
        self._index.save(str(folder), show_progress=False)
        (folder / "documents.json").write_text(json.dumps(self._documents), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Bm25Impacts:
        """Open a saved index, its arrays memory-mapped."""
        import bm25s

        index = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
        return cls(index, json.loads((folder / "documents.json").read_text(encoding="utf-8")))

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """BM25 of each document, shape (documents,)."""
        total = np.zeros(self._documents, dtype=np.float32)
        for column in self._columns(tokens):
            start, end = self._bounds(column)
            # A document stands at most once in a column, so plain fancy indexing adds up right.
            total[self._rows[start:end]] += self._values[start:end]
        return total

    def weight(self, token: Token) -> float:
        """Lucene's idf, ln(1 + (N - n + 0.5) / (n + 0.5)); of the commonest one where a prefix stands for several."""
        if token.prefix:
            return min((self._weights[column] for column in self._columns([token])), default=0.0)
        column = self._vocabulary.get(token.text)
        return 0.0 if column is None else self._weights[column]

    def unknown_weight(self) -> float:
        """The idf of a word that no document has."""
        return self._unknown_weight

    def _bounds(self, column: int) -> tuple[int, int]:
        return int(self._starts[column]), int(self._starts[column + 1])

    def _columns(self, tokens: Sequence[Token]) -> list[int]:
        columns: list[int] = []
        for token in tokens:
            if token.prefix:
                columns += [self._vocabulary[word] for word in self._starting(token.text)]
            elif token.text in self._vocabulary:
                columns.append(self._vocabulary[token.text])
        return columns

    def _starting(self, prefix: str) -> list[str]:
        from bisect import bisect_left

        if self._sorted is None:
            self._sorted = sorted(self._vocabulary)
        first = bisect_left(self._sorted, prefix)
        last = bisect_left(self._sorted, prefix + "\U0010ffff")
        return self._sorted[first:last]
