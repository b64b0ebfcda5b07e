"""What goes between processes that have the same build open: what is sought, and what was found, by rows of that build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from search.corpus import Corpus
from search.model import Answer, Hit, Query, Results, Span, Verdict
from search.ports import Vector


@dataclass(frozen=True)
class Sought:
    """A query with its vector; ``degraded`` says why there is none, ``alone`` that nobody else asks and other processors are free."""

    query: Query
    vector: Vector | None
    degraded: str = ""
    alone: bool = False


class FoundHit(NamedTuple):
    """A hit: rows of its document and of its passage if there is one to show, the stretch of the passage to show, and in it and the title what to mark."""

    document: int
    passage: int | None
    score: float
    arms: Mapping[str, tuple[int, float]]
    window: Span = (0, 0)
    spans: tuple[Span, ...] = ()
    title_spans: tuple[Span, ...] = ()


class FoundAnswer(NamedTuple):
    """The stretch of the first hit's passage to quote, and what to mark in it."""

    window: Span
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Findings:
    """See model.Results; ``relevant`` has the documents' rows."""

    hits: tuple[FoundHit, ...]
    relevant: tuple[int, ...]
    verdict: Verdict
    probability: float
    answer: FoundAnswer | None
    lang: str
    suggestions: tuple[str, ...]
    degraded: str


class Finder(Protocol):
    """Ranks for an engine and finds what to show, elsewhere."""

    def find(self, sought: Sought) -> Findings | None:
        """What the engine itself would find; None where it could not. Raises WorkerLost when it never will again."""


def results_of(findings: Findings, corpus: Corpus) -> Results:
    """The same with documents, passages and texts."""
    hits = tuple(_hit(found, corpus) for found in findings.hits)
    return Results(
        hits=hits,
        total=len(findings.relevant),
        relevant=tuple(map(corpus.ids.__getitem__, findings.relevant)),
        verdict=findings.verdict,
        probability=findings.probability,
        answer=_answer(findings.answer, hits[0]) if findings.answer else None,
        lang=findings.lang,
        suggestions=findings.suggestions,
        index_version=corpus.version,
        degraded=findings.degraded,
    )


def _hit(found: FoundHit, corpus: Corpus) -> Hit:
    document = corpus.documents[found.document]
    passage = corpus.passage(found.passage) if found.passage is not None else None
    snippet = passage.text[slice(*found.window)] if passage else ""
    return Hit(document.id, document, passage, found.score, found.arms, snippet, found.spans, found.title_spans)


def _answer(found: FoundAnswer, hit: Hit) -> Answer | None:
    passage = hit.passage
    return Answer(hit.article_id, passage, passage.text[slice(*found.window)], found.spans) if passage else None
