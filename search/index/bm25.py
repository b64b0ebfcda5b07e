"""Scores plain questions: what each word adds to each document, worked out once when the index is built, and added up when asked.

The layout is that of BM25S (Lù 2024, arXiv:2407.03618): one column a word, of the rows that have it and what it adds to each.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search.analysis.tokens import Token
from search.index.postings import Postings
from search.ports import Rows, Vector

# docs/relevance.md. A low k1: that an answer speaks of a thing at all says more than how often it does.
K1 = 0.7
B = 0.75
_VALUES = "values.npy"


class Bm25Index:
    """BM25 (Lucene's variant) over counted documents; implements ports.Impacts.

    ``values`` has what each pair of word and document of the postings adds.
    """

    def __init__(self, postings: Postings, values: Vector) -> None:
        self.postings = postings
        self._vocabulary = dict(zip(postings.words, range(len(postings.words)), strict=True))
        self._starts, self._rows, self._values = postings.starts, postings.rows, values
        documents = self._documents = len(postings.lengths)
        self._sorted: list[str] | None = None
        having = np.diff(postings.starts)
        # Lucene's idf of every column; see weight.
        self._weights: list[float] = _idf(having, documents).tolist()
        self._unknown_weight = math.log(1 + (documents + 0.5) / 0.5)

    @classmethod
    def of(cls, postings: Postings) -> Bm25Index:
        """The impacts of counted documents; at least one of them."""
        return cls(postings, _values_of(postings))

    @staticmethod
    def write(folder: Path, postings: Postings) -> None:
        """Write the impacts of counted documents, at least one of them, into a new folder."""
        folder.mkdir(parents=True)
        postings.save(folder)
        np.save(folder / _VALUES, _values_of(postings))

    @classmethod
    def open(cls, folder: Path) -> Bm25Index:
        """Open a saved index, its arrays mapped into memory; raises OSError or ValueError when it is damaged."""
        return cls(Postings.open(folder), np.asarray(np.load(folder / _VALUES, mmap_mode="r")))

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """BM25 of each document, shape (documents,)."""
        columns = self._columns(tokens)
        if not columns:
            return np.zeros(self._documents, dtype=np.float32)
        stretches = [slice(self._starts[column], self._starts[column + 1]) for column in columns]
        rows, values = (
            np.concatenate([array[stretch] for stretch in stretches])
            for array in (self._rows, self._values)
        )
        # One pass over all words' documents: half the time of adding up word by word.
        return np.bincount(rows, values, self._documents).astype(np.float32)

    def weight(self, token: Token) -> float:
        """Lucene's idf; of the commonest one where a prefix stands for several."""
        if token.prefix:
            return min((self._weights[column] for column in self._columns([token])), default=0.0)
        column = self._vocabulary.get(token.text)
        return 0.0 if column is None else self._weights[column]

    def unknown_weight(self) -> float:
        """The idf of a word that no document has."""
        return self._unknown_weight

    def total_weight(self, tokens: Sequence[Token]) -> float:
        """The sum of the tokens' idf, words that no document has among them."""
        columns, total = self._vocabulary, 0.0
        for token in tokens:
            column = None if token.prefix else columns.get(token.text)
            total += (
                self._weights[column]
                if column is not None
                else self.weight(token) or self._unknown_weight
            )
        return total

    def _columns(self, tokens: Sequence[Token]) -> list[int]:
        columns: list[int] = []
        for token in tokens:
            if token.prefix:
                columns += [self._vocabulary[word] for word in self._starting(token.text)]
            elif token.text in self._vocabulary:
                columns.append(self._vocabulary[token.text])
        return columns

    def _starting(self, prefix: str) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self._vocabulary)
        first = bisect_left(self._sorted, prefix)
        last = bisect_left(self._sorted, prefix + "\U0010ffff")
        return self._sorted[first:last]


def _values_of(postings: Postings) -> Vector:
    """BM25 of each pair of word and document."""
    having, lengths, rows = np.diff(postings.starts), postings.lengths, postings.rows
    norm = K1 * (1 - B + B * lengths[rows] / max(1e-9, lengths.mean()))
    values: Vector = (
        np.repeat(_idf(having, len(lengths)), having) * postings.counts / (postings.counts + norm)
    ).astype(np.float32)
    return values


def _idf(having: Rows, documents: int) -> Vector:
    """Lucene's idf: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    weights: Vector = np.log(1 + (documents - having + 0.5) / (having + 0.5))
    return weights
