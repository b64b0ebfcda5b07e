"""Fits the answerability model to labeled queries, and checks that a fit matches the model.

scipy and scikit-learn are imported only when fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import CalibrationError
from search.ranking.answerability import (
    AGAINST,
    FEATURES,
    NEUTRAL,
    VECTOR_FEATURES,
    AnswerFeatures,
    Calibration,
    shipped,
)

# Fewest answered, and fewest unanswered, queries needed to fit.
FEWEST = 20
# L2 penalty on the mean loss; small, because there are few features and many queries.
PENALTY = 0.003
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
    shares: Sequence[float] = (),
) -> Calibration:
    """Fit a calibration to queries labeled with whether the first hit answers them.

    ``keyword_sources`` are the same queries without semantic search. All sources have equal weight,
    or that of ``shares``; within a source, so do the answered and the unanswered queries. The sheet
    gets the counts, and figures from cross-validation over FOLDS folds. Raises CalibrationError if
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
    keyword = _fitted(*_arrays(keyword_sources, shares)) if enough(words) else shipped().keyword
    sheet |= {
        "both_arms": _measured(sources, shares),
        "keyword_alone": _measured(keyword_sources, shares) if enough(words) else "as shipped",
    }
    return Calibration(model, _fitted(*_arrays(sources, shares)), keyword, strict, weak, sheet)


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


def _arrays(sources: Sequence[Source], shares: Sequence[float]) -> tuple[Array, Array, Array]:
    """(features, answered, weight) of all samples."""
    samples = [sample for source in sources for sample in source]
    weights: list[float] = []
    shares = shares or [1.0] * len(sources)
    for source, share in zip(sources, shares, strict=True):
        of_all = len(samples) * share / sum(shares) / 2
        counts = {kind: sum(known is kind for _, known in source) for kind in (True, False)}
        weights += [of_all / counts[known] for _, known in source]
    return (
        np.array([answer_features.values() for answer_features, _ in samples]),
        np.array([known for _, known in samples]),
        np.array(weights),
    )


def _fitted(values: Array, known: Array, weights: Array) -> tuple[float, ...]:
    """Intercept and weights of a logistic regression, fitted on standardized features.

    Weights of evidence are at least 0, and those of evidence against an answer at most 0.
    """
    from scipy.optimize import minimize

    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    scaled = (values - mean) / spread
    answered = known.astype(np.float64)

    def loss(parameters: Array) -> tuple[float, Array]:
        """Mean weighted log loss with the penalty, and its gradient."""
        linear = parameters[0] + scaled @ parameters[1:]
        losses = np.logaddexp(0, linear) - answered * linear
        errors = weights * (1 / (1 + np.exp(-linear)) - answered) / len(answered)
        gradient = np.concatenate([[errors.sum()], scaled.T @ errors + PENALTY * parameters[1:]])
        penalty = PENALTY * float(parameters[1:] @ parameters[1:]) / 2
        return float((weights * losses).mean()) + penalty, gradient

    names = (*FEATURES, *VECTOR_FEATURES)[: values.shape[1]]
    bounds = [(None, None), *map(_bounds, names)]
    fitted = minimize(loss, np.zeros(1 + len(names)), jac=True, bounds=bounds, method="L-BFGS-B").x
    coefficients = fitted[1:] / spread
    intercept = float(fitted[0] - np.dot(coefficients, mean))
    return tuple(round(float(weight), 4) for weight in (intercept, *coefficients))


def _bounds(name: str) -> tuple[float | None, float | None]:
    if name in NEUTRAL:
        return None, None
    return (None, 0.0) if name in AGAINST else (0.0, None)


def _measured(sources: Sequence[Source], shares: Sequence[float]) -> dict[str, float]:
    """AUROC, false-answer@95 and calibration error, cross-validated by the article found.

    Queries with the same first hit are never in both parts of a fold: they are about one topic.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    values, known, weights = _arrays(sources, shares)
    topics = [
        f"{place} {features.article_id or row}"
        for place, source in enumerate(sources)
        for row, (features, _) in enumerate(source)
    ]
    linear = np.zeros(len(known))
    for train, held_out in GroupKFold(FOLDS, shuffle=True, random_state=0).split(
        values, known, topics
    ):
        intercept, *coefficients = _fitted(values[train], known[train], weights[train])
        linear[held_out] = intercept + values[held_out] @ np.array(coefficients)
    chances = 1 / (1 + np.exp(-linear))
    return {
        "auroc": round(float(roc_auc_score(known, chances)), 4),
        "false_answer@95": round(false_answers(chances.tolist(), known.tolist()), 4),
        "ece": round(calibration_error(chances, known, weights), 4),
    }


def calibration_error(chances: Array, known: Array, weights: Array) -> float:
    """Expected calibration error over ten equal bins (Guo et al. 2017), weighted, 0 to 1."""
    bins = np.minimum(9, (chances * 10).astype(np.int64))
    gaps = np.bincount(bins, weights * (chances - known), minlength=10)
    return float(np.abs(gaps).sum() / weights.sum())


def for_model(calibration: Calibration, fingerprint: str, path: str) -> Calibration:
    """Return the calibration; raises CalibrationError if it was fitted to another model."""
    if calibration.model != fingerprint:
        raise CalibrationError(
            f"{path} was fitted to another embedding model ({calibration.model}; "
            f"the current model is {fingerprint}). Fit it again (kb calibrate FILE.jsonl), "
            "or remove it to use the shipped calibration."
        )
    return calibration
