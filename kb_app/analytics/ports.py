"""Interfaces that analytics needs from other packages; kb_app.services implements them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kb_app.analytics.model import ActionEvent, QueryEvent

Vectors = NDArray[np.float32]
Clock = Callable[[], datetime]


class Encode(Protocol):
    """Encodes queries as embeddings; their cosine is the similarity of meaning across languages."""

    @property
    def fingerprint(self) -> str:
        """Identifies the embedding model."""
        ...

    def __call__(self, texts: Sequence[str], langs: Sequence[str]) -> Vectors:
        """Centred unit vectors (the common mean is removed), shape (texts, dimension)."""
        ...


@dataclass(frozen=True)
class NearestArticle:
    """The best matching article for a query. ``rank`` counts from 1."""

    article_id: str
    title: str
    section: str
    verdict: str
    probability: float
    rank: int = 1


class FindArticle(Protocol):
    """Looks up articles in the index that is served now."""

    def nearest(self, text: str, lang: str) -> NearestArticle | None:
        """The first hit, or None without a hit."""
        ...

    def place_of(self, article_id: str, text: str, lang: str) -> NearestArticle | None:
        """The article's entry among the first ten hits for a query, or None."""
        ...

    def title(self, article_id: str) -> str:
        """An article's title, or its id if the article no longer exists."""
        ...


class EventSink(Protocol):
    """Stores events; ``append`` commits before it returns."""

    def append(self, queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]) -> None:
        """Store events; an event that is already stored stays unchanged."""
        ...

    def lost(self, counts: Mapping[str, int], at: int) -> None:
        """Record the number of lost events by reason; ``at`` is in ms."""
        ...
