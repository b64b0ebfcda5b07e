"""The score of a query and the mean of an article's questions."""

import numpy as np
import pytest

from search.ports import Vector
from search.ranking.coherence import MEAN_SHARE, Coherence
from search.ranking.rows_by_document import RowsByDocument


def unit(*values: float) -> Vector:
    vector = np.array(values, dtype=np.float32)
    made: Vector = vector / np.linalg.norm(vector)
    return made


def measured(*documents: list[Vector]) -> Coherence:
    owners = np.array([row for row, vectors in enumerate(documents) for _ in vectors])
    vectors = np.array([vector for each in documents for vector in each])
    return Coherence.of(vectors, RowsByDocument(owners, len(documents)), len(documents))


ALIKE = [unit(1, 0.1), unit(1, -0.1), unit(1, 0)]
APART = [unit(1, 0), unit(0, 1)]


def test_only_articles_with_like_questions_are_seen_as_one_matter() -> None:
    shares = measured(ALIKE, APART, [unit(1, 0)]).share
    assert shares[0] == pytest.approx(MEAN_SHARE) and shares[1] == 0 and shares[2] == 0


def test_the_score_of_a_single_question_is_its_cosine() -> None:
    coherence = measured([unit(1, 0)])
    for cosine in (-0.2, 0.0, 0.7):
        score = coherence.scale[0] * cosine + coherence.shift[0]
        assert score == pytest.approx(cosine, abs=1e-6)


def test_a_document_without_questions_keeps_its_score() -> None:
    coherence = measured(ALIKE, [])
    blended = coherence.blend(np.array([0, 1]), np.array([0.4, 0.3], np.float32), np.ones(2))
    assert blended[1] == pytest.approx(0.3) and blended[0] > 0.4
