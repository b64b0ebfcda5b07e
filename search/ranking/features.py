"""Keyword features of documents: coverage and information of a query."""

from __future__ import annotations

import numpy as np

from search.index.corpus import LexicalIndex
from search.ports import LexicalScorer, Vector
from search.query.terms import Alternatives, QueryTerms


def coverage(words: Vector, words_weight: float, bigrams: Vector, grams_weight: float) -> Vector:
    """Share of the query that each document covers, 0 to 1, shape (documents,).

    It is BM25 divided by the query's total idf, averaged over words and bigrams.
    """
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
    """Share of the query that each document of a language covers, 0 to 1, shape (documents,)."""
    streams: list[tuple[Vector, float]] = []
    for stream, index in enumerate((lexical.words, lexical.bigrams)):
        total, weight = index.scores(asked.plain[stream]), index.total_weight(asked.plain[stream])
        for choice in asked.choices:
            scores, choice_weight = _either(index, choice, stream)
            total, weight = total + scores, weight + choice_weight
        streams.append((total, weight))
    return coverage(*streams[0], *streams[1])


def query_information(lexical: LexicalIndex, asked: QueryTerms) -> float:
    """Information of a query: the sum of its words' idf, comparable between indexes.

    The unit is the idf of a word that occurs in no document.
    """
    total = lexical.words.total_weight(asked.plain[0]) + sum(
        lexical.words.total_weight(choice.asked[0]) for choice in asked.choices
    )
    return total / max(lexical.words.unknown_weight(), 1e-6)


def known_share(lexical: LexicalIndex, asked: QueryTerms) -> float:
    """Share of a query's words, weighted by idf, that occur in any document, 0 to 1."""
    groups = [
        *([token] for token in asked.plain[0]),
        *(choice.asked[0] for choice in asked.choices),
    ]
    parts = [
        (lexical.words.total_weight(group), any(map(lexical.words.weight, group)))
        for group in groups
    ]
    total = sum(weight for weight, _ in parts)
    return sum(weight for weight, known in parts if known) / total if total else 0.0


def title_coverage(lexical: LexicalIndex, asked: QueryTerms, forms: set[str]) -> float:
    """Share of a query's words, weighted by idf, that are among ``forms``, 0 to 1.

    A choice counts as present if any of its alternatives is.
    """
    parts = [(lexical.words.total_weight([token]), token.text in forms) for token in asked.plain[0]]
    for choice in asked.choices:
        present = any(
            other[0] and all(token.text in forms for token in other[0])
            for other in (choice.asked, *choice.others)
        )
        parts.append((lexical.words.total_weight(choice.asked[0]), present))
    total = sum(weight for weight, _ in parts)
    return sum(weight for weight, matched in parts if matched) / total if total else 0.0


def _either(lexical: LexicalScorer, choice: Alternatives, stream: int) -> tuple[Vector, float]:
    """(scores, weight) of a choice: the best score of the query word and its alternatives."""
    scores, weight = (
        lexical.scores(choice.asked[stream]),
        lexical.total_weight(choice.asked[stream]),
    )
    for other in choice.others:
        other_weight = lexical.total_weight(other[stream])
        # Scaled so that each alternative covers as much of the query as the original words.
        ratio = weight / other_weight if weight and other_weight else 1.0
        scores = np.maximum(
            scores, np.float32(choice.share * ratio) * lexical.scores(other[stream])
        )
        weight = weight or other_weight
    return scores, weight
