"""Finds articles that tell the same, and articles that contradict each other.

Candidates are the pairs of articles of one language whose titles and questions, or whose texts, are
near in meaning. Of each pair the texts are compared, and each two sentences of which one states
another amount than the other, or denies what it says. Two logistic models say how likely it is that
the articles tell the same, and that the sentences contradict each other. bench/article_pairs.py
fits and measures them; docs/benchmarks.md has the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, Literal

import numpy as np

from indexer.checking.candidate_pairs import Pair, Text, pairs_of, unit
from indexer.checking.statements import Statement, amounts_of, conflict, may_conflict
from search.index.corpus import Corpus
from search.ports import Embedder, Vector, in_bulk

# Lowest cosine of two units whose sentences are compared; conflicts of a pair that are looked at.
NEAR_UNITS, MOST_CONFLICTS = 0.15, 6
# Sentences embedded in one comparison: those of the nearest articles. Each takes 2 ms.
MOST_SENTENCES = 2_500
# Sentences that are embedded at once.
CHUNK = 256
# Findings that are reported: nobody reads more.
MOST_FOUND = 1_000
# Lowest probability of what is reported.
LIKELY = 0.3
# Share of their words that two sentences of articles that tell the same must have in common.
SAME_WORDS = 0.5
Kind = Literal["duplicate", "contradiction"]


@dataclass(frozen=True)
class Overlap:
    """Two articles that tell the same or contradict each other, by id.

    ``probability`` is from 0 to 1. ``quotes`` are the two sentences that differ most, or "".
    """

    kind: Kind
    one: str
    other: str
    probability: float
    quotes: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Weights:
    """A logistic model: the features times ``factors``, plus ``constant``."""

    factors: tuple[float, ...]
    constant: float

    def probability(self, features: Sequence[float]) -> float:
        """The probability of a pair with these features, from 0 to 1."""
        total = self.constant + sum(
            factor * value for factor, value in zip(self.factors, features, strict=True)
        )
        return 1 / (1 + math.exp(-max(min(total, 30.0), -30.0)))


DUPLICATE = Weights(
    (-1.094, 1.632, 4.627, -0.299, 0.366, 1.406, -0.78, 2.56, -1.809, 4.02, -0.757),
    -7.828,
)
CONTRADICTION = Weights(
    (
        2.217,
        1.688,
        -0.656,
        0.809,
        -2.337,
        -1.002,
        0.253,
        -2.041,
        0.649,
        -2.994,
        -0.19,
        2.287,
        0.43,
        3.692,
        -2.934,
        -1.541,
        -0.306,
    ),
    -3.55,
)


# A sentence with its title above it, by language; two sentences and what they conflict in.
_Sentence = tuple[str, str]
_Two = tuple[Statement, Statement, str]


@dataclass(frozen=True)
class Conflict:
    """Two sentences that conflict, with their features; ``alike`` is the share of words in both."""

    features: tuple[float, ...]
    alike: float
    quotes: tuple[str, str]


@dataclass(frozen=True)
class Compared:
    """A pair with the features of the whole and its conflicts."""

    pair: Pair
    whole: tuple[float, ...]
    conflicts: Sequence[Conflict]


def overlaps(corpus: Corpus, embedder: Embedder) -> list[Overlap]:
    """The pairs of articles that tell the same or contradict each other, the likeliest first.

    At most MOST_FOUND; none without vectors. Raises EmbedderUnavailableError when the model is not
    available.
    """
    found = [judged(one) for one in compared(list(pairs_of(corpus)), embedder)]
    kept = [one for one in found if one is not None]
    return sorted(kept, key=lambda one: (-one.probability, one.one, one.other))[:MOST_FOUND]


def judged(compared_pair: Compared) -> Overlap | None:
    """What is the matter with two articles: they tell the same, contradict, or neither.

    Articles that tell the same but for an amount in sentences of the same words contradict.
    """
    pair, conflicts = compared_pair.pair, compared_pair.conflicts
    ids = pair.one.document.id, pair.other.document.id
    chances = [(CONTRADICTION.probability(one.features), one) for one in conflicts]
    differ, worst = max(chances, key=itemgetter(0), default=(0.0, None))
    # An internal article may well tell what a public one tells.
    is_one_audience = pair.one.document.audience == pair.other.document.audience
    same = DUPLICATE.probability(compared_pair.whole) if is_one_audience else 0.0
    if max(differ, same) < LIKELY:
        return None
    nearest = max(conflicts, key=lambda one: one.alike, default=None)
    if differ < same and nearest is not None and nearest.alike >= SAME_WORDS:
        return Overlap("contradiction", *ids, same, nearest.quotes)
    if differ >= same and worst is not None:
        return Overlap("contradiction", *ids, differ, worst.quotes)
    return Overlap("duplicate", *ids, same)


def compared(pairs: Sequence[Pair], embedder: Embedder) -> Iterator[Compared]:
    """The features of each pair, the nearest first. Their sentences are embedded together."""
    nearest = sorted(
        pairs, key=lambda pair: -pair.titles - float(pair.one.centre @ pair.other.centre)
    )
    conflicts = [_conflicts(pair) for pair in nearest]
    told = (text for found in conflicts for two in found for text in _titled(two))
    sentences = list(islice(dict.fromkeys(told), MOST_SENTENCES))
    means = {pair.one.document.lang: pair.one.mean for pair in nearest}
    vectors = _embedded(sentences, means, embedder)
    for pair, found in zip(nearest, conflicts, strict=True):
        whole = _whole_features(pair, len(found))
        known = [two for two in found if all(text in vectors for text in _titled(two))]
        shown = [
            Conflict(_features(pair, two, whole, vectors), _alike(two), (two[0].text, two[1].text))
            for two in known
        ]
        yield Compared(pair, whole, shown)


def _conflicts(pair: Pair) -> list[_Two]:
    """The sentences of two articles that conflict, those that are most alike first."""
    ones, others = pair.one.statements, pair.other.statements
    if not ones or not others:
        return []
    rows, columns = [one.row for one in ones], [other.row for other in others]
    cosines = (pair.one.vectors @ pair.other.vectors.T)[np.ix_(rows, columns)]
    may = (cosines >= NEAR_UNITS) & may_conflict(ones, others)
    found: list[tuple[float, _Two]] = []
    for row, column in np.argwhere(may).tolist():
        one, other = ones[row], others[column]
        kind = conflict(one, other)
        if kind == "denial" or (kind and _is_told_apart(pair, one, other)):
            found.append((float(cosines[row, column]), (one, other, kind)))
    if len(found) > MOST_CONFLICTS:
        found.sort(key=lambda each: -each[0] - _alike(each[1]))
    return [two for _cosine, two in found[:MOST_CONFLICTS]]


def _is_told_apart(pair: Pair, one: Statement, other: Statement) -> bool:
    """Whether each of two sentences has an amount that the other's article does not tell at all."""
    return bool(amounts_of(one) - pair.other.amounts and amounts_of(other) - pair.one.amounts)


def _alike(two: _Two) -> float:
    """The words that two sentences share, as a share of all their words."""
    one, other, _kind = two
    return _share(one.words & other.words, one.words | other.words)


def _titled(two: _Two) -> tuple[_Sentence, _Sentence]:
    one, other, _kind = two
    return (one.lang, f"{one.title}\n{one.text}"), (other.lang, f"{other.title}\n{other.text}")


def _embedded(
    sentences: Sequence[_Sentence], means: Mapping[str, Vector], embedder: Embedder
) -> Mapping[_Sentence, Vector]:
    """The vectors of the sentences, centred on the mean of their language."""
    if not sentences:
        return {}
    with in_bulk(embedder, len(sentences)) as encode:
        parts = [
            encode([text for _, text in sentences[start : start + CHUNK]], "passage")
            for start in range(0, len(sentences), CHUNK)
        ]
    vectors = np.concatenate(parts) - np.stack([means[lang] for lang, _ in sentences])
    return dict(zip(sentences, unit(vectors), strict=True))


def _whole_features(pair: Pair, conflicts: int) -> tuple[float, ...]:
    """What is known of two articles as a whole, each from 0 to 1 or a cosine."""
    one, other = pair.one, pair.other
    cosines = one.vectors @ other.vectors.T
    told = float(np.average(cosines.max(axis=1), weights=one.lengths))
    also = float(np.average(cosines.max(axis=0), weights=other.lengths))
    apart, more_apart = sorted((_lacking(one, other), _lacking(other, one)))
    return (
        pair.titles,
        min(told, also),
        max(told, also),
        apart,
        more_apart,
        _shared(one.words, other.words),
        _shared(one.title_words, other.title_words),
        _shared(one.amounts, other.amounts) if one.amounts and other.amounts else 0.5,
        min(conflicts, 4) / 4,
        float(one.centre @ other.centre),
        # Titles of one pattern about two things: "Deliveries in York", "Deliveries in Leeds".
        apart * _shared(one.title_words, other.title_words),
    )


def _features(
    pair: Pair, two: _Two, whole: tuple[float, ...], vectors: Mapping[_Sentence, Vector]
) -> tuple[float, ...]:
    """What is known of two sentences that conflict, and of their articles but for the titles."""
    one, other, kind = two
    first, second = (vectors[text] for text in _titled(two))
    lacking = sorted(
        (
            _share(one.words - pair.other.words, one.words),
            _share(other.words - pair.one.words, other.words),
        )
    )
    return (
        *whole[1:],
        float(pair.one.vectors[one.row] @ pair.other.vectors[other.row]),
        _shared(one.words, other.words),
        float(kind == "denial"),
        float(first @ second),
        _alike(two),
        *lacking,
    )


def _lacking(one: Text, other: Text) -> float:
    """The share of a title's words that the other article does not have at all."""
    return _share(one.title_words - other.words, one.title_words)


def _share(some: frozenset[str], all_of: frozenset[str]) -> float:
    return len(some) / max(len(all_of), 1)


def _shared(one: Set[Any], other: Set[Any]) -> float:
    """What two sets share, as a share of the smaller one."""
    return len(one & other) / max(min(len(one), len(other)), 1)
