"""Each arm's evidence for the documents worth looking at, and their order. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.index.corpus import Corpus
from search.model import ARMS
from search.ports import Comparison, Rows, Vector
from search.query.terms import QueryTerms
from search.ranking import fusion
from search.ranking.doc_values import DocValues, Mask
from search.ranking.features import query_coverage
from search.ranking.fusion import Evidence
from search.ranking.reranker import Reranker
from search.ranking.rows_by_document import RowsByDocument, segment_starts
from search.vectors.centering import ANY, centre_one
from search.vectors.cosine_scale import PASSAGE_SCALE, QUESTION_SCALE

# How many documents or rows each arm may propose. MAP over 100 needs more than a page.
CANDIDATES = 200
# Hits below this share of the first one's score are not counted among the results that a page offers.
RELEVANT_SHARE = 0.35
# More than two cosines can lie apart, on any model's scale.
DOCUMENT_OFFSET = 1000.0


@dataclass(frozen=True)
class RankRequest:
    """What is ranked for: the tokens by language, the vector if there is one, who may be found, languages preferred."""

    tokens: Mapping[str, QueryTerms]
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

    def arms(self, places: Rows) -> list[dict[str, tuple[int, float]]]:
        """For each place, arm -> (rank from 1 among the documents shown, score); the keyword arm only where it found something."""
        named = {
            "keyword": self.evidence.coverage,
            "passage": self.evidence.passage,
            "question": self.evidence.question,
        }
        found: list[dict[str, tuple[int, float]]] = [{} for _ in places]
        for arm, scores in named.items():
            if scores is None:
                continue
            own = scores[places]
            ranks = np.count_nonzero(scores[self.order] > own[:, np.newaxis], axis=1) + 1
            for arms, rank, score in zip(found, ranks.tolist(), own.tolist(), strict=True):
                if arm != "keyword" or score > 0:
                    arms[arm] = (rank, round(score, 4))
        return found


class Ranker:
    """Ranks one corpus. Threads may share it."""

    def __init__(self, corpus: Corpus, columns: DocValues) -> None:
        self._corpus = corpus
        self._doc_values = columns
        self._documents = len(corpus.documents)
        self._passages = RowsByDocument(corpus.passage_documents, self._documents)
        self._questions = (
            RowsByDocument(corpus.semantic.question_documents, self._documents)
            if corpus.semantic is not None
            else None
        )
        self._second_look = (
            Reranker(corpus, self._passages, self._questions)
            if self._questions is not None
            else None
        )

    def passages_of(self, row: int) -> Rows:
        """The passages of a document."""
        return self._passages.rows_of(row)

    def rank(self, question: RankRequest) -> Ranking:
        """Candidates of all arms asked for, by fused score."""
        coverage = (
            self._coverage(question)
            if "keyword" in question.arms
            else np.zeros(self._documents, np.float32)
        )
        passages, questions = self._compared(question)
        worth = self._nearest_documents(question.allowed, passages, questions)
        worth[_best(coverage, CANDIDATES)] = True
        chosen = np.flatnonzero(worth)
        passage = self.passage_scores(passages, chosen) if passages else None
        nearest = self._question_scores(questions, chosen) if questions else None
        evidence = Evidence(coverage[chosen], passage, nearest)
        scores = (
            self._together(question, chosen, evidence, passages)
            if len(question.arms) > 1
            else _single(evidence, question.arms)
        )
        return Ranking(chosen, scores, evidence, self._order(question, chosen, scores), passages)

    def _together(
        self, question: RankRequest, chosen: Rows, evidence: Evidence, passages: Comparison | None
    ) -> Vector:
        """One score out of all arms' evidence, and of a second look at the best where search by meaning is at work."""
        scores: Vector = fusion.fuse(evidence) + self._doc_values.boosts(question.langs)[chosen]
        if (
            self._second_look is None
            or evidence.question is None
            or passages is None
            or not len(chosen)
        ):
            return scores
        return scores + self._second_look.adjustments(
            chosen, scores, evidence.question, passages, question.tokens
        )

    def _compared(self, question: RankRequest) -> tuple[Comparison | None, Comparison | None]:
        """The question compared with all passages, and centred with all questions; None for an arm that is not asked or not there."""
        semantic = self._corpus.semantic
        if question.vector is None or semantic is None:
            return None, None
        centred = centre_one(
            question.vector, question.langs[0] if question.langs else ANY, semantic.centres
        )
        passages = (
            semantic.passages.compare(question.vector) if "passage" in question.arms else None
        )
        return passages, semantic.questions.compare(
            centred
        ) if "question" in question.arms else None

    def passage_scores(self, passages: Comparison, documents: Rows) -> Vector:
        """Cosine of each document's nearest passage."""
        sizes = self._passages.sizes(documents)
        best = np.full(len(sizes), fusion.BACKGROUND, dtype=np.float32)
        if sizes.sum():
            best[sizes > 0] = np.maximum.reduceat(
                passages.scores_for(self._passages.rows(documents)),
                segment_starts(sizes)[sizes > 0],
            )
        scale = self._corpus.semantic.scale if self._corpus.semantic else None
        return scale.rescale(PASSAGE_SCALE, best) if scale else best

    def _question_scores(self, questions: Comparison, documents: Rows) -> Vector:
        """Each document's nearest titles, questions and confirmed questions."""
        sizes = (
            self._questions.sizes(documents)
            if self._questions
            else np.zeros(len(documents), np.int64)
        )
        best = np.zeros((len(documents), fusion.NEAREST), dtype=np.float32)
        if self._questions is None or not sizes.sum():
            return fusion.blend_top3(best)
        cosines = questions.scores_for(self._questions.rows(documents))
        scale = self._corpus.semantic.question_scale if self._corpus.semantic else None
        if scale:
            cosines = scale.rescale(QUESTION_SCALE, cosines)
        # One sort for all: documents far apart, in each the nearest first.
        apart = DOCUMENT_OFFSET * np.repeat(np.arange(len(documents)), sizes)
        ranked = (apart - np.sort(apart - cosines)).astype(np.float32)
        starts = segment_starts(sizes)
        for place in range(fusion.NEAREST):
            # An article with fewer questions counts its last one again.
            picked = starts + np.minimum(place, np.maximum(sizes - 1, 0))
            best[sizes > 0, place] = ranked[picked[sizes > 0]]
        return fusion.blend_top3(best)

    def _coverage(self, question: RankRequest) -> Vector:
        coverage = np.zeros(self._documents, dtype=np.float32)
        for lang, asked in question.tokens.items():
            coverage[self._corpus.lexical[lang].documents] = query_coverage(
                self._corpus.lexical[lang], asked
            )
        coverage[~question.allowed] = 0
        return coverage

    def _nearest_documents(
        self, allowed: Mask, passages: Comparison | None, questions: Comparison | None
    ) -> Mask:
        """Which documents have one of the nearest rows of either; allowed ones only."""
        semantic = self._corpus.semantic
        near = np.zeros(self._documents, dtype=np.bool_)
        some = None if allowed.all() else allowed
        for compared, owners, count in (
            (passages, self._corpus.passage_documents, CANDIDATES),
            (questions, semantic.question_documents if semantic else None, 2 * CANDIDATES),
        ):
            if compared is not None and owners is not None and len(owners):
                near[owners[compared.top_rows(count, None if some is None else some[owners])]] = (
                    True
                )
        return near

    def _order(self, question: RankRequest, documents: Rows, scores: Vector) -> Rows:
        """Places by score; of an article and its translations only the one in the asker's language, at the best one's place."""
        order = np.argsort(-scores, kind="stable")
        groups = self._doc_values.groups[documents[order]]
        if len(set(groups.tolist())) == len(order):
            return order
        rank = np.full(self._documents, len(question.langs))
        for place, lang in reversed(list(enumerate(question.langs))):
            rank[self._doc_values.in_language(lang)] = place
        best: dict[int, int] = {}
        for place, group in zip(order.tolist(), groups.tolist(), strict=True):
            if group not in best or rank[documents[place]] < rank[documents[best[group]]]:
                best[group] = place
        return np.array(list(best.values()), dtype=np.int64)


def _best(values: Vector, count: int) -> Rows:
    """Where the ``count`` highest values above 0 are, in any order."""
    above = np.flatnonzero(values)
    if len(above) <= count:
        return above
    # Equal values at the edge: the earlier document, so that the same question always gives the same answer.
    edge = np.partition(values[above], len(above) - count)[len(above) - count]
    over, at_edge = above[values[above] > edge], above[values[above] == edge]
    return np.concatenate([over, at_edge[: count - len(over)]])


def _single(evidence: Evidence, arms: frozenset[str]) -> Vector:
    """One arm alone, for measuring."""
    if "passage" in arms and evidence.passage is not None:
        return evidence.passage
    if "question" in arms and evidence.question is not None:
        return evidence.question
    return evidence.coverage
