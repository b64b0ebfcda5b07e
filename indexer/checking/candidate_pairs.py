"""Which articles are near in meaning, with what is compared of them. Pure: reads a corpus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from indexer.checking.key_terms import key_terms
from indexer.checking.statements import Amount, Statement, amounts_of, statements
from search.index.corpus import Corpus, SemanticIndex
from search.index.units import units_of
from search.model import Document
from search.ports import Vector
from search.vectors.centering import ANY

# Articles are compared with so many others at most: those with the nearest titles and texts.
NEIGHBOURS = 8
# Lowest cosine of the titles and questions, or of the texts, of two articles that are compared.
NEAR_TITLES, NEAR_TEXTS = 0.4, 0.25
# Weight of the mean of questions in that of texts, in articles.
MIXED_IN = 20.0
# Rows of a matrix product at once.
BLOCK = 1024
# Statements of one article: those of a long one would be compared for minutes.
MOST_STATEMENTS = 80


@dataclass(frozen=True)
class Text:
    """An article as it is compared: a vector for each unit, shape (units, dimension).

    They are centred on ``mean``, that of all units of the language, shape (dimension,).
    """

    document: Document
    vectors: Vector
    lengths: Vector
    units: Sequence[str]
    statements: Sequence[Statement]
    mean: Vector

    @cached_property
    def centre(self) -> Vector:
        """The direction of the whole text, shape (dimension,)."""
        return unit((self.vectors * self.lengths[:, np.newaxis]).sum(axis=0))

    @cached_property
    def title_words(self) -> frozenset[str]:
        """The key terms of its title."""
        return key_terms(self.document.title, self.document.lang)

    @cached_property
    def words(self) -> frozenset[str]:
        """All its key terms."""
        return self.title_words | key_terms("\n".join(self.units), self.document.lang)

    @cached_property
    def amounts(self) -> frozenset[Amount]:
        """All amounts that it states."""
        return frozenset(each for one in self.statements for each in amounts_of(one))


@dataclass(frozen=True)
class Pair:
    """Two articles that are near; ``titles`` is the cosine of their titles and questions."""

    one: Text
    other: Text
    titles: float


def pairs_of(corpus: Corpus) -> Iterator[Pair]:
    """The pairs of articles of one language that are near in meaning; none without vectors."""
    semantic = corpus.semantic
    if semantic is None:
        return
    by_lang: dict[str, list[int]] = defaultdict(list)
    for row, document in enumerate(corpus.documents):
        if document.status != "archived":
            by_lang[document.lang].append(row)
    titles, passages = _titles(semantic), _passages(corpus)
    for _lang, group in sorted(by_lang.items()):
        texts = _texts(corpus, semantic, {row: passages.get(row, []) for row in group})
        for (one, other), cosine in _near(group, titles, texts).items():
            yield Pair(texts[one], texts[other], cosine)


def unit(vectors: Vector) -> Vector:
    """The vectors with length 1."""
    norms = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    made: Vector = (vectors / norms).astype(np.float32)
    return made


def _titles(semantic: SemanticIndex) -> Mapping[int, Vector]:
    """The vectors of the title and questions of each document."""
    rows: dict[int, list[int]] = defaultdict(list)
    for place, document in enumerate(semantic.question_documents.tolist()):
        rows[document].append(place)
    return {row: semantic.questions.vectors[places] for row, places in rows.items()}


def _passages(corpus: Corpus) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for passage, document in enumerate(corpus.passage_documents.tolist()):
        found[document].append(passage)
    return found


def _texts(
    corpus: Corpus, semantic: SemanticIndex, passages: Mapping[int, Sequence[int]]
) -> Mapping[int, Text]:
    """The articles of one language; their vectors are centred on the mean of all their units."""
    vectors: dict[int, Vector] = {}
    units: dict[int, list[str]] = {}
    for row, numbers in passages.items():
        parts: list[Vector] = []
        units[row] = []
        for number in numbers:
            own = semantic.units.vectors(number)
            own = own if len(own) else semantic.passages.vectors[number][np.newaxis]
            texts = [one.text for one in units_of(corpus.passage(number))[: len(own)]]
            units[row] += texts
            parts.append(own[: len(texts)])
        if units[row]:
            vectors[row] = np.concatenate(parts)
    if not vectors:
        return {}
    mean = _mean(list(vectors.values()), semantic, corpus.documents[next(iter(vectors))].lang)
    return {
        row: _text(corpus.documents[row], one, units[row], mean) for row, one in vectors.items()
    }


def _mean(vectors: Sequence[Vector], semantic: SemanticIndex, lang: str) -> Vector:
    """The mean of the articles; that of questions is mixed in, for sites of few articles."""
    centre = semantic.centres.get(lang, semantic.centres[ANY])
    total = np.sum([one.mean(axis=0) for one in vectors], axis=0) + MIXED_IN * centre
    mean: Vector = (total / (len(vectors) + MIXED_IN)).astype(np.float32)
    return mean


def _text(document: Document, vectors: Vector, units: Sequence[str], mean: Vector) -> Text:
    said = [
        one
        for row, text in enumerate(units)
        for one in statements(text, document.lang, row, document.title)
    ]
    lengths = np.array([len(text) for text in units], np.float32)
    return Text(document, unit(vectors - mean), lengths, units, said[:MOST_STATEMENTS], mean)


def _near(
    rows: Sequence[int], titles: Mapping[int, Vector], texts: Mapping[int, Text]
) -> dict[tuple[int, int], float]:
    """The pairs of rows that are near in title or text, with the cosine of their titles."""
    known = [row for row in rows if row in titles and row in texts]
    if len(known) < 2:
        return {}
    centres = np.stack([texts[row].centre for row in known])
    vectors = np.concatenate([titles[row] for row in known])
    starts = np.cumsum([0, *(len(titles[row]) for row in known)])[:-1]
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(known), BLOCK):
        end = min(start + BLOCK, len(known))
        own = np.concatenate([titles[row] for row in known[start:end]])
        by_question = np.maximum.reduceat(own @ vectors.T, starts, axis=1)
        by_title = np.maximum.reduceat(by_question, starts[start:end] - starts[start], axis=0)
        by_text = centres[start:end] @ centres.T
        nearness = np.maximum(by_title - NEAR_TITLES, by_text - NEAR_TEXTS)
        for place, near in enumerate(nearness, start):
            near[place] = -1
            candidates = np.flatnonzero(near >= 0)
            best = candidates[np.argsort(-near[candidates])[:NEIGHBOURS]]
            for other in best.tolist():
                first, second = sorted((place, other))
                found[known[first], known[second]] = float(by_title[place - start, other])
    return found
