"""Do we have an answer at all? A probability over both arms' evidence for the first hit, and the verdict it gives.

Logistic regression over four signs: coverage of the question by the first hit, its passage cosine, its question cosine above
the floor, and how far it stands before the second. Fitted on CLINC150 and JGLUE's JSQuAD with answerable and unanswerable
questions weighted alike; docs/benchmarks.md has the figures.
"""

from __future__ import annotations

import math

from search.model import Verdict

STRICT = 0.6
WEAK = 0.2

# intercept, coverage, passage cosine, question cosine above the floor, lead before the second hit
_BOTH_ARMS = (-68.0, 8.8, 38.62, 38.26, 6.05)
# intercept, coverage, lead in coverage
_KEYWORD_ONLY = (-3.54, 12.6, 3.5)


def probability(coverage: float, passage: float, question: float, lead: float) -> float:
    """How likely (0 to 1) the first hit answers, from both arms."""
    intercept, *weights = _BOTH_ARMS
    signs = (coverage, passage, question, lead)
    return logistic(intercept + sum(weight * sign for weight, sign in zip(weights, signs, strict=True)))


def probability_by_keyword(coverage: float, lead: float) -> float:
    """The same where search by meaning is out."""
    intercept, by_coverage, by_lead = _KEYWORD_ONLY
    return logistic(intercept + by_coverage * coverage + by_lead * lead)


def verdict(chance: float) -> Verdict:
    """strict: we have it; weak: perhaps; none: we do not."""
    if chance >= STRICT:
        return "strict"
    return "weak" if chance >= WEAK else "none"


def logistic(value: float) -> float:
    """1 / (1 + e^-value), safe for large values."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
