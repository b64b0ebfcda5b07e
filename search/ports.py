"""Protocols of the engine's parts. search/testing.py has in-memory implementations for tests."""

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
    """Turns texts into unit-length embeddings."""

    @property
    def calibrated(self) -> bool:
        """Whether its cosines are on the scale that fusion.py was fitted on.

        If False, the index build measures their scale.
        """

    @property
    def fingerprint(self) -> str:
        """Identifier that changes whenever the same text would give another vector."""

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Return embeddings, shape (len(texts), dimension), float32.

        Raises EmbedderUnavailableError when the model is not available.
        """


@runtime_checkable
class BulkEmbedder(Protocol):
    """An embedder with a faster method for many texts."""

    def bulk(self, count: int) -> AbstractContextManager[Encode]:
        """Context manager that yields an ``encode`` for about ``count`` texts in several calls.

        Extra resources are released on exit.
        """


def in_bulk(embedder: Embedder, count: int) -> AbstractContextManager[Encode]:
    """Return the embedder's bulk ``encode``, or its ordinary one if it has none."""
    return (
        embedder.bulk(count) if isinstance(embedder, BulkEmbedder) else nullcontext(embedder.encode)
    )


class SearchWatch(Protocol):
    """Is told how long the stages of searches take."""

    def stage(self, name: str, seconds: float) -> None:
        """A stage of one search has ended: queue, embed, rank, judge or all."""

    def kept(self, was_kept: bool) -> None:
        """A search was answered, from the results that are kept or anew."""


class NoWatch:
    """Tells nobody."""

    def stage(self, name: str, seconds: float) -> None:
        """Do nothing."""

    def kept(self, was_kept: bool) -> None:
        """Do nothing."""


class LexicalScorer(Protocol):
    """Scores plain queries over one language's documents."""

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """Return one score (0 or more) per document, shape (documents,)."""

    def weight(self, token: Token) -> float:
        """Return the inverse document frequency of the token; 0 when no document has it."""

    def unknown_weight(self) -> float:
        """Return the idf of a word that no document has."""

    def total_weight(self, tokens: Sequence[Token]) -> float:
        """Return the sum of the tokens' idf, including words that no document has."""


class KeywordIndex(Protocol):
    """The inverted index behind quoted phrases, exclusions and spelling correction."""

    def matching(self, lang: str, phrases: Sequence[str], excluded: Sequence[str]) -> set[str]:
        """Return ids of documents with every phrase and none of the excluded words or phrases."""

    def correct(self, lang: str, word: str) -> str | None:
        """Return the nearest indexed word for a word that no document has; else None."""

    def written(self, lang: str, reading: str) -> list[str]:
        """Return the indexed words with a reading in katakana, most frequent first."""


class Comparison(Protocol):
    """The comparison of one vector with the rows of an index by inner product."""

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Return rows and scores of the ``count`` nearest allowed rows, best first."""

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """Return the ``count`` nearest rows in any order, with all ties of the last one."""

    def scores_for(self, rows: Rows) -> Vector:
        """Return the scores of the given rows."""


class VectorIndex(Protocol):
    """A searchable set of vectors, one per row."""

    def compare(self, vector: Vector) -> Comparison:
        """Compare one vector, shape (dimension,), with the rows."""

    @property
    def vectors(self) -> Vector:
        """All rows, shape (rows, dimension)."""

    @property
    def strategy(self) -> str:
        """Comparison strategy: "exact", or the name of an approximate method."""

    def __len__(self) -> int: ...
