"""Adapters that implement analytics' ports: question vectors and the nearest article."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from kb_app.analytics.ports import NearestArticle, Vectors
from kb_app.services.live_index import LiveIndex
from search.errors import EmbedderUnavailableError
from search.model import Hit, Query, Results
from search.ports import Embedder
from search.vectors.centering import centre, sample_means

LOOKED_AT = 10
PUBLIC = frozenset({"public"})


class CentredQuestions:
    """Question embeddings, centred per language; implements ports.Encode.

    The centre is the mean of the shipped sample, so that vectors stay comparable over time.
    Vectors of models other than the bundled one are not centred.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint; raises EmbedderUnavailableError while there is no model."""
        return self._embedder.fingerprint

    def __call__(self, texts: Sequence[str], langs: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimension)."""
        vectors = self._embedder.encode(texts, "query")
        return centre(vectors, langs, sample_means()) if self._embedder.calibrated else vectors


class IndexFinder:
    """Finds the nearest article in the served index; implements ports.FindArticle."""

    def __init__(self, live: LiveIndex, clock: Callable[[], datetime]) -> None:
        self._live = live
        self._clock = clock

    def nearest(self, text: str, lang: str) -> NearestArticle | None:
        """The first hit for a question; None where there is none."""
        results = self._search(text, lang)
        return self._found(results, results.hits[0], 1) if results and results.hits else None

    def place_of(self, article_id: str, text: str, lang: str) -> NearestArticle | None:
        """The rank of an article or a translation of it among the first ten hits, or None."""
        results = self._search(text, lang)
        wanted = self._with_translations(article_id)
        for rank, hit in enumerate(results.hits if results else (), 1):
            if results and hit.article_id in wanted:
                return self._found(results, hit, rank)
        return None

    def with_translations(self, article_ids: Sequence[str]) -> frozenset[str]:
        """These articles and all translations of them."""
        return frozenset().union(*map(self._with_translations, article_ids))

    def _with_translations(self, article_id: str) -> frozenset[str]:
        snapshot = self._live.current()
        card = snapshot.articles.summaries.get(article_id) if snapshot else None
        if snapshot is None or card is None:
            return frozenset({article_id})
        return frozenset(one.id for one in snapshot.articles.translations(card))

    def title(self, article_id: str) -> str:
        """The title of an article, or its id if the article no longer exists."""
        snapshot = self._live.current()
        card = snapshot.articles.summaries.get(article_id) if snapshot else None
        return card.title if card else article_id

    def _search(self, text: str, lang: str) -> Results | None:
        snapshot = self._live.current()
        if snapshot is None:
            return None
        try:
            return snapshot.search(
                Query(text, lang, LOOKED_AT, now=self._clock(), audiences=PUBLIC, highlight=False)
            )
        except EmbedderUnavailableError:
            return None

    @staticmethod
    def _found(results: Results, hit: Hit, rank: int) -> NearestArticle:
        return NearestArticle(
            hit.article_id,
            hit.document.title,
            hit.document.section,
            results.verdict,
            results.probability,
            rank,
        )
