"""Scores plain questions: what each word adds to each document, worked out once when the index is built, and added up when asked.

The layout is that of BM25S (Lù 2024, arXiv:2407.03618): one column a word, of the rows that have it and what it adds to each.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from search.ports import Rows, Vector
from search.tokens import Token

# docs/relevance.md. A low k1: that an answer speaks of a thing at all says more than how often it does.
K1 = 0.7
B = 0.75
_WORDS, _STARTS, _ROWS, _VALUES, _COUNT = "words.json", "starts.npy", "rows.npy", "values.npy", "documents.json"


class TermImpacts:
    """BM25 (Lucene's variant) over documents given as token lists; implements ports.Impacts.

    Column c is that of the word ``vocabulary[c]``: documents ``rows[starts[c]:starts[c + 1]]`` get ``values`` of the same places.
    """

    def __init__(self, vocabulary: dict[str, int], starts: Rows, rows: Rows, values: Vector, documents: int) -> None:
        self._vocabulary = vocabulary
        self._starts, self._rows, self._values = starts, rows, values
        self._documents = documents
        self._sorted: list[str] | None = None
        having = np.diff(starts)
        # Lucene's idf of every column; see weight.
        self._weights: list[float] = _idf(having, documents).tolist()
        self._unknown_weight = math.log(1 + (documents + 0.5) / 0.5)

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> TermImpacts:
        """Index documents given in row order; at least one of them."""
        vocabulary: dict[str, int] = {}
        columns = np.fromiter((vocabulary.setdefault(token, len(vocabulary)) for tokens in documents for token in tokens), np.int64)
        lengths = np.array([len(tokens) for tokens in documents])
        owners = np.repeat(np.arange(len(documents)), lengths)
        # Of each word and document once, by word and then by document, with how often.
        pairs, counts = np.unique(columns * len(documents) + owners, return_counts=True)
        words, rows = np.divmod(pairs, len(documents))
        starts = np.searchsorted(words, np.arange(len(vocabulary) + 1))
        norm = K1 * (1 - B + B * lengths[rows] / max(1e-9, lengths.mean()))
        values = _idf(np.diff(starts), len(documents))[words] * counts / (counts + norm)
        return cls(vocabulary, starts, rows.astype(np.int32), values.astype(np.float32), len(documents))

    def save(self, folder: Path) -> None:
        """Write the index into a new folder."""
        folder.mkdir(parents=True)
        (folder / _WORDS).write_bytes(orjson.dumps(list(self._vocabulary)))
        (folder / _COUNT).write_bytes(orjson.dumps(self._documents))
        for name, array in ((_STARTS, self._starts), (_ROWS, self._rows), (_VALUES, self._values)):
            np.save(folder / name, array)

    @classmethod
    def open(cls, folder: Path) -> TermImpacts:
        """Open a saved index, its arrays mapped into memory; raises OSError or ValueError when it is damaged."""
        words = orjson.loads((folder / _WORDS).read_bytes())
        # Plain views of what is mapped: numpy's own kind of mapped array is slow to slice.
        rows, values = (np.asarray(np.load(folder / name, mmap_mode="r")) for name in (_ROWS, _VALUES))
        return cls(dict(zip(words, range(len(words)), strict=True)), np.load(folder / _STARTS), rows, values, orjson.loads((folder / _COUNT).read_bytes()))

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """BM25 of each document, shape (documents,)."""
        total = np.zeros(self._documents, dtype=np.float32)
        for column in self._columns(tokens):
            start, end = int(self._starts[column]), int(self._starts[column + 1])
            # A document stands at most once in a column, so plain fancy indexing adds up right.
            total[self._rows[start:end]] += self._values[start:end]
        return total

    def weight(self, token: Token) -> float:
        """Lucene's idf; of the commonest one where a prefix stands for several."""
        if token.prefix:
            return min((self._weights[column] for column in self._columns([token])), default=0.0)
        column = self._vocabulary.get(token.text)
        return 0.0 if column is None else self._weights[column]

    def unknown_weight(self) -> float:
        """The idf of a word that no document has."""
        return self._unknown_weight

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


def _idf(having: Rows, documents: int) -> Vector:
    """Lucene's idf: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    weights: Vector = np.log(1 + (documents - having + 0.5) / (having + 0.5))
    return weights
