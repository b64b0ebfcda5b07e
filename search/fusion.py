"""One score out of three arms' evidence. Pure functions over arrays, one value a document.

An article is as near as its nearest question, beside its nearest passage and what part of the question its words cover.
Cosines are compared as they are, not stretched per query: stretching makes noise look like knowledge. An arm that knows
nothing stands back by itself: coverage is near 0, and question cosines below FLOOR count alike.
Figures behind each constant: docs/benchmarks.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

# Another question is the best sign there is, so its cosine counts twice the passage's.
QUESTION_WEIGHT = 2.0
# Below this cosine of the bundled model a nearest question is noise; the bend is softened over FLOOR_WIDTH.
FLOOR = 0.84
FLOOR_WIDTH = 0.02
COVERAGE_WEIGHT = 0.3
# Unrelated texts have about this cosine; it is where scores start from.
BACKGROUND = 0.75
# In another language than the asked one: found where nothing else is, not before an equal in their own.
OTHER_LANGUAGE = -0.05
BOOST_WEIGHT = 0.05


@dataclass(frozen=True)
class Scale:
    """Mean and spread of cosines between unrelated texts under some model, to read its cosines like the bundled one's."""

    mean: float
    spread: float

    def standard(self, cosines: Scores) -> Scores:
        """The cosines on the bundled model's scale."""
        moved: Scores = ((cosines - self.mean) * (BUNDLED_SCALE.spread / self.spread) + BUNDLED_SCALE.mean).astype(np.float32)
        return moved


BUNDLED_SCALE = Scale(mean=0.79, spread=0.024)


@dataclass(frozen=True)
class Evidence:
    """What the arms know of each candidate; arrays of one shape (candidates,), cosines in [-1, 1], coverage in [0, 1].

    ``passage`` and ``question`` are None where search by meaning is out.
    """

    coverage: Scores
    passage: Scores | None
    question: Scores | None


def coverage(scores: Scores, total_weight: float) -> Scores:
    """BM25 divided by the query's total idf: how much of the question a document covers, 0 to 1."""
    return scores / np.float32(max(total_weight, 1e-6))


def above_floor(question: Scores) -> Scores:
    """Question cosines with everything below FLOOR flattened (softplus), so that noise is not ranked."""
    bent: Scores = (FLOOR + FLOOR_WIDTH * np.logaddexp(0, (question - FLOOR) / FLOOR_WIDTH)).astype(np.float32)
    return bent


def fuse(evidence: Evidence) -> Scores:
    """One score a candidate, about 0 for an unrelated one."""
    score = COVERAGE_WEIGHT * evidence.coverage
    if evidence.passage is not None:
        score = score + evidence.passage - BACKGROUND
    if evidence.question is not None:
        score = score + QUESTION_WEIGHT * (above_floor(evidence.question) - FLOOR)
    return score.astype(np.float32)
