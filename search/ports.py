"""What the engine needs of its parts. search/memory.py has all of them in memory, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from search.analysis.tokens import Token

Vector = NDArray[np.float32]
Rows = NDArray[np.int64]
Kind = Literal["query", "passage"]
Encode = Callable[[Sequence[str], Kind], Vector]


class Embedder(Protocol):
    """Turns texts into vectors of unit length."""

    @property
    def calibrated(self) -> bool:
        """Whether its cosines are on the scale that fusion.py was fitted on; else a build measures their scale."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would give another vector."""

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Vectors of shape (len(texts), dimension), float32. Raises EmbedderUnavailable when there is no model now."""


@runtime_checkable
class BulkEmbedder(Protocol):
    """An embedder that has a faster way for many texts."""

    def bulk(self, count: int) -> AbstractContextManager[Encode]:
        """An ``encode`` for about ``count`` texts in several calls; what it takes besides is given back at the end."""


def in_bulk(embedder: Embedder, count: int) -> AbstractContextManager[Encode]:
    """The embedder's way for many texts, or its ordinary one."""
    return (
        embedder.bulk(count) if isinstance(embedder, BulkEmbedder) else nullcontext(embedder.encode)
    )


class LexicalScorer(Protocol):
    """Scores plain questions over one language's documents."""

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """One score (0 or more) a document, shape (documents,)."""

    def weight(self, token: Token) -> float:
        """Inverse document frequency of the token; 0 when no document has it."""

    def unknown_weight(self) -> float:
        """The idf of a word that no document has."""

    def total_weight(self, tokens: Sequence[Token]) -> float:
        """The sum of the tokens' idf, words that no document has among them."""


class KeywordIndex(Protocol):
    """The inverted index behind quoted phrases, field syntax, spelling and prefixes."""

    def matching(self, lang: str, phrases: Sequence[str], excluded: Sequence[str]) -> set[str]:
        """Ids of the documents that hold every phrase and none of the excluded words or phrases."""

    def correct(self, lang: str, word: str) -> str | None:
        """The nearest word of the index where this one is in none of its documents."""


class Comparison(Protocol):
    """One vector compared with the rows of an index by inner product."""

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first."""

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """The rows alone, in any order, and all that are as near as the last of them."""

    def scores_for(self, rows: Rows) -> Vector:
        """The scores of the given rows."""


class VectorIndex(Protocol):
    """Rows to compare vectors with."""

    def compare(self, vector: Vector) -> Comparison:
        """Compare one vector, (dimension,), with the rows."""

    @property
    def vectors(self) -> Vector:
        """All rows, shape (rows, dimension)."""

    @property
    def strategy(self) -> str:
        """How vectors are compared with the rows: "exact", or nearly so and by what."""

    def __len__(self) -> int: ...
