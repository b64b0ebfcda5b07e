"""What analytics needs of others; services.py supplies it."""

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
    """Turns questions into vectors whose cosine says how near they are in meaning, across languages."""

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        ...

    def __call__(self, texts: Sequence[str], langs: Sequence[str]) -> Vectors:
        """Unit vectors with what all questions have in common taken away, shape (texts, dimension)."""
        ...


@dataclass(frozen=True)
class NearestArticle:
    """The article nearest to a question."""

    article_id: str
    title: str
    section: str
    verdict: str
    probability: float
    rank: int = 1


class FindArticle(Protocol):
    """Asks the index that is served now."""

    def nearest(self, text: str, lang: str) -> NearestArticle | None:
        """The first hit, or None where nothing is near."""
        ...

    def place_of(self, article_id: str, text: str, lang: str) -> NearestArticle | None:
        """Where an article stands among the first ten for a question."""
        ...

    def title(self, article_id: str) -> str:
        """An article's title, its id where it is gone."""
        ...


class EventSink(Protocol):
    """Takes events; ``append`` commits before it returns."""

    def append(self, queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]) -> None:
        """Store events; one that is there already stays as it is."""
        ...

    def lost(self, counts: Mapping[str, int], at: int) -> None:
        """Remember how many were lost, by reason."""
        ...
