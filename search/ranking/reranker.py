"""A second look at the candidates that stand first, beyond what the arms know of each alone.

Articles of which a question means the same as one of the best articles' questions move up beside them (the cluster hypothesis; Diaz 2005,
"Regularizing ad hoc retrieval scores"). Where no question is near, articles that say many of the asked words in one sentence go
before those that have them scattered. docs/relevance.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from search.analysis.normalized_text import comparable, comparable_sentences
from search.index.corpus import Corpus
from search.ports import Comparison, Rows, Vector
from search.query.terms import Asked, Piece, pieces
from search.ranking import fusion
from search.ranking.rows_by_document import Owned, starts_of
from search.vectors.cosine_scale import QUESTION_SCALE

# Candidates that may move, and those of them whose texts are read.
MOVED = 60
READ = 5


class SecondLook:
    """Adds to the scores of one corpus's first candidates. Threads may share it."""

    def __init__(self, corpus: Corpus, passages: Owned, questions: Owned) -> None:
        self._corpus = corpus
        self._passages = passages
        self._questions = questions

    def adds(self, documents: Rows, scores: Vector, question: Vector, near: Comparison, asked: Mapping[str, Asked]) -> Vector:
        """What is added to each candidate's score; ``question`` has each one's question score, ``near`` compares with the passages."""
        first = _first(scores, MOVED)
        added = np.zeros(len(scores), dtype=np.float32)
        added[first] = fusion.standing_together(question) * self._kinship(documents[first], scores[first])
        reading = fusion.reading(question)
        if reading > 0:
            told = _first(scores + added, READ)
            # The question's words are made ready once a language.
            wanted = lru_cache(lambda lang: tuple(pieces(self._corpus.impacts[lang], asked[lang])))
            added[told] += reading * np.array([self._told_at_once(int(row), near, wanted) for row in documents[told]], dtype=np.float32)
        return added

    def _kinship(self, documents: Rows, scores: Vector) -> Vector:
        """How near each document's questions are to those of the best ones, the nearest pair, 0 to 1; of several the mean by their scores."""
        meaning, sizes = self._corpus.meaning, self._questions.sizes(documents)
        kin = np.zeros(len(documents), dtype=np.float32)
        if meaning is None or not sizes.sum():
            return kin
        vectors = meaning.questions.vectors[self._questions.rows(documents)]
        has, starts = sizes > 0, starts_of(sizes)
        best = _first(scores, fusion.LEADERS)
        best, shares = best[has[best]], fusion.leaders(scores[best])[has[best]]
        if not len(best):
            return kin
        # Of all leaders at once: a row a leader's question, a column a document's nearest.
        own = vectors[np.concatenate([np.arange(starts[leader], starts[leader] + sizes[leader]) for leader in best.tolist()])]
        pairs = np.maximum.reduceat(own @ vectors.T, starts[has], axis=1)
        nearest = np.maximum.reduceat(pairs, starts_of(sizes[best]), axis=0)
        read = meaning.question_scale.read_as(QUESTION_SCALE, nearest) if meaning.question_scale else nearest
        kin[has] = shares @ fusion.kinship(read)
        return kin

    def _told_at_once(self, row: int, near: Comparison, wanted: Callable[[str], Sequence[Piece]]) -> float:
        """The part of the question, by idf, that stands in one sentence of a document's nearest passage or in its title, 0 to 1."""
        document, places = self._corpus.documents[row], self._passages.of(row)
        if not len(places):
            return 0.0
        nearest = int(places[int(np.argmax(near.of(places)))]) if len(places) > 1 else int(places[0])
        return told_at_once(wanted(document.lang), document.title, self._corpus.passage(nearest).text)


def told_at_once(wanted: Sequence[Piece], title: str, text: str) -> float:
    """The part of the pieces, by weight, that stand in one sentence of the text or in the title, 0 to 1."""
    total = sum(piece.weight for piece in wanted)
    if not total:
        return 0.0
    named = comparable(title).text
    left = [piece for piece in wanted if not _stands(piece, named)]
    # Only what stands in the text at all is looked for in each sentence.
    whole = comparable(text).text
    there = [piece for piece in left if _stands(piece, whole)]
    best = max((_weight_in(sentence, there) for sentence in comparable_sentences(text)), default=0.0) if there else 0.0
    return (total - sum(piece.weight for piece in left) + best) / total


def _weight_in(sentence: str, wanted: Sequence[Piece]) -> float:
    total = 0.0
    for piece in wanted:
        if _stands(piece, sentence):
            total += piece.weight
    return total


def _stands(piece: Piece, text: str) -> bool:
    for form in piece.forms:  # noqa: SIM110, a hundred times a question: any() takes three times as long
        if form in text:
            return True
    return False


def _first(scores: Vector, count: int) -> Rows:
    """Where the ``count`` highest values are, in any order; equal ones at the edge in their order."""
    return np.argsort(-scores, kind="stable")[:count]
