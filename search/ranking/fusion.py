"""One score out of three arms' evidence. Pure functions over arrays, one value a document.

An article is as near as its nearest questions, beside its nearest passage and what part of the question its words cover. Scores are
compared as they are, not stretched per query: stretching makes noise look like knowledge. An arm that knows nothing stands back:
coverage is near 0, question cosines below FLOOR count alike, and where no question at all is near the whole arm counts less.
docs/relevance.md has the figures behind each constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

PASSAGE_WEIGHT = 1.14
QUESTION_WEIGHT = 0.72
COVERAGE_WEIGHT = 0.275
# Question cosines are between centred vectors (see centring.py): unrelated ones are about 0. Below FLOOR they are noise; the bend is
# softened over FLOOR_WIDTH.
FLOOR = 0.24
FLOOR_WIDTH = 0.008
# An article's question score is its best one's, this much of it replaced by the mean of its best three.
TOP3_SHARE = 0.55
NEAREST = 3
# The question arm counts fully where the nearest question of all is much nearer than STANDING, less where it is not.
GATE_MIDPOINT = 0.22
GATE_WIDTH = 0.23
# A second look (second_look.py). What a question of the same meaning as one of the LEADERS' questions adds, where the nearest question of
# all is nearer than KIN_STANDING; the leaders count by their scores, and questions less alike than UNLIKE not at all.
CLUSTER_WEIGHT = 0.08
TOP_CLUSTER_DOCS, TOP_CLUSTER_WIDTH = 3, 0.025
CLUSTER_GATE_MIDPOINT, CLUSTER_GATE_WIDTH = 0.29, 0.07
CLUSTER_MIN_COSINE = 0.5
# What the asked words in one sentence add, the more the less the question arm counts; where it counts for more than 1 - READ_FROM nothing.
PROXIMITY_WEIGHT = 0.4
PROXIMITY_OFFSET = 0.2
# Unrelated texts have about this cosine; it is where passage scores start from.
BACKGROUND = 0.75
# In another language than the asked one: found where nothing else is, not before an equal in their own.
OTHER_LANGUAGE = -0.05
BOOST_WEIGHT = 0.05


@dataclass(frozen=True)
class Evidence:
    """What the arms know of each candidate; arrays of one shape (candidates,), cosines in [-1, 1], coverage in [0, 1].

    ``passage`` and ``question`` are None where search by meaning is out.
    """

    coverage: Scores
    passage: Scores | None
    question: Scores | None


def blend_top3(best: Scores) -> Scores:
    """An article's question score out of its NEAREST best cosines, shape (documents, NEAREST), the highest first."""
    mixed: Scores = ((1 - TOP3_SHARE) * best[:, 0] + TOP3_SHARE * best.mean(axis=1)).astype(
        np.float32
    )
    return mixed


def soft_threshold(question: Scores) -> Scores:
    """How far question cosines are above FLOOR (softplus), so that noise is not ranked; 0 or more."""
    bent: Scores = (FLOOR_WIDTH * np.logaddexp(0, (question - FLOOR) / FLOOR_WIDTH)).astype(
        np.float32
    )
    return bent


def question_arm_gate(question: Scores) -> float:
    """How much the question arm counts for this query, 0 to 1, by the nearest question of all."""
    return _rising(question, GATE_MIDPOINT, GATE_WIDTH)


def cluster_gate(question: Scores) -> float:
    """What the full likeness of an article to the first ones adds for this query, by the nearest question of all."""
    return CLUSTER_WEIGHT * _rising(question, CLUSTER_GATE_MIDPOINT, CLUSTER_GATE_WIDTH)


def softmax_weights(scores: Scores) -> Scores:
    """How much each of the first articles counts among them, by their scores; together 1 (softmax)."""
    shares = np.exp((scores - scores.max(initial=-np.inf)) / TOP_CLUSTER_WIDTH)
    counted: Scores = (shares / shares.sum()).astype(np.float32)
    return counted


def cluster_similarity(cosines: Scores) -> Scores:
    """How much the nearest questions of two articles make them one matter, 0 to 1."""
    alike: Scores = (np.maximum(cosines - CLUSTER_MIN_COSINE, 0) / (1 - CLUSTER_MIN_COSINE)).astype(
        np.float32
    )
    return alike


def proximity_gate(question: Scores) -> float:
    """What it adds that all of the question stands in one sentence, 0 where a question is near."""
    return PROXIMITY_WEIGHT * max(0.0, 1 - question_arm_gate(question) - PROXIMITY_OFFSET)


def _rising(question: Scores, middle: float, width: float) -> float:
    """From 0 to 1 the nearer the nearest question of all is (logistic)."""
    nearest = float(question.max(initial=-1.0))
    return float(1 / (1 + np.exp(-(nearest - middle) / width)))


def fuse(evidence: Evidence) -> Scores:
    """One score a candidate, about 0 for an unrelated one."""
    score = COVERAGE_WEIGHT * evidence.coverage
    if evidence.passage is not None:
        score = score + PASSAGE_WEIGHT * (evidence.passage - BACKGROUND)
    if evidence.question is not None:
        score = score + QUESTION_WEIGHT * question_arm_gate(evidence.question) * soft_threshold(
            evidence.question
        )
    return score.astype(np.float32)
