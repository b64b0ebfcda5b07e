"""Score fusion of the three arms. Pure functions over arrays, one value per document.

The score combines the nearest questions, the nearest passage and the keyword coverage of the query.
Scores are not normalized per query, because that amplifies noise. An arm without evidence adds
little: coverage is near 0, question cosines below FLOOR are equal, and the question arm gets less
weight if no question is near. docs/relevance.md has the figures behind each constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

PASSAGE_WEIGHT = 1.14
QUESTION_WEIGHT = 0.72
COVERAGE_WEIGHT = 0.275
# Cosines of centered question vectors (search/vectors/centering.py) below FLOOR are noise;
# FLOOR_WIDTH is the width of the softplus transition.
FLOOR = 0.24
FLOOR_WIDTH = 0.008
# Weight of the mean of the top NEAREST cosines in a question score; the top one has the rest.
TOP3_SHARE = 0.55
NEAREST = 3
# Logistic gate of the question arm over the best question score of all candidates.
GATE_MIDPOINT = 0.22
GATE_WIDTH = 0.23
# Reranking (reranker.py): the bonus for questions similar to those of the top documents, its gate,
# and the cosine below which questions count as unrelated.
CLUSTER_WEIGHT = 0.08
TOP_CLUSTER_DOCS, TOP_CLUSTER_WIDTH = 3, 0.025
CLUSTER_GATE_MIDPOINT, CLUSTER_GATE_WIDTH = 0.29, 0.07
CLUSTER_MIN_COSINE = 0.5
# The bonus for query words in one sentence: 0 if the question gate is above 1 - PROXIMITY_OFFSET.
PROXIMITY_WEIGHT = 0.4
PROXIMITY_OFFSET = 0.2
# Typical cosine of unrelated texts, subtracted from passage cosines.
BACKGROUND = 0.75
# Penalty for other languages: they rank below equal hits in a preferred language.
OTHER_LANGUAGE = -0.05
BOOST_WEIGHT = 0.05


@dataclass(frozen=True)
class Evidence:
    """The evidence of each arm for the candidates, arrays of shape (candidates,).

    Cosines are in [-1, 1], coverage in [0, 1]. ``passage`` and ``question`` are None without
    semantic search.
    """

    coverage: Scores
    passage: Scores | None
    question: Scores | None


def blend_top3(best: Scores) -> Scores:
    """Question score per article from its best cosines.

    ``best`` has shape (documents, NEAREST), highest first; the result has shape (documents,).
    """
    blended: Scores = ((1 - TOP3_SHARE) * best[:, 0] + TOP3_SHARE * best.mean(axis=1)).astype(
        np.float32
    )
    return blended


def soft_threshold(question: Scores) -> Scores:
    """Excess of question cosines over FLOOR (softplus, 0 or more), so that noise is not ranked."""
    excess: Scores = (FLOOR_WIDTH * np.logaddexp(0, (question - FLOOR) / FLOOR_WIDTH)).astype(
        np.float32
    )
    return excess


def question_arm_gate(question: Scores) -> float:
    """Weight of the question arm for this query, 0 to 1, from the best question score."""
    return _rising(question, GATE_MIDPOINT, GATE_WIDTH)


def cluster_gate(question: Scores) -> float:
    """Bonus for full similarity to the top documents, from the best question score."""
    return CLUSTER_WEIGHT * _rising(question, CLUSTER_GATE_MIDPOINT, CLUSTER_GATE_WIDTH)


def softmax_weights(scores: Scores) -> Scores:
    """Weights of the top documents by score (softmax); they sum to 1."""
    shares = np.exp((scores - scores.max(initial=-np.inf)) / TOP_CLUSTER_WIDTH)
    weights: Scores = (shares / shares.sum()).astype(np.float32)
    return weights


def cluster_similarity(cosines: Scores) -> Scores:
    """Similarity of two articles, 0 to 1, from the cosine of their nearest questions."""
    similarity: Scores = (
        np.maximum(cosines - CLUSTER_MIN_COSINE, 0) / (1 - CLUSTER_MIN_COSINE)
    ).astype(np.float32)
    return similarity


def proximity_gate(question: Scores) -> float:
    """Bonus if one sentence has all words of the query; 0 if a question is near."""
    return PROXIMITY_WEIGHT * max(0.0, 1 - question_arm_gate(question) - PROXIMITY_OFFSET)


def _rising(question: Scores, middle: float, width: float) -> float:
    """Logistic function of the best question score, 0 to 1."""
    nearest = float(question.max(initial=-1.0))
    return float(1 / (1 + np.exp(-(nearest - middle) / width)))


def fuse(evidence: Evidence) -> Scores:
    """Fused score of each candidate, shape (candidates,); about 0 for an unrelated one."""
    score = COVERAGE_WEIGHT * evidence.coverage
    if evidence.passage is not None:
        score = score + PASSAGE_WEIGHT * (evidence.passage - BACKGROUND)
    if evidence.question is not None:
        score = score + QUESTION_WEIGHT * question_arm_gate(evidence.question) * soft_threshold(
            evidence.question
        )
    return score.astype(np.float32)
