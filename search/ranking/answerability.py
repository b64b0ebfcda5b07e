"""Answerability: the probability that the first hit answers the query, and the verdict.

A logistic regression over features of both arms' evidence for the first hit. The shipped model and
its data sheet are in data/calibration.json; operators can fit their own to labeled queries
(search/ranking/calibration.py). See docs/relevance.md for the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import CalibrationError
from search.index.corpus import Corpus
from search.model import Verdict
from search.query.prepared_query import PreparedQuery
from search.ranking import fusion
from search.ranking.features import query_information, title_coverage
from search.ranking.ranker import Ranking

BUNDLED = "bundled"
_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "calibration.json"
# Changes when a feature changes; files fitted to another version are rejected.
FEATURES_VERSION = 1


@dataclass(frozen=True)
class AnswerFeatures:
    """Features of the first hit of a query.

    ``coverage``: share of the query, weighted by idf, that its words cover (0 to 1).
    ``passage``: cosine of its nearest passage; None without semantic search.
    ``question``: how far its question score is above the floor; None without semantic search.
    ``lead``: margin over the second hit, of fused scores or of coverages (0 or more).
    ``information``: ln(1 + s), where s is the sum of the query words' idf divided by the idf of a
    word that occurs in no document.
    ``title_coverage``: share of the query, weighted by idf, in one title or question of the
    article (0 to 1).
    """

    coverage: float
    passage: float | None
    question: float | None
    lead: float
    information: float
    title_coverage: float

    @property
    def has_vectors(self) -> bool:
        """Whether the vector arms contributed."""
        return self.passage is not None and self.question is not None

    def values(self) -> tuple[float, ...]:
        """The feature vector of the regression, with the product of coverage and information.

        Covering all of two common words is weaker evidence than covering half of ten rare ones.
        """
        covered_information = self.coverage * self.information
        if self.passage is None or self.question is None:
            return (
                self.coverage,
                self.lead,
                self.information,
                covered_information,
                self.title_coverage,
            )
        return (
            self.coverage,
            self.passage,
            self.question,
            self.lead,
            self.information,
            covered_information,
            self.title_coverage,
        )


@dataclass(frozen=True)
class Calibration:
    """Intercept and weights of the regression, and the thresholds of the verdicts.

    ``both`` is for both arms, ``keyword`` for the keyword arm alone. ``strict`` and ``weak`` are
    the lowest probabilities (0 to 1) of these verdicts. ``model`` is the fingerprint of the
    embedding model that the weights were fitted to; it is BUNDLED for the bundled model and any
    model rescaled to it. ``sheet`` describes the training data and the measured quality.
    """

    model: str
    both: tuple[float, ...]
    keyword: tuple[float, ...]
    strict: float
    weak: float
    sheet: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, answer_features: AnswerFeatures) -> float:
        """Probability (0 to 1) that the first hit answers the query."""
        intercept, *weights = self.both if answer_features.has_vectors else self.keyword
        return logistic(
            intercept
            + sum(
                weight * value
                for weight, value in zip(weights, answer_features.values(), strict=True)
            )
        )

    def verdict(self, chance: float) -> Verdict:
        """Verdict for a probability: "strict" (answered), "weak" (perhaps) or "none"."""
        if chance >= self.strict:
            return "strict"
        return "weak" if chance >= self.weak else "none"


@lru_cache(maxsize=1)
def shipped() -> Calibration:
    """The calibration that ships with the package. Cached."""
    return read(_SHIPPED)


def read(path: Path) -> Calibration:
    """Read a calibration file.

    Raises CalibrationError, with the reason and what to do, if the file cannot be used.
    """
    hint = f"Fit it again (kb calibrate), or remove {path} to use the shipped calibration."
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["signs"] != FEATURES_VERSION:
            raise CalibrationError(f"{path} was fitted by another version of the search. {hint}")
        both, keyword = _numbers(stored["both"], 8), _numbers(stored["keyword"], 6)
        strict, weak = _numbers([stored["strict"], stored["weak"]], 2)
        model, sheet = str(stored["model"]), dict(stored.get("sheet", {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            f"{path} cannot be read as a calibration ({error}). {hint}"
        ) from error
    if not 0 <= weak <= strict <= 1:
        raise CalibrationError(
            f"{path}: weak ({weak}) must not be above strict ({strict}), "
            f"and both must be between 0 and 1. {hint}"
        )
    return Calibration(model, both, keyword, strict, weak, sheet)


def write(path: Path, calibration: Calibration) -> None:
    """Write a calibration and its data sheet to a file."""
    stored = {"signs": FEATURES_VERSION, **vars(calibration)}
    path.write_text(
        json.dumps(stored, ensure_ascii=False, indent=1, default=list) + "\n", encoding="utf-8"
    )


def answer_features(corpus: Corpus, prepared: PreparedQuery, ranking: Ranking) -> AnswerFeatures:
    """Compute the features of the first hit; the ranking must not be empty."""
    first, rest = ranking.order[0], ranking.order[1:]
    evidence = ranking.evidence
    coverage = float(evidence.coverage[first])
    langs = sorted(corpus.lexical) if prepared.lang not in corpus.lexical else [prepared.lang]
    information = max(
        (query_information(corpus.lexical[lang], prepared.expanded[lang].terms) for lang in langs),
        default=0.0,
    )
    query_features = (
        math.log1p(information),
        _best_title_coverage(corpus, prepared, int(ranking.documents[first])),
    )
    if evidence.passage is None or evidence.question is None:
        lead = coverage - float(np.max(evidence.coverage[rest], initial=0.0))
        return AnswerFeatures(coverage, None, None, max(0.0, lead), *query_features)
    lead = float(ranking.scores[first]) - float(np.max(ranking.scores[rest], initial=0.0))
    question = float(fusion.soft_threshold(evidence.question[[first]])[0])
    return AnswerFeatures(
        coverage, float(evidence.passage[first]), question, max(0.0, lead), *query_features
    )


def _best_title_coverage(corpus: Corpus, prepared: PreparedQuery, row: int) -> float:
    """The best coverage of the query by one title or question of a document, 0 to 1."""
    lang = corpus.documents[row].lang
    terms = prepared.expanded[lang].terms
    return max(
        (title_coverage(corpus.lexical[lang], terms, set(forms)) for forms in corpus.named(row)),
        default=0.0,
    )


def logistic(value: float) -> float:
    """Logistic function 1 / (1 + e^-value), without overflow for large values."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{count} finite numbers are needed, not {list(values)}")
    return numbers
