"""Fits the answerability model to labeled queries, and checks that a fit matches the model.

scikit-learn is imported only when fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import CalibrationError
from search.ranking.answerability import AnswerFeatures, Calibration, shipped

# Fewest answered, and fewest unanswered, queries needed to fit.
FEWEST = 20
# L2 penalty; small, because there are few features and many queries.
PENALTY = 0.01
FOLDS = 5
# Replaces the model's fingerprint when semantic search is off.
WITHOUT_MODEL = "off"

Sample = tuple[AnswerFeatures, bool]
Array = NDArray[Any]


Source = Sequence[Sample]


def fit(
    sources: Sequence[Source],
    keyword_sources: Sequence[Source],
    model: str,
    strict: float,
    weak: float,
    sheet: dict[str, Any],
) -> Calibration:
    """Fit a calibration to queries labeled with whether the first hit answers them.

    ``keyword_sources`` are the same queries without semantic search. All sources have equal weight;
    within a source, so do the answered and the unanswered queries. The sheet gets the counts, and
    AUROC and false-answer@95 from cross-validation over FOLDS folds. Raises CalibrationError if
    there are too few queries.
    """
    samples = [sample for source in sources for sample in source]
    answered = sum(known for _, known in samples)
    if not enough(samples):
        raise CalibrationError(
            f"At least {FEWEST} answered and {FEWEST} unanswered queries are needed; "
            f"there are {answered} and {len(samples) - answered}. Add more labeled queries."
        )
    sheet = sheet | {
        "answered": answered,
        "unanswered": len(samples) - answered,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    words = [sample for source in keyword_sources for sample in source]
    # If few unanswered queries have keyword hits, a fit is impossible: they get "none" anyway.
    keyword = _fitted(*_arrays(keyword_sources)) if enough(words) else shipped().keyword
    sheet |= {
        "both_arms": _measured(sources),
        "keyword_alone": _measured(keyword_sources) if enough(words) else "as shipped",
    }
    return Calibration(model, _fitted(*_arrays(sources)), keyword, strict, weak, sheet)


def enough(samples: Source) -> bool:
    """Whether there are at least FEWEST answered and FEWEST unanswered queries."""
    answered = sum(known for _, known in samples)
    return answered >= FEWEST and len(samples) - answered >= FEWEST


def false_answers(chances: Sequence[float], known: Sequence[bool], kept: float = 0.95) -> float:
    """The false-answer rate at a fixed recall, 0 to 1.

    This is the share of unanswerable queries at or above the threshold that keeps the share
    ``kept`` of the answerable ones.
    """
    scores, answerable = np.array(chances), np.array(known, dtype=np.bool_)
    threshold = np.percentile(scores[answerable], 100 * (1 - kept))
    return float((scores[~answerable] >= threshold).mean())


def _arrays(sources: Sequence[Source]) -> tuple[Array, Array, Array]:
    """(features, answered, weight) of all samples."""
    samples = [sample for source in sources for sample in source]
    weights: list[float] = []
    for source in sources:
        share = {kind: sum(known is kind for _, known in source) for kind in (True, False)}
        weights += [len(samples) / len(sources) / share[known] / 2 for _, known in source]
    return (
        np.array([answer_features.values() for answer_features, _ in samples]),
        np.array([known for _, known in samples]),
        np.array(weights),
    )


def _fitted(values: Array, known: Array, weights: Array) -> tuple[float, ...]:
    """Intercept and weights of a logistic regression, fitted on standardized features."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    model = LogisticRegression(C=1 / PENALTY, max_iter=1000)
    model.fit((values - mean) / spread, known, sample_weight=weights)
    coefficients = model.coef_[0] / spread
    intercept = float(model.intercept_[0] - np.dot(coefficients, mean))
    return tuple(round(float(weight), 4) for weight in (intercept, *coefficients))


def _measured(sources: Sequence[Source]) -> dict[str, float]:
    """Cross-validated AUROC and false-answer@95."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    values, known, weights = _arrays(sources)
    chances = np.zeros(len(known))
    for train, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(
        values, known
    ):
        intercept, *coefficients = _fitted(values[train], known[train], weights[train])
        chances[held_out] = intercept + values[held_out] @ np.array(coefficients)
    return {
        "auroc": round(float(roc_auc_score(known, chances)), 4),
        "false_answer@95": round(false_answers(chances.tolist(), known.tolist()), 4),
    }


def for_model(calibration: Calibration, fingerprint: str, path: str) -> Calibration:
    """Return the calibration; raises CalibrationError if it was fitted to another model."""
    if calibration.model != fingerprint:
        raise CalibrationError(
            f"{path} was fitted to another embedding model ({calibration.model}; "
            f"the current model is {fingerprint}). Fit it again (kb calibrate FILE.jsonl), "
            "or remove it to use the shipped calibration."
        )
    return calibration
