"""Answerability: the probability that the first hit answers the query, and the verdict.

A logistic regression over features of both arms' evidence for the first hit. The shipped model and
its data sheet are in data/calibration.json; operators can fit their own to labeled queries
(search/ranking/calibration.py). See docs/relevance.md for the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import CalibrationError
from search.index.corpus import Corpus
from search.model import Verdict
from search.query.prepared_query import PreparedQuery
from search.ranking import fusion
from search.ranking.features import known_share, query_information, title_coverage
from search.ranking.ranker import Ranking

BUNDLED = "bundled"
_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "calibration.json"
# Changes when a feature changes; files fitted to another version are rejected.
FEATURES_VERSION = 2
# Highest probability, and lowest gap of the focus, at which the topic alone counts as known.
TOPIC_ALONE, TOPIC_ALONE_GAP = 0.3, 0.02
# Share of the focus that the article may have and still not tell it.
TOPIC_ALONE_TOLD = 0.5
# The features of the regression in order; the last ones need vectors.
FEATURES = (
    "coverage",
    "lead",
    "information",
    "covered_information",
    "title_coverage",
    "known",
    "named",
    "focus_told",
)
VECTOR_FEATURES = ("passage", "question", "question_named", "focus_gap")
# Features that are no evidence either way, and those that are evidence against an answer. More of
# any other feature never lowers the probability.
NEUTRAL, AGAINST = frozenset({"information", "named"}), frozenset({"focus_gap"})


@dataclass(frozen=True)
class AnswerFeatures:
    """Features of the first hit of a query and of what is quoted from it.

    ``coverage``: share of the query, weighted by idf, that its words cover (0 to 1).
    ``lead``: margin over the second hit, of fused scores or of coverages (0 or more).
    ``information``: ln(1 + s), where s is the sum of the query words' idf divided by the idf of a
    word that occurs in no document.
    ``title_coverage``: share of the query, weighted by idf, in one title or question of the
    article (0 to 1).
    ``known``: share of the query, weighted by idf, whose words occur in any document (0 to 1).
    ``named``: whether some words of the query, but not all, are in the article's title: then the
    rest, its focus, is what is asked about the thing.
    ``focus_told``: share of the focus, weighted by idf, whose words the article or one of its
    questions has (0 to 1); 0 where ``named`` is false.
    ``passage``: cosine of its nearest passage; None without semantic search.
    ``question``: how far its question score is above the floor; None without semantic search.
    ``focus_gap``: how much nearer the whole query is to the quote than its focus, as a difference
    of cosines (0 or more); None without semantic search.
    ``article_id``: the first hit, by which samples are kept apart in cross-validation.
    """

    coverage: float
    lead: float
    information: float
    title_coverage: float
    known: float
    named: bool = False
    focus_told: float = 0.0
    passage: float | None = None
    question: float | None = None
    focus_gap: float | None = None
    article_id: str = ""

    @property
    def has_vectors(self) -> bool:
        """Whether the vector arms contributed."""
        return None not in (self.passage, self.question, self.focus_gap)

    def values(self) -> tuple[float, ...]:
        """The feature vector of the regression, in the order of FEATURES and VECTOR_FEATURES.

        Covering all of two common words is weaker evidence than covering half of ten rare ones,
        hence the product of coverage and information. A question near to one of the article's is
        weaker evidence where it names the article's topic: then it may be near for that alone.
        """
        words = (
            self.coverage,
            self.lead,
            self.information,
            self.coverage * self.information,
            self.title_coverage,
            self.known,
            float(self.named),
            self.focus_told if self.named else 0.0,
        )
        if self.passage is None or self.question is None or self.focus_gap is None:
            return words
        question = (0.0, self.question) if self.named else (self.question, 0.0)
        return (*words, self.passage, *question, self.focus_gap)


@dataclass(frozen=True)
class QuoteEvidence:
    """What the first hit and its quote say: see the features of these names."""

    named: bool
    focus_told: float
    focus_gap: float | None = None


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


def tells_topic_alone(features: AnswerFeatures, chance: float) -> bool:
    """Whether the article is about what the query names, and does not tell what it asks of it."""
    return (
        features.named
        and features.focus_gap is not None
        and features.focus_gap > TOPIC_ALONE_GAP
        and features.focus_told < TOPIC_ALONE_TOLD
        and chance < TOPIC_ALONE
    )


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
        both, keyword = (
            _numbers(stored["both"], 1 + len(FEATURES) + len(VECTOR_FEATURES)),
            _numbers(stored["keyword"], 1 + len(FEATURES)),
        )
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


def answer_features(
    corpus: Corpus, prepared: PreparedQuery, ranking: Ranking, quote: QuoteEvidence
) -> AnswerFeatures:
    """Compute the features of the first hit; the ranking must not be empty."""
    first, rest = ranking.order[0], ranking.order[1:]
    evidence = ranking.evidence
    coverage = float(evidence.coverage[first])
    langs = sorted(corpus.lexical) if prepared.lang not in corpus.lexical else [prepared.lang]
    asked = [(corpus.lexical[lang], prepared.expanded[lang].terms) for lang in langs]
    information = max((query_information(*each) for each in asked), default=0.0)
    with_vectors = evidence.passage is not None and evidence.question is not None
    margins = ranking.scores if with_vectors else evidence.coverage
    lead = float(margins[first]) - float(np.max(margins[rest], initial=0.0))
    features = AnswerFeatures(
        coverage,
        max(0.0, lead),
        math.log1p(information),
        _best_title_coverage(corpus, prepared, int(ranking.documents[first])),
        max((known_share(*each) for each in asked), default=0.0),
        quote.named,
        quote.focus_told,
        article_id=corpus.documents[int(ranking.documents[first])].id,
    )
    if evidence.passage is None or evidence.question is None:
        return features
    return replace(
        features,
        passage=float(evidence.passage[first]),
        question=float(fusion.soft_threshold(evidence.question[[first]])[0]),
        focus_gap=quote.focus_gap,
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
