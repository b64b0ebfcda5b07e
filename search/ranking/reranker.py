"""Reranks the top candidates with evidence that the arms lack.

Articles whose questions are similar to those of the top articles move up (the cluster hypothesis;
Diaz 2005, "Regularizing ad hoc retrieval scores"). If no question is near, articles with many query
words in one sentence rank above articles with scattered words. See docs/relevance.md for figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from search.analysis.normalized_text import normalized, normalized_sentences
from search.index.corpus import Corpus
from search.ports import Comparison, Rows, Vector
from search.query.terms import QueryTerms, WeightedTerm, weighted_terms
from search.ranking import fusion
from search.ranking.rows_by_document import RowsByDocument, segment_starts
from search.vectors.cosine_scale import QUESTION_SCALE

# Candidates that clustering may move, and those whose texts are read for proximity.
RERANK_DEPTH = 60
PROXIMITY_DEPTH = 5


class Reranker:
    """Adjusts the scores of the top candidates of one corpus. Thread-safe."""

    def __init__(self, corpus: Corpus, passages: RowsByDocument, questions: RowsByDocument) -> None:
        self._corpus = corpus
        self._passages = passages
        self._questions = questions

    def adjustments(
        self,
        documents: Rows,
        scores: Vector,
        question: Vector,
        passages: Comparison,
        asked: Mapping[str, QueryTerms],
    ) -> Vector:
        """Return the amount to add to each candidate's score, shape (candidates,).

        ``question`` has the question score of each candidate, ``passages`` compares the query with
        all passages, and ``asked`` has the query terms by language.
        """
        first = _first(scores, RERANK_DEPTH)
        added = np.zeros(len(scores), dtype=np.float32)
        added[first] = fusion.cluster_gate(question) * self._cluster_similarity(
            documents[first], scores[first]
        )
        proximity_gate = fusion.proximity_gate(question)
        if proximity_gate > 0:
            top = _first(scores + added, PROXIMITY_DEPTH)
            # Compute the terms once per language.
            terms_of = lru_cache(
                lambda lang: tuple(weighted_terms(self._corpus.lexical[lang], asked[lang]))
            )
            added[top] += proximity_gate * np.array(
                [self._proximity(int(row), passages, terms_of) for row in documents[top]],
                dtype=np.float32,
            )
        return added

    def _cluster_similarity(self, documents: Rows, scores: Vector) -> Vector:
        """Similarity of each document to the top documents, 0 to 1.

        It is the similarity of the nearest pair of questions, averaged over the top documents with
        their softmax weights.
        """
        semantic, sizes = self._corpus.semantic, self._questions.sizes(documents)
        similarity = np.zeros(len(documents), dtype=np.float32)
        if semantic is None or not sizes.sum():
            return similarity
        vectors = semantic.questions.vectors[self._questions.rows(documents)]
        has_questions, starts = sizes > 0, segment_starts(sizes)
        leaders = _first(scores, fusion.TOP_CLUSTER_DOCS)
        leaders, shares = (
            leaders[has_questions[leaders]],
            fusion.softmax_weights(scores[leaders])[has_questions[leaders]],
        )
        if not len(leaders):
            return similarity
        # All leaders at once: rows are leader questions, columns the nearest of each document.
        leader_vectors = vectors[
            np.concatenate(
                [
                    np.arange(starts[leader], starts[leader] + sizes[leader])
                    for leader in leaders.tolist()
                ]
            )
        ]
        pairs = np.maximum.reduceat(leader_vectors @ vectors.T, starts[has_questions], axis=1)
        nearest = np.maximum.reduceat(pairs, segment_starts(sizes[leaders]), axis=0)
        cosines = (
            semantic.question_scale.rescale(QUESTION_SCALE, nearest)
            if semantic.question_scale
            else nearest
        )
        similarity[has_questions] = shares @ fusion.cluster_similarity(cosines)
        return similarity

    def _proximity(
        self, row: int, passages: Comparison, wanted: Callable[[str], Sequence[WeightedTerm]]
    ) -> float:
        """Sentence coverage of the query by a document, 0 to 1.

        It reads the nearest passage and the title.
        """
        document, places = self._corpus.documents[row], self._passages.rows_of(row)
        if not len(places):
            return 0.0
        nearest = (
            int(places[int(np.argmax(passages.scores_for(places)))])
            if len(places) > 1
            else int(places[0])
        )
        return sentence_coverage(
            wanted(document.lang), document.title, self._corpus.passage(nearest).text
        )


def sentence_coverage(wanted: Sequence[WeightedTerm], title: str, text: str) -> float:
    """Share of the terms, by weight, in the title or in one sentence of the text, 0 to 1."""
    total = sum(term.weight for term in wanted)
    if not total:
        return 0.0
    folded_title = normalized(title).text
    missing = [term for term in wanted if not _stands(term, folded_title)]
    # Search sentences only for terms that occur in the text.
    folded_text = normalized(text).text
    present = [term for term in missing if _stands(term, folded_text)]
    best = (
        max((_weight_in(sentence, present) for sentence in normalized_sentences(text)), default=0.0)
        if present
        else 0.0
    )
    return (total - sum(term.weight for term in missing) + best) / total


def _weight_in(sentence: str, wanted: Sequence[WeightedTerm]) -> float:
    total = 0.0
    for term in wanted:
        if _stands(term, sentence):
            total += term.weight
    return total


def _stands(piece: WeightedTerm, text: str) -> bool:
    for form in piece.forms:  # noqa: SIM110, any() is slower and this is a hot path
        if form in text:
            return True
    return False


def _first(scores: Vector, count: int) -> Rows:
    """Indices of the ``count`` highest values, highest first; ties in their original order."""
    return np.argsort(-scores, kind="stable")[:count]
