"""Fits the verdict to queries known to be answered or not, and reads an operator's own fit. scikit-learn is imported when it fits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import CalibrationError
from search.ranking.answerability import AnswerFeatures, Calibration, shipped

# Fewer of either kind say nothing.
FEWEST = 20
# The weight of the penalty on large weights; small, since signs are few and queries many.
PENALTY = 0.01
FOLDS = 5
# In place of a model's fingerprint where search by meaning is off.
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
    """A calibration for queries of which it is known whether the first hit answered them.

    ``keyword_sources`` are the same queries with search by meaning out. Each source weighs alike, and in it the answered and the
    unanswered ones. The sheet gets the counts and, cross-validated over FOLDS folds, AUROC and false-answer@95. Raises
    CalibrationError where there are too few.
    """
    samples = [sample for source in sources for sample in source]
    answered = sum(known for _, known in samples)
    if not enough(samples):
        raise CalibrationError(
            f"At least {FEWEST} answered and {FEWEST} unanswered queries are needed; there are {answered} and {len(samples) - answered}."
        )
    sheet = sheet | {
        "answered": answered,
        "unanswered": len(samples) - answered,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    words = [sample for source in keyword_sources for sample in source]
    # Where words alone find nothing for most of the unanswered ones, there is nothing to be fitted: such queries get "none" anyway.
    keyword = _fitted(*_arrays(keyword_sources)) if enough(words) else shipped().keyword
    sheet |= {
        "both_arms": _measured(sources),
        "keyword_alone": _measured(keyword_sources) if enough(words) else "as shipped",
    }
    return Calibration(model, _fitted(*_arrays(sources)), keyword, strict, weak, sheet)


def enough(samples: Source) -> bool:
    """Whether there are FEWEST of either kind."""
    answered = sum(known for _, known in samples)
    return answered >= FEWEST and len(samples) - answered >= FEWEST


def false_answers(chances: Sequence[float], known: Sequence[bool], kept: float = 0.95) -> float:
    """The share of unanswerable queries still answered at the threshold that keeps ``kept`` of the answerable ones."""
    scores, answerable = np.array(chances), np.array(known, dtype=np.bool_)
    threshold = np.percentile(scores[answerable], 100 * (1 - kept))
    return float((scores[~answerable] >= threshold).mean())


def _arrays(sources: Sequence[Source]) -> tuple[Array, Array, Array]:
    """(signs, whether answered, weight) of all samples."""
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
    """Intercept and weights of a logistic regression over the signs, fitted on standardised ones."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    model = LogisticRegression(C=1 / PENALTY, max_iter=1000)
    model.fit((values - mean) / spread, known, sample_weight=weights)
    by_sign = model.coef_[0] / spread
    intercept = float(model.intercept_[0] - np.dot(by_sign, mean))
    return tuple(round(float(weight), 4) for weight in (intercept, *by_sign))


def _measured(sources: Sequence[Source]) -> dict[str, float]:
    """AUROC and false-answer@95 of queries that the weights were not fitted to."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    values, known, weights = _arrays(sources)
    chances = np.zeros(len(known))
    for fitted, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(
        values, known
    ):
        intercept, *by_sign = _fitted(values[fitted], known[fitted], weights[fitted])
        chances[held_out] = intercept + values[held_out] @ np.array(by_sign)
    return {
        "auroc": round(float(roc_auc_score(known, chances)), 4),
        "false_answer@95": round(false_answers(chances.tolist(), known.tolist()), 4),
    }


def for_model(calibration: Calibration, fingerprint: str, path: str) -> Calibration:
    """The calibration where it was fitted to this model; raises CalibrationError where it was fitted to another."""
    if calibration.model != fingerprint:
        raise CalibrationError(
            f"{path} was fitted to another embedding model ({calibration.model}; this one is {fingerprint}). "
            "Fit it again: kb calibrate FILE.jsonl, or remove it to use the one that is shipped."
        )
    return calibration
