"""BM25 scoring with precomputed term impacts: computed at build time, summed at query time.

The layout is that of BM25S (Lù 2024, arXiv:2407.03618): one column per word, with the rows that
contain it and its contribution to each row's score.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search.analysis.tokens import Token
from search.array_files import load_array
from search.index.postings import Postings
from search.ports import Rows, Vector

# See docs/relevance.md. Low k1: whether a word occurs matters more than how often.
K1 = 0.7
B = 0.75
_VALUES = "values.npy"


class Bm25Index:
    """BM25 (Lucene's variant) over postings; implements ports.LexicalScorer.

    ``values`` holds the score contribution of each (word, document) pair of the postings.
    """

    def __init__(self, postings: Postings, values: Vector) -> None:
        self.postings = postings
        self._vocabulary = dict(zip(postings.words, range(len(postings.words)), strict=True))
        self._starts, self._rows, self._values = postings.starts, postings.rows, values
        documents = self._documents = len(postings.lengths)
        self._sorted: list[str] | None = None
        document_counts = np.diff(postings.starts)
        self._weights: list[float] = _idf(document_counts, documents).tolist()
        self._unknown_weight = math.log(1 + (documents + 0.5) / 0.5)

    @classmethod
    def of(cls, postings: Postings) -> Bm25Index:
        """Compute the impacts of postings with at least one document."""
        return cls(postings, _values_of(postings))

    @staticmethod
    def write(folder: Path, postings: Postings) -> None:
        """Write postings with at least one document, and their impacts, into a new folder."""
        folder.mkdir(parents=True)
        postings.save(folder)
        np.save(folder / _VALUES, _values_of(postings))

    @classmethod
    def open(cls, folder: Path) -> Bm25Index:
        """Open a saved index with memory-mapped arrays.

        Raises OSError or ValueError if the index is damaged.
        """
        return cls(Postings.open(folder), load_array(folder / _VALUES, mapped=True))

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """BM25 score of each document, shape (documents,)."""
        columns = self._columns(tokens)
        if not columns:
            return np.zeros(self._documents, dtype=np.float32)
        ranges = [slice(self._starts[column], self._starts[column + 1]) for column in columns]
        rows, values = (
            np.concatenate([array[part] for part in ranges]) for array in (self._rows, self._values)
        )
        # One pass over the postings of all words is faster than summing word by word.
        return np.bincount(rows, values, self._documents).astype(np.float32)

    def weight(self, token: Token) -> float:
        """Lucene's idf of the token; for a prefix, the idf of its most frequent word."""
        if token.prefix:
            return min((self._weights[column] for column in self._columns([token])), default=0.0)
        column = self._vocabulary.get(token.text)
        return 0.0 if column is None else self._weights[column]

    def unknown_weight(self) -> float:
        """The idf of a word that occurs in no document."""
        return self._unknown_weight

    def total_weight(self, tokens: Sequence[Token]) -> float:
        """Sum of the tokens' idf, including words that occur in no document."""
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
    """BM25 contribution of each (word, document) pair."""
    document_counts, lengths, rows = np.diff(postings.starts), postings.lengths, postings.rows
    norm = K1 * (1 - B + B * lengths[rows] / max(1e-9, lengths.mean()))
    values: Vector = (
        np.repeat(_idf(document_counts, len(lengths)), document_counts)
        * postings.counts
        / (postings.counts + norm)
    ).astype(np.float32)
    return values


def _idf(having: Rows, documents: int) -> Vector:
    """Lucene's idf: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    weights: Vector = np.log(1 + (documents - having + 0.5) / (having + 0.5))
    return weights
