"""A second look at the candidates that stand first, beyond what the arms know of each alone.

Articles of which a question means the same as one of the best articles' questions move up beside them (the cluster hypothesis; Diaz 2005,
"Regularizing ad hoc retrieval scores"). Where no question is near, articles that say many of the asked words in one sentence go
before those that have them scattered. docs/relevance.md has the figures.
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

# Candidates that may move, and those of them whose texts are read.
RERANK_DEPTH = 60
PROXIMITY_DEPTH = 5


class Reranker:
    """Adds to the scores of one corpus's first candidates. Threads may share it."""

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
        """What is added to each candidate's score; ``question`` has each one's question score, ``passages`` compares with the passages."""
        first = _first(scores, RERANK_DEPTH)
        added = np.zeros(len(scores), dtype=np.float32)
        added[first] = fusion.cluster_gate(question) * self._cluster_similarity(
            documents[first], scores[first]
        )
        proximity_gate = fusion.proximity_gate(question)
        if proximity_gate > 0:
            told = _first(scores + added, PROXIMITY_DEPTH)
            # The question's words are made ready once a language.
            wanted = lru_cache(
                lambda lang: tuple(weighted_terms(self._corpus.lexical[lang], asked[lang]))
            )
            added[told] += proximity_gate * np.array(
                [self._proximity(int(row), passages, wanted) for row in documents[told]],
                dtype=np.float32,
            )
        return added

    def _cluster_similarity(self, documents: Rows, scores: Vector) -> Vector:
        """How near each document's questions are to those of the best ones, the nearest pair, 0 to 1; of several the mean by their scores."""
        semantic, sizes = self._corpus.semantic, self._questions.sizes(documents)
        kin = np.zeros(len(documents), dtype=np.float32)
        if semantic is None or not sizes.sum():
            return kin
        vectors = semantic.questions.vectors[self._questions.rows(documents)]
        has, starts = sizes > 0, segment_starts(sizes)
        best = _first(scores, fusion.TOP_CLUSTER_DOCS)
        best, shares = best[has[best]], fusion.softmax_weights(scores[best])[has[best]]
        if not len(best):
            return kin
        # Of all leaders at once: a row a leader's question, a column a document's nearest.
        own = vectors[
            np.concatenate(
                [
                    np.arange(starts[leader], starts[leader] + sizes[leader])
                    for leader in best.tolist()
                ]
            )
        ]
        pairs = np.maximum.reduceat(own @ vectors.T, starts[has], axis=1)
        nearest = np.maximum.reduceat(pairs, segment_starts(sizes[best]), axis=0)
        read = (
            semantic.question_scale.rescale(QUESTION_SCALE, nearest)
            if semantic.question_scale
            else nearest
        )
        kin[has] = shares @ fusion.cluster_similarity(read)
        return kin

    def _proximity(
        self, row: int, passages: Comparison, wanted: Callable[[str], Sequence[WeightedTerm]]
    ) -> float:
        """The part of the question, by idf, that stands in one sentence of a document's nearest passage or in its title, 0 to 1."""
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
    """The part of the pieces, by weight, that stand in one sentence of the text or in the title, 0 to 1."""
    total = sum(piece.weight for piece in wanted)
    if not total:
        return 0.0
    named = normalized(title).text
    left = [piece for piece in wanted if not _stands(piece, named)]
    # Only what stands in the text at all is looked for in each sentence.
    whole = normalized(text).text
    there = [piece for piece in left if _stands(piece, whole)]
    best = (
        max((_weight_in(sentence, there) for sentence in normalized_sentences(text)), default=0.0)
        if there
        else 0.0
    )
    return (total - sum(piece.weight for piece in left) + best) / total


def _weight_in(sentence: str, wanted: Sequence[WeightedTerm]) -> float:
    total = 0.0
    for piece in wanted:
        if _stands(piece, sentence):
            total += piece.weight
    return total


def _stands(piece: WeightedTerm, text: str) -> bool:
    for form in piece.forms:  # noqa: SIM110, a hundred times a question: any() takes three times as long
        if form in text:
            return True
    return False


def _first(scores: Vector, count: int) -> Rows:
    """Where the ``count`` highest values are, in any order; equal ones at the edge in their order."""
    return np.argsort(-scores, kind="stable")[:count]
