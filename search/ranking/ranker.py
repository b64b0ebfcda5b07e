"""Collects candidates and each arm's evidence for them, and ranks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.index.corpus import Corpus
from search.model import ARMS
from search.ports import Comparison, Rows, Vector
from search.query.terms import QueryTerms
from search.ranking import fusion
from search.ranking.coherence import Coherence
from search.ranking.doc_values import DocValues, Mask
from search.ranking.features import query_coverage
from search.ranking.fusion import Evidence
from search.ranking.reranker import Reranker
from search.ranking.rows_by_document import RowsByDocument, segment_starts
from search.vectors.centering import ANY, centre_one
from search.vectors.cosine_scale import PASSAGE_SCALE, QUESTION_SCALE

# Documents or rows each arm may propose; MAP@100 needs more than one page of results.
CANDIDATES = 200
# Hits below this share of the top score are not listed as results.
RELEVANT_SHARE = 0.35
# Larger than any difference of two cosines, on any model's scale.
DOCUMENT_OFFSET = 1000.0


@dataclass(frozen=True)
class RankRequest:
    """The input of a ranking.

    ``tokens`` are the query terms by language, ``vector`` is the query embedding or None,
    ``allowed`` is a mask over documents, ``langs`` are the preferred languages and ``arms`` the
    arms to use.
    """

    tokens: Mapping[str, QueryTerms]
    vector: Vector | None
    allowed: Mask
    langs: Sequence[str]
    arms: frozenset[str] = frozenset(ARMS)


@dataclass(frozen=True)
class Ranking:
    """Candidates with their scores and each arm's evidence.

    ``order`` has indices of candidates, best first, one per group of translations. ``passages`` and
    ``questions`` are the comparisons of the query with all of them; None without semantic search.
    """

    documents: Rows
    scores: Vector
    evidence: Evidence
    order: Rows
    passages: Comparison | None = None
    questions: Comparison | None = None

    def relevant(self) -> Rows:
        """The part of ``order`` to list as results: scores close enough to the top score."""
        scores = self.scores[self.order]
        if not len(scores) or scores[0] <= 0:
            return self.order
        relevant: Rows = self.order[scores >= RELEVANT_SHARE * scores[0]]
        return relevant

    def led_by(self, place: int) -> Ranking:
        """The same ranking with a candidate of ``order`` first."""
        others = self.order[self.order != place]
        return replace(self, order=np.concatenate([[place], others]))

    def arms(self, places: Rows) -> list[dict[str, tuple[int, float]]]:
        """For each candidate index, map arms to (rank from 1 in ``order``, score).

        The keyword arm is left out if its score is 0.
        """
        scores_by_arm = {
            "keyword": self.evidence.coverage,
            "passage": self.evidence.passage,
            "question": self.evidence.question,
        }
        results: list[dict[str, tuple[int, float]]] = [{} for _ in places]
        for arm, scores in scores_by_arm.items():
            if scores is None:
                continue
            candidate_scores = scores[places]
            ranks = (
                np.count_nonzero(scores[self.order] > candidate_scores[:, np.newaxis], axis=1) + 1
            )
            for arms, rank, score in zip(
                results, ranks.tolist(), candidate_scores.tolist(), strict=True
            ):
                if arm != "keyword" or score > 0:
                    arms[arm] = (rank, round(score, 4))
        return results


class Ranker:
    """Ranks the documents of one corpus. Thread-safe."""

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
        semantic = corpus.semantic
        # Its constants are for the cosines of the bundled model.
        self._coherence = (
            Coherence.of(semantic.questions.vectors, self._questions, self._documents)
            if semantic is not None and self._questions is not None and not semantic.question_scale
            else None
        )
        self._second_look = (
            Reranker(corpus, self._passages, self._questions)
            if self._questions is not None
            else None
        )

    def passages_of(self, row: int) -> Rows:
        """The passage rows of a document."""
        return self._passages.rows_of(row)

    def questions_of(self, row: int) -> Rows:
        """The rows of a document's title and questions; none without semantic search."""
        return self._questions.rows_of(row) if self._questions else np.zeros(0, np.int64)

    def rank(self, question: RankRequest) -> Ranking:
        """Rank the candidates of all requested arms by fused score."""
        coverage = (
            self._coverage(question)
            if "keyword" in question.arms
            else np.zeros(self._documents, np.float32)
        )
        passages, questions = self._compared(question)
        candidates = self._nearest_documents(question.allowed, passages, questions)
        candidates[_best(coverage, CANDIDATES)] = True
        chosen = np.flatnonzero(candidates)
        passage = self.passage_scores(passages, chosen) if passages else None
        nearest = self._question_scores(questions, chosen) if questions else None
        evidence = Evidence(coverage[chosen], passage, nearest)
        scores = (
            self._together(question, chosen, evidence, passages)
            if len(question.arms) > 1
            else _single(evidence, question.arms)
        )
        order = self._order(question, chosen, scores)
        return Ranking(chosen, scores, evidence, order, passages, questions)

    def _together(
        self, question: RankRequest, chosen: Rows, evidence: Evidence, passages: Comparison | None
    ) -> Vector:
        """Fused scores with boosts and, with semantic search, the reranker's adjustments."""
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
        """Compare the query with all passages and, centered, with all questions.

        None for an arm that is not requested or not available.
        """
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
        """Cosine of each document's nearest passage, shape (documents,)."""
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
        """Question score of each document from its nearest questions, shape (documents,)."""
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
        # One sort for all documents: offsets keep them apart, nearest question first.
        apart = DOCUMENT_OFFSET * np.repeat(np.arange(len(documents)), sizes)
        ranked = (apart - np.sort(apart - cosines)).astype(np.float32)
        starts = segment_starts(sizes)
        for place in range(fusion.NEAREST):
            # An article with fewer questions repeats its last one.
            picked = starts + np.minimum(place, np.maximum(sizes - 1, 0))
            best[sizes > 0, place] = ranked[picked[sizes > 0]]
        nearest = fusion.blend_top3(best)
        if self._coherence is None:
            return nearest
        means = np.zeros(len(documents), dtype=np.float32)
        means[sizes > 0] = np.add.reduceat(cosines, starts[sizes > 0]) / sizes[sizes > 0]
        return self._coherence.blend(documents, nearest, means)

    def _coverage(self, question: RankRequest) -> Vector:
        coverage = np.zeros(self._documents, dtype=np.float32)
        for lang, terms in question.tokens.items():
            coverage[self._corpus.lexical[lang].documents] = query_coverage(
                self._corpus.lexical[lang], terms
            )
        coverage[~question.allowed] = 0
        return coverage

    def _nearest_documents(
        self, allowed: Mask, passages: Comparison | None, questions: Comparison | None
    ) -> Mask:
        """Mask of allowed documents that own one of the nearest passages or questions."""
        semantic = self._corpus.semantic
        near = np.zeros(self._documents, dtype=np.bool_)
        mask = None if allowed.all() else allowed
        for compared, owners, count in (
            (passages, self._corpus.passage_documents, CANDIDATES),
            (questions, semantic.question_documents if semantic else None, 2 * CANDIDATES),
        ):
            if compared is not None and owners is not None and len(owners):
                near[owners[compared.top_rows(count, None if mask is None else mask[owners])]] = (
                    True
                )
        return near

    def _order(self, question: RankRequest, documents: Rows, scores: Vector) -> Rows:
        """Candidate indices by score, one per article and its translations.

        The version in the most preferred language takes the position of the best one.
        """
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
    """Indices of the ``count`` highest nonzero values, in any order."""
    above = np.flatnonzero(values)
    if len(above) <= count:
        return above
    # Ties at the edge go to the earlier document, so that results are deterministic.
    edge = np.partition(values[above], len(above) - count)[len(above) - count]
    over, at_edge = above[values[above] > edge], above[values[above] == edge]
    return np.concatenate([over, at_edge[: count - len(over)]])


def _single(evidence: Evidence, arms: frozenset[str]) -> Vector:
    """Scores of a single arm, for evaluation."""
    if "passage" in arms and evidence.passage is not None:
        return evidence.passage
    if "question" in arms and evidence.question is not None:
        return evidence.question
    return evidence.coverage
