"""Lookups beside search: an article's metadata, related articles, completions of typed text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from search.analysis.scripts import has_letters
from search.index.corpus import Corpus
from search.model import Document, Filters
from search.ports import Rows, Vector
from search.query import parser
from search.ranking.doc_values import DocValues
from search.ranking.ranker import Ranker
from search.vectors.centering import ANY, centre_one
from search.vectors.cosine_scale import QUESTION_SCALE

# Minimum centred cosine of a semantic suggestion; unrelated questions are at about 0.
SUGGESTED_NEAR = 0.5
# Minimum length in characters of a query for semantic suggestions.
SHORTEST_MEANT = 4


class Lookups:
    """Lookups in one corpus. Immutable and thread-safe.

    ``embed`` returns the embedding of a query, or None where there is none.
    """

    def __init__(
        self,
        corpus: Corpus,
        doc_values: DocValues,
        ranker: Ranker,
        embed: Callable[[str], Vector | None],
    ) -> None:
        self._corpus = corpus
        self._doc_values = doc_values
        self._ranker = ranker
        self._embed = embed

    def document(self, article_id: str) -> Document:
        """Return the metadata of an indexed article."""
        return self._corpus.documents[self._doc_values.rows[article_id]]

    def related(
        self, article_id: str, limit: int, now: datetime, audiences: frozenset[str]
    ) -> list[Document]:
        """Return related articles of the same language, never translations of the article.

        They are ranked by passage similarity plus shared metadata, or by metadata alone without a
        semantic index.
        """
        row = self._doc_values.rows.get(article_id)
        if row is None:
            return []
        document = self._corpus.documents[row]
        allowed = self._doc_values.visible(now, audiences, Filters(lang=document.lang)) & (
            self._doc_values.groups != self._doc_values.groups[row]
        )
        candidates = np.flatnonzero(allowed)
        if not len(candidates):
            return []
        nearness = self._nearness(row, candidates)
        order = candidates[np.argsort(-nearness, kind="stable")]
        return [self._corpus.documents[int(other)] for other in order[:limit]]

    def suggest(
        self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]
    ) -> list[tuple[str, Document]]:
        """Complete the typed text; returns pairs (title or question, its article).

        Only articles visible to the audiences are included, and one of an article and its
        translations. Where nothing completes the text, misspelt words in it are corrected.
        """
        typed = typed[:100]
        completions = self._completions(typed, lang, limit, now, audiences)
        if not completions:
            corrected = " ".join(
                self._corpus.keyword.correct(lang, word) or word for word in typed.split()
            )
            if corrected != typed:
                completions = self._completions(corrected, lang, limit, now, audiences)
        return completions

    def _completions(
        self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]
    ) -> list[tuple[str, Document]]:
        found = self._corpus.suggest.find(
            typed,
            self._doc_values.visible(now, audiences, Filters()),
            self._doc_values.in_language(lang),
            2 * limit,
            # Who types English means English: "ref" is no 連名.
            with_romaji=lang in ("", "ja"),
        )
        groups = self._doc_values.groups
        first = {int(groups[document]): (document, text) for document, text in reversed(found)}
        kept = set(first.values())
        return [
            (text, self._corpus.documents[document])
            for document, text in found
            if (document, text) in kept
        ][:limit]

    def suggest_by_meaning(
        self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]
    ) -> list[tuple[str, Document]]:
        """Return pairs (title, its article) of articles with a question similar to the typed text.

        Empty while no embedding is available.
        """
        parsed = parser.parse(typed[:100])
        vector = (
            self._embed(parsed.plain)
            if len(parsed.plain) >= SHORTEST_MEANT and has_letters(parsed.plain)
            else None
        )
        semantic = self._corpus.semantic
        if vector is None or semantic is None:
            return []
        centred = centre_one(vector, lang or ANY, semantic.centres)
        allowed = self._doc_values.visible(
            now, audiences, Filters()
        ) & self._doc_values.in_language(lang)
        rows, cosines = semantic.questions.compare(centred).top_k(
            4 * limit, allowed[semantic.question_documents]
        )
        if semantic.question_scale:
            cosines = semantic.question_scale.rescale(QUESTION_SCALE, cosines)
        near = dict.fromkeys(
            int(semantic.question_documents[row])
            for row, cosine in zip(rows, cosines, strict=True)
            if cosine >= SUGGESTED_NEAR
        )
        return [
            (self._corpus.documents[row].title, self._corpus.documents[row])
            for row in list(near)[:limit]
        ]

    def _nearness(self, row: int, candidates: Rows) -> Vector:
        semantic = self._corpus.semantic
        passage_rows = self._ranker.passages_of(row)
        document = self._corpus.documents[row]
        metadata_similarity = self._doc_values.metadata_similarity(document)[candidates]
        if semantic is None or not len(passage_rows):
            return metadata_similarity
        centroid = np.ascontiguousarray(semantic.passages.vectors[passage_rows].mean(axis=0))
        return (
            self._ranker.passage_scores(semantic.passages.compare(centroid), candidates)
            + metadata_similarity
        )
