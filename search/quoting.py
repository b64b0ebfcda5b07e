"""Quotes the first hit of a query, and tells the verdict what the quote says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.analysis.scripts import has_letters
from search.analysis.spelling import sound_key
from search.highlighting.answers import (
    ScoredUnit,
    best_unit,
    given_answer,
    make_answer,
    scored_units,
)
from search.index.corpus import Corpus
from search.model import Answer, Document, OwnAnswer, Passage
from search.ports import Comparison, Vector
from search.query.answer_kinds import tells_what_is_asked
from search.query.focus import (
    FocusTerm,
    codes,
    covered,
    extent,
    focus_terms,
    not_named,
    outermost,
    told,
    without,
)
from search.query.prepared_query import PreparedQuery
from search.query.terms import weighted_terms
from search.ranking.answerability import QuoteEvidence
from search.ranking.ranker import Ranker, Ranking
from search.vectors.cosine_scale import PASSAGE_SCALE, QUESTION_SCALE

# Passages of an article that are scored, and those that are read for a code or an anchor.
SCORED_PASSAGES, READ_PASSAGES = 64, 2_000
# What happened to another customer is told to be read whole: only its introduction is quoted.
STORY = "case"
# Lowest idf of a word of the topic, as a share of that of a word that no article has: "arrived" is
# no topic.
TOPIC_IDF = 0.3
# Minimum centred cosine of a query and a question that its writer answers; the question must be
# the nearest of its article.
SAME_QUESTION = 0.6
# Where the quote lacks the amount or time that is asked for, units that have it gain this.
TELLS = 0.03
_NO_COSINES = np.zeros(0, np.float32)


@dataclass(frozen=True)
class RankedQuery:
    """A query with its ranking. ``degraded`` is why semantic search is unavailable, or ""."""

    prepared: PreparedQuery
    ranking: Ranking
    vector: Vector | None
    degraded: str


@dataclass(frozen=True)
class Quotable:
    """What can be quoted of the first hit.

    ``terms`` are the words of the query and ``focus`` those that the title lacks. ``vectors`` has
    those of the units of each passage, shape (units, dimension); empty without semantic search.
    ``texts`` are those of the article, with its headings and questions.
    """

    document: Document
    terms: Sequence[FocusTerm]
    focus: Sequence[FocusTerm]
    units: Sequence[ScoredUnit]
    vectors: Sequence[Vector]
    texts: Sequence[str]


@dataclass(frozen=True)
class FocusQuery:
    """What is asked about the thing that a title names; ``named`` if the title names some of it.

    Where it does not, this is the whole query. ``vector`` is its embedding, if there is one.
    """

    text: str
    named: bool
    vector: Vector | None


class Quoter:
    """Quotes articles of one corpus. Thread-safe.

    ``embed`` returns the embedding of a query, or None where there is none.
    """

    def __init__(
        self,
        corpus: Corpus,
        ranker: Ranker,
        rows: Mapping[str, int],
        embed: Callable[[str], Vector | None],
    ) -> None:
        self._corpus = corpus
        self._ranker = ranker
        self._rows = rows
        self._embed = embed

    def quotable(self, ranked: RankedQuery) -> Quotable | None:
        """Score what can be quoted of the first hit; None without any hit."""
        if not len(ranked.ranking.order):
            return None
        row = int(ranked.ranking.documents[ranked.ranking.order[0]])
        document = self._corpus.documents[row]
        terms = focus_terms(
            weighted_terms(
                self._corpus.lexical[document.lang], ranked.prepared.expanded[document.lang].terms
            )
        )
        focus = not_named(terms, [document.title])
        rows = self._quotable_passages(row, ranked.ranking.passages, focus)
        passages, units, vectors = self._scored(ranked, rows, focus)
        questions = map(" ".join, self._corpus.named(row))
        texts = [*(f"{each.heading}\n{each.text}" for each in passages), *questions]
        return Quotable(document, terms, focus, units, vectors, texts)

    def _scored(
        self, ranked: RankedQuery, rows: Sequence[int], focus: Sequence[FocusTerm]
    ) -> tuple[list[Passage], list[ScoredUnit], list[Vector]]:
        passages = [self._corpus.passage(passage) for passage in rows]
        vectors = self._unit_vectors(rows) if ranked.vector is not None else []
        cosines = [self._cosines(each, ranked.vector) for each in vectors]
        cosines = cosines or [_NO_COSINES] * len(rows)
        return passages, scored_units(passages, cosines, focus), vectors

    def focus_query(self, ranked: RankedQuery, quotable: Quotable) -> FocusQuery:
        """The query without what the title names, embedded; the query itself where that is all."""
        topic = [term for term in quotable.terms if term not in quotable.focus]
        plain = ranked.prepared.plain
        text = without(plain, topic) if topic and quotable.focus else plain
        if text == plain or not has_letters(text):
            return FocusQuery(text, False, ranked.vector)
        return FocusQuery(text, True, self._embed(text) if quotable.vectors else None)

    def evidence(self, ranked: RankedQuery, quotable: Quotable, focus: FocusQuery) -> QuoteEvidence:
        """What the quote says for the verdict."""
        best = best_unit(quotable.units)
        share = told(outermost(quotable.focus), quotable.texts) if focus.named else 0.0
        if best is None or not quotable.vectors:
            return QuoteEvidence(focus.named, share, 0.0 if quotable.vectors else None)
        units = quotable.vectors[best.place]
        unit = units[[min(best.number, len(units) - 1)]]
        nearer = self._cosines(unit, ranked.vector) - self._cosines(unit, focus.vector)
        return QuoteEvidence(focus.named, share, max(0.0, float(nearer[0])) if len(nearer) else 0.0)

    def answer(self, ranked: RankedQuery, quotable: Quotable) -> Answer | None:
        """Quote the first hit: what its writer gives for this question, or the best blocks."""
        document, units, focus = quotable.document, quotable.units, quotable.focus
        shown = ranked.prepared.expanded[document.lang].highlight
        own = self._own_answer(ranked, document)
        if own is not None:
            rows = self._ranker.passages_of(self._rows[document.id])[:READ_PASSAGES].tolist()
            if not own.anchor and rows:
                return given_answer(document.id, self._corpus.passage(rows[0]), own.target, shown)
            section = [row for row in rows if self._corpus.passage(row).anchor == own.anchor]
            if section:
                units = self._scored(ranked, section, focus)[1] or units
        plain = ranked.prepared.plain
        answer = make_answer(document.id, units, focus, shown)
        if answer is None or tells_what_is_asked(plain, answer.text):
            return answer
        telling = [
            replace(unit, score=unit.score + TELLS)
            if tells_what_is_asked(plain, unit.unit.text)
            else unit
            for unit in units
        ]
        return make_answer(document.id, telling, focus, shown)

    def tells(self, ranked: RankedQuery, quotable: Quotable, answer: Answer) -> bool:
        """Whether a quote has the amount, time or measure asked for; the writer's own one does."""
        is_own = self._own_answer(ranked, quotable.document) is not None
        return is_own or tells_what_is_asked(ranked.prepared.plain, answer.text)

    def topic_and_focus(self, ranked: RankedQuery, quotable: Quotable) -> tuple[str, str]:
        """The words of the query that the title has, and those that it lacks, as written.

        Both are "" where the title has no word of the query that says what it is about, or the
        article has a code that is asked for.
        """
        plain = ranked.prepared.plain
        named = [term for term in quotable.terms if term not in quotable.focus]
        unknown = self._corpus.lexical[quotable.document.lang].words.unknown_weight()
        if max((term.weight for term in named), default=0.0) < TOPIC_IDF * unknown:
            return "", ""
        asked = {term.code for term in quotable.focus if term.code}
        if any(asked & codes(text) for text in quotable.texts):
            return "", ""
        topic, focus = extent(plain, named), extent(plain, quotable.focus)
        return topic, without(plain, named) if topic in focus or focus in topic else focus

    def _own_answer(self, ranked: RankedQuery, document: Document) -> OwnAnswer | None:
        """The writer's answer to the question that the query asks; None without any."""
        if not document.answers:
            return None
        asked = _letters(ranked.prepared.plain)
        for answer in document.answers:
            if _letters(answer.question) == asked:
                return answer
        cosines = self._question_cosines(ranked, document)
        nearest = int(np.argmax(cosines)) if len(cosines) else 0
        if not len(cosines) or cosines[nearest] < SAME_QUESTION:
            return None
        return next((each for each in document.answers if each.place == nearest), None)

    def nearest_question(self, ranked: RankedQuery, document: Document) -> float:
        """The centred cosine of a query and the nearest of an article's questions; -1 unknown."""
        return float(np.max(self._question_cosines(ranked, document), initial=-1.0))

    def _question_cosines(self, ranked: RankedQuery, document: Document) -> Vector:
        """The centred cosines of a query and an article's questions; none without vectors."""
        compared, semantic = ranked.ranking.questions, self._corpus.semantic
        if compared is None or semantic is None:
            return _NO_COSINES
        cosines = compared.scores_for(self._ranker.questions_of(self._rows[document.id]))
        scale = semantic.question_scale
        return scale.rescale(QUESTION_SCALE, cosines) if scale else cosines

    def _quotable_passages(
        self, row: int, compared: Comparison | None, focus: Sequence[FocusTerm]
    ) -> list[int]:
        """The passages of a document to quote from, in reading order.

        Of a long document these are those with a code of the query, and the nearest.
        """
        rows = self._ranker.passages_of(row)
        if self._corpus.documents[row].type == STORY:
            introduction = [at for at in rows.tolist() if not self._corpus.passage(at).heading]
            return introduction[:SCORED_PASSAGES] or rows[:1].tolist()
        if len(rows) <= SCORED_PASSAGES:
            return [int(passage) for passage in rows]
        asked = {term.code for term in focus if term.code}
        with_code = [
            passage
            for passage in rows[:READ_PASSAGES].tolist()
            if asked and asked & codes(self._corpus.passage(passage).text)
        ][:SCORED_PASSAGES]
        if compared is not None:
            near = compared.scores_for(rows)
        else:
            read = rows[:READ_PASSAGES].tolist()
            near = np.array([covered(focus, self._corpus.passage(each).text) for each in read])
        nearest = rows[np.argsort(-near, kind="stable")]
        few = SCORED_PASSAGES - len(with_code)
        return sorted({int(rows[0]), *with_code, *nearest[:few].tolist()})

    def _unit_vectors(self, passages: Sequence[int]) -> list[Vector]:
        """The vectors of the units of passages; a passage of one unit has its own."""
        semantic = self._corpus.semantic
        if semantic is None:
            return []
        return [
            semantic.units.vectors(passage)
            if semantic.units.sizes[passage]
            else semantic.passages.vectors[passage : passage + 1]
            for passage in passages
        ]

    def _cosines(self, units: Vector, vector: Vector | None) -> Vector:
        """The cosines of units with a vector, on the scale of the bundled model."""
        if vector is None:
            return _NO_COSINES
        scale = self._corpus.semantic.scale if self._corpus.semantic else None
        cosines: Vector = units @ vector
        return scale.rescale(PASSAGE_SCALE, cosines) if scale else cosines


def _letters(text: str) -> str:
    """The letters and digits of a text as they sound."""
    return "".join(filter(str.isalnum, sound_key(text)))
