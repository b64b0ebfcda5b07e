"""Each arm's evidence for the documents worth looking at, and their order. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search import fusion
from search.centring import ANY, centre
from search.columns import Columns, Mask
from search.corpus import Corpus, LanguageImpacts
from search.fusion import Evidence
from search.model import ARMS
from search.ports import Comparison, Impacts, Rows, Vector
from search.tokens import Token

# How many documents or rows each arm may propose. MAP over 100 needs more than a page.
CANDIDATES = 200
# Hits below this share of the first one's score are not counted among the results that a page offers.
RELEVANT_SHARE = 0.35

Tokens = tuple[list[Token], list[Token]]
"""Words and grams."""


@dataclass(frozen=True)
class Choice:
    """Words of which any one will do: ``others`` may stand for what was asked, but count only ``share`` as much."""

    asked: Tokens
    others: Sequence[Tokens]
    share: float = 1.0


@dataclass(frozen=True)
class Asked:
    """A question in one language's tokens: those that are meant as they stand, and choices."""

    plain: Tokens
    choices: Sequence[Choice] = ()


@dataclass(frozen=True)
class Question:
    """What is ranked for: the tokens by language, the vector if there is one, who may be found, languages preferred."""

    tokens: Mapping[str, Asked]
    vector: Vector | None
    allowed: Mask
    langs: Sequence[str]
    arms: frozenset[str] = frozenset(ARMS)


@dataclass(frozen=True)
class Ranking:
    """Candidates with their scores and each arm's evidence; ``order`` has their places, best first, one a group.

    ``passages`` are compared with the question where search by meaning is at work.
    """

    documents: Rows
    scores: Vector
    evidence: Evidence
    order: Rows
    passages: Comparison | None = None

    def relevant(self) -> Rows:
        """The places worth paging through: those near enough to the first."""
        scores = self.scores[self.order]
        if not len(scores) or scores[0] <= 0:
            return self.order
        kept: Rows = self.order[scores >= RELEVANT_SHARE * scores[0]]
        return kept

    def arms(self, place: int) -> dict[str, tuple[int, float]]:
        """Arm -> (rank from 1 among the documents shown, score) of one place; the keyword arm only where it found something."""
        found: dict[str, tuple[int, float]] = {}
        for arm, (scores, in_order) in self._by_arm.items():
            score = float(scores[place])
            if arm != "keyword" or score > 0:
                found[arm] = (int(np.count_nonzero(in_order > score)) + 1, round(score, 4))
        return found

    @cached_property
    def _by_arm(self) -> dict[str, tuple[Vector, Vector]]:
        """Arm -> (scores by place, scores of the documents shown), worked out once for all hits."""
        named = {"keyword": self.evidence.coverage, "passage": self.evidence.passage, "question": self.evidence.question}
        return {arm: (scores, scores[self.order]) for arm, scores in named.items() if scores is not None}


class Ranker:
    """Ranks one corpus. Threads may share it."""

    def __init__(self, corpus: Corpus, columns: Columns) -> None:
        self._corpus = corpus
        self._columns = columns
        self._documents = len(corpus.documents)
        everyone = np.arange(self._documents + 1)
        self._first_passage = np.searchsorted(corpus.passage_documents, everyone)
        if corpus.meaning is not None:
            self._question_order = np.argsort(corpus.meaning.question_documents, kind="stable")
            self._first_question = np.searchsorted(corpus.meaning.question_documents[self._question_order], everyone)

    def passages_of(self, row: int) -> range:
        """The passages of a document."""
        return range(int(self._first_passage[row]), int(self._first_passage[row + 1]))

    def rank(self, question: Question) -> Ranking:
        """Candidates of all arms asked for, by fused score."""
        covered = self._coverage(question) if "keyword" in question.arms else np.zeros(self._documents, np.float32)
        chosen = _best(covered, CANDIDATES)
        passages, questions = self._compared(question)
        if passages or questions:
            chosen = np.union1d(chosen, self._nearest_documents(question.allowed, passages, questions))
        passage = self.passage_scores(passages, chosen) if passages else None
        nearest = self._question_scores(questions, chosen) if questions else None
        evidence = Evidence(covered[chosen], passage, nearest)
        together = fusion.fuse(evidence) + self._columns.preferences(question.langs)[chosen]
        scores = together if len(question.arms) > 1 else _single(evidence, question.arms)
        return Ranking(chosen, scores, evidence, self._order(question, chosen, scores), passages)

    def _compared(self, question: Question) -> tuple[Comparison | None, Comparison | None]:
        """The question compared with all passages, and centred with all questions; None for an arm that is not asked or not there."""
        meaning = self._corpus.meaning
        if question.vector is None or meaning is None:
            return None, None
        centred = centre(question.vector[np.newaxis], question.langs[:1] or [ANY], meaning.centres)[0]
        passages = meaning.passages.compare(question.vector) if "passage" in question.arms else None
        return passages, meaning.questions.compare(centred) if "question" in question.arms else None

    def passage_scores(self, passages: Comparison, documents: Rows) -> Vector:
        """Cosine of each document's nearest passage."""
        first, last = self._first_passage[documents], self._first_passage[documents + 1]
        sizes = last - first
        best = np.full(len(sizes), fusion.BACKGROUND, dtype=np.float32)
        if sizes.sum():
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
            best[sizes > 0] = np.maximum.reduceat(passages.of(_ranges(first, last)), starts[sizes > 0])
        scale = self._corpus.meaning.scale if self._corpus.meaning else None
        return scale.read_as(fusion.PASSAGE_SCALE, best) if scale else best

    def _question_scores(self, questions: Comparison, documents: Rows) -> Vector:
        """Each document's nearest titles, questions and confirmed questions."""
        first, last = self._first_question[documents], self._first_question[documents + 1]
        sizes = last - first
        best = np.zeros((len(documents), fusion.NEAREST), dtype=np.float32)
        if not sizes.sum():
            return fusion.several(best)
        cosines = questions.of(self._question_order[_ranges(first, last)])
        scale = self._corpus.meaning.question_scale if self._corpus.meaning else None
        if scale:
            cosines = scale.read_as(fusion.QUESTION_SCALE, cosines)
        owners = np.repeat(np.arange(len(documents)), sizes)
        order = np.lexsort((-cosines, owners))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        for place in range(fusion.NEAREST):
            # An article with fewer questions counts its last one again.
            picked = starts + np.minimum(place, np.maximum(sizes - 1, 0))
            best[sizes > 0, place] = cosines[order[picked[sizes > 0]]]
        return fusion.several(best)

    def _coverage(self, question: Question) -> Vector:
        covered = np.zeros(self._documents, dtype=np.float32)
        for lang, asked in question.tokens.items():
            covered[self._corpus.impacts[lang].documents] = self._covered(self._corpus.impacts[lang], asked)
        covered[~question.allowed] = 0
        return covered

    @staticmethod
    def _covered(impacts: LanguageImpacts, asked: Asked) -> Vector:
        """How much of the question each document of a language covers."""
        streams: list[tuple[Vector, float]] = []
        for stream, index in enumerate((impacts.words, impacts.grams)):
            total, weight = index.scores(asked.plain[stream]), _total_weight(index, asked.plain[stream])
            for choice in asked.choices:
                scores, own = _either(index, choice, stream)
                total, weight = total + scores, weight + own
            streams.append((total, weight))
        return fusion.coverage(*streams[0], *streams[1])

    def _nearest_documents(self, allowed: Mask, passages: Comparison | None, questions: Comparison | None) -> Rows:
        """The allowed documents of the nearest rows of both."""
        meaning = self._corpus.meaning
        found: list[Rows] = []
        some = None if allowed.all() else allowed
        for compared, owners, count in (
            (passages, self._corpus.passage_documents, CANDIDATES),
            (questions, meaning.question_documents if meaning else None, 2 * CANDIDATES),
        ):
            if compared is not None and owners is not None and len(owners):
                rows, _ = compared.nearest(count, None if some is None else some[owners])
                found.append(owners[rows])
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def _order(self, question: Question, documents: Rows, scores: Vector) -> Rows:
        """Places by score; of an article and its translations only the one in the asker's language, at the best one's place."""
        order = np.argsort(-scores, kind="stable")
        groups = self._columns.groups[documents[order]]
        _, firsts = np.unique(groups, return_index=True)
        if len(firsts) == len(order):
            return order
        rank = np.full(self._documents, len(question.langs))
        for place, lang in reversed(list(enumerate(question.langs))):
            rank[self._columns.in_language(lang)] = place
        best: dict[int, int] = {}
        for place, group in zip(order.tolist(), groups.tolist(), strict=True):
            if group not in best or rank[documents[place]] < rank[documents[best[group]]]:
                best[group] = place
        return np.array(list(best.values()), dtype=np.int64)


def telling_words(impacts: LanguageImpacts, asked: Asked) -> float:
    """How much a question says: the sum of its words' idf, in words as rare as can be, so that it means the same in any index."""
    total = _total_weight(impacts.words, asked.plain[0]) + sum(_total_weight(impacts.words, choice.asked[0]) for choice in asked.choices)
    return total / max(impacts.words.unknown_weight(), 1e-6)


def named_in(impacts: LanguageImpacts, asked: Asked, forms: set[str]) -> float:
    """The part of a question's words, by idf, that stand in a text of these forms, 0 to 1; of a choice any one will do."""
    parts = [(_total_weight(impacts.words, [token]), token.text in forms) for token in asked.plain[0]]
    for choice in asked.choices:
        meant = any(other[0] and all(token.text in forms for token in other[0]) for other in (choice.asked, *choice.others))
        parts.append((_total_weight(impacts.words, choice.asked[0]), meant))
    total = sum(weight for weight, _ in parts)
    return sum(weight for weight, there in parts if there) / total if total else 0.0


def _best(values: Vector, count: int) -> Rows:
    """Where the ``count`` highest values above 0 are, in any order."""
    above = np.flatnonzero(values)
    if len(above) <= count:
        return above
    # Equal values at the edge: the earlier document, so that the same question always gives the same answer.
    edge = np.partition(values[above], len(above) - count)[len(above) - count]
    over, at_edge = above[values[above] > edge], above[values[above] == edge]
    return np.concatenate([over, at_edge[: count - len(over)]])


def _ranges(first: Rows, last: Rows) -> Rows:
    """All numbers of the ranges [first, last), one range after another."""
    sizes = last - first
    if not sizes.sum():
        return np.zeros(0, dtype=np.int64)
    shifts = np.repeat(first - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    numbers: Rows = np.arange(int(sizes.sum())) + shifts
    return numbers


def _either(impacts: Impacts, choice: Choice, stream: int) -> tuple[Vector, float]:
    """(scores, weight) of a choice: of each document the best of what was asked and what may stand for it."""
    scores, weight = impacts.scores(choice.asked[stream]), _total_weight(impacts, choice.asked[stream])
    for other in choice.others:
        own = _total_weight(impacts, other[stream])
        # Shared out, so that any one of them covers as much of the question as what was asked.
        fair = weight / own if weight and own else 1.0
        scores = np.maximum(scores, np.float32(choice.share * fair) * impacts.scores(other[stream]))
        weight = weight or own
    return scores, weight


def _total_weight(impacts: Impacts, tokens: Sequence[Token]) -> float:
    return sum(impacts.weight(token) or impacts.unknown_weight() for token in tokens)


def _single(evidence: Evidence, arms: frozenset[str]) -> Vector:
    """One arm alone, for measuring."""
    if "passage" in arms and evidence.passage is not None:
        return evidence.passage
    if "question" in arms and evidence.question is not None:
        return evidence.question
    return evidence.coverage
