"""The evidence of each arm for the candidates: arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from search.index.corpus import LexicalIndex
from search.ports import LexicalScorer, Vector
from search.query.terms import Alternatives, QueryTerms


def coverage(words: Vector, words_weight: float, bigrams: Vector, grams_weight: float) -> Vector:
    """BM25 divided by the query's total idf: how much of the question a document covers, 0 to 1. The mean over words and grams."""
    streams = [
        scores / np.float32(weight)
        for scores, weight in ((words, words_weight), (bigrams, grams_weight))
        if weight > 0
    ]
    if not streams:
        return np.zeros_like(words)
    query_coverage: Vector = (sum(streams[1:], streams[0]) / np.float32(len(streams))).astype(
        np.float32
    )
    return query_coverage


def query_coverage(lexical: LexicalIndex, asked: QueryTerms) -> Vector:
    """How much of the question each document of a language covers, 0 to 1."""
    streams: list[tuple[Vector, float]] = []
    for stream, index in enumerate((lexical.words, lexical.bigrams)):
        total, weight = index.scores(asked.plain[stream]), index.total_weight(asked.plain[stream])
        for choice in asked.choices:
            scores, own = _either(index, choice, stream)
            total, weight = total + scores, weight + own
        streams.append((total, weight))
    return coverage(*streams[0], *streams[1])


def query_information(lexical: LexicalIndex, asked: QueryTerms) -> float:
    """How much a question says: the sum of its words' idf, in words as rare as can be, so that it means the same in any index."""
    total = lexical.words.total_weight(asked.plain[0]) + sum(
        lexical.words.total_weight(choice.asked[0]) for choice in asked.choices
    )
    return total / max(lexical.words.unknown_weight(), 1e-6)


def title_coverage(lexical: LexicalIndex, asked: QueryTerms, forms: set[str]) -> float:
    """The part of a question's words, by idf, that stand in a text of these forms, 0 to 1; of a choice any one will do."""
    parts = [(lexical.words.total_weight([token]), token.text in forms) for token in asked.plain[0]]
    for choice in asked.choices:
        meant = any(
            other[0] and all(token.text in forms for token in other[0])
            for other in (choice.asked, *choice.others)
        )
        parts.append((lexical.words.total_weight(choice.asked[0]), meant))
    total = sum(weight for weight, _ in parts)
    return sum(weight for weight, there in parts if there) / total if total else 0.0


def _either(lexical: LexicalScorer, choice: Alternatives, stream: int) -> tuple[Vector, float]:
    """(scores, weight) of a choice: of each document the best of what was asked and what may stand for it."""
    scores, weight = (
        lexical.scores(choice.asked[stream]),
        lexical.total_weight(choice.asked[stream]),
    )
    for other in choice.others:
        own = lexical.total_weight(other[stream])
        # Shared out, so that any one of them covers as much of the question as what was asked.
        fair = weight / own if weight and own else 1.0
        scores = np.maximum(scores, np.float32(choice.share * fair) * lexical.scores(other[stream]))
        weight = weight or own
    return scores, weight
