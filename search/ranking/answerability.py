"""Do we have an answer at all? A probability over both arms' evidence for the first hit, and the verdict it gives.

Logistic regression over a few signs. The one that is shipped, with its data sheet, is data/calibration.json; an operator may fit
another to queries known to be answered or not (search/calibration.py). docs/relevance.md has the figures.
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
# Changes with what the signs mean: a file fitted to others is refused.
FEATURES_VERSION = 1


@dataclass(frozen=True)
class AnswerFeatures:
    """What is known of the first hit of a query.

    ``coverage``: how much of the query its words cover (0 to 1). ``passage``, ``question``: the cosine of its nearest passage, and how
    far its nearest questions are above the floor; None where search by meaning is out. ``lead``: how far it is ahead of the second hit
    (of fused scores, or of coverages). ``information``: the logarithm of 1 + the sum of idf of the words, in words as rare as can be.
    ``title_coverage``: the part of the words that stand in one title or question of the article (0 to 1).
    """

    coverage: float
    passage: float | None
    question: float | None
    lead: float
    information: float
    title_coverage: float

    @property
    def has_vectors(self) -> bool:
        """Whether search by meaning had its say."""
        return self.passage is not None and self.question is not None

    def values(self) -> tuple[float, ...]:
        """The signs as the regression takes them, with the product of coverage and weight.

        To cover all of two common words says less than to cover half of ten telling ones.
        """
        said = self.coverage * self.information
        if self.passage is None or self.question is None:
            return (self.coverage, self.lead, self.information, said, self.title_coverage)
        return (
            self.coverage,
            self.passage,
            self.question,
            self.lead,
            self.information,
            said,
            self.title_coverage,
        )


@dataclass(frozen=True)
class Calibration:
    """Intercept and weights for both arms and for the keyword arm alone, and from which probability on a verdict is given.

    ``model`` is the fingerprint of the model whose cosines they were fitted to, BUNDLED for the bundled one and any that is read on
    its scale. ``sheet`` says what they were fitted to, and how well they did.
    """

    model: str
    both: tuple[float, ...]
    keyword: tuple[float, ...]
    strict: float
    weak: float
    sheet: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, answer_features: AnswerFeatures) -> float:
        """How likely (0 to 1) the first hit answers."""
        intercept, *weights = self.both if answer_features.has_vectors else self.keyword
        return logistic(
            intercept
            + sum(
                weight * sign
                for weight, sign in zip(weights, answer_features.values(), strict=True)
            )
        )

    def verdict(self, chance: float) -> Verdict:
        """strict: we have it; weak: perhaps; none: we do not."""
        if chance >= self.strict:
            return "strict"
        return "weak" if chance >= self.weak else "none"


@lru_cache(maxsize=1)
def shipped() -> Calibration:
    """The calibration that comes with the package."""
    return read(_SHIPPED)


def read(path: Path) -> Calibration:
    """A calibration from its file. Raises CalibrationError where the file cannot be used, saying why and what to do."""
    hint = f"Fit it again (kb calibrate), or remove {path} to use the one that is shipped."
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
            f"{path}: weak ({weak}) must not be above strict ({strict}), both between 0 and 1. {hint}"
        )
    return Calibration(model, both, keyword, strict, weak, sheet)


def write(path: Path, calibration: Calibration) -> None:
    """Store a calibration with its data sheet."""
    stored = {"signs": FEATURES_VERSION, **vars(calibration)}
    path.write_text(
        json.dumps(stored, ensure_ascii=False, indent=1, default=list) + "\n", encoding="utf-8"
    )


def answer_features(corpus: Corpus, prepared: PreparedQuery, ranking: Ranking) -> AnswerFeatures:
    """The features of the first hit; there must be one."""
    first, rest = ranking.order[0], ranking.order[1:]
    evidence = ranking.evidence
    coverage = float(evidence.coverage[first])
    langs = sorted(corpus.lexical) if prepared.lang not in corpus.lexical else [prepared.lang]
    information = max(
        (query_information(corpus.lexical[lang], prepared.expanded[lang].terms) for lang in langs),
        default=0.0,
    )
    own = (
        math.log1p(information),
        _best_title_coverage(corpus, prepared, int(ranking.documents[first])),
    )
    if evidence.passage is None or evidence.question is None:
        lead = coverage - float(np.max(evidence.coverage[rest], initial=0.0))
        return AnswerFeatures(coverage, None, None, max(0.0, lead), *own)
    lead = float(ranking.scores[first]) - float(np.max(ranking.scores[rest], initial=0.0))
    question = float(fusion.soft_threshold(evidence.question[[first]])[0])
    return AnswerFeatures(coverage, float(evidence.passage[first]), question, max(0.0, lead), *own)


def _best_title_coverage(corpus: Corpus, prepared: PreparedQuery, row: int) -> float:
    """How much of the query one title or question of a document names, 0 to 1."""
    lang = corpus.documents[row].lang
    terms = prepared.expanded[lang].terms
    return max(
        (title_coverage(corpus.lexical[lang], terms, set(forms)) for forms in corpus.named(row)),
        default=0.0,
    )


def logistic(value: float) -> float:
    """1 / (1 + e^-value), safe for large values."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{count} finite numbers are needed, not {list(values)}")
    return numbers
