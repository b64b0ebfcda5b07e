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

from search.errors import CalibrationError
from search.model import Verdict

BUNDLED = "bundled"
_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "calibration.json"
# Changes with what the signs mean: a file fitted to others is refused.
SIGNS_VERSION = 1


@dataclass(frozen=True)
class Signs:
    """What is known of a query's first hit.

    ``coverage``: how much of the question its words cover (0 to 1); ``passage``, ``question``: cosine of its nearest passage, and how
    far its nearest questions are above the floor, None where search by meaning is out; ``lead``: how far it stands before the second
    (of fused scores, or of coverages); ``weight``: how much the question says, the logarithm of 1 + its number of
    telling words; ``named``: the part of its words that stand in one title or question of the article (0 to 1).
    """

    coverage: float
    passage: float | None
    question: float | None
    lead: float
    weight: float
    named: float

    @property
    def of_both_arms(self) -> bool:
        """Whether search by meaning had its say."""
        return self.passage is not None and self.question is not None

    def values(self) -> tuple[float, ...]:
        """The signs as the regression takes them, with the product of coverage and weight.

        To cover all of two common words says less than to cover half of ten telling ones.
        """
        said = self.coverage * self.weight
        if self.passage is None or self.question is None:
            return (self.coverage, self.lead, self.weight, said, self.named)
        return (self.coverage, self.passage, self.question, self.lead, self.weight, said, self.named)


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

    def probability(self, signs: Signs) -> float:
        """How likely (0 to 1) the first hit answers."""
        intercept, *weights = self.both if signs.of_both_arms else self.keyword
        return logistic(intercept + sum(weight * sign for weight, sign in zip(weights, signs.values(), strict=True)))

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
    mend = f"Fit it again (kb calibrate), or remove {path} to use the one that is shipped."
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["signs"] != SIGNS_VERSION:
            raise CalibrationError(f"{path} was fitted by another version of the search. {mend}")
        both, keyword = _numbers(stored["both"], 8), _numbers(stored["keyword"], 6)
        strict, weak = _numbers([stored["strict"], stored["weak"]], 2)
        model, sheet = str(stored["model"]), dict(stored.get("sheet", {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(f"{path} cannot be read as a calibration ({error}). {mend}") from error
    if not 0 <= weak <= strict <= 1:
        raise CalibrationError(f"{path}: weak ({weak}) must not be above strict ({strict}), both between 0 and 1. {mend}")
    return Calibration(model, both, keyword, strict, weak, sheet)


def write(path: Path, calibration: Calibration) -> None:
    """Store a calibration with its data sheet."""
    stored = {"signs": SIGNS_VERSION, **vars(calibration)}
    path.write_text(json.dumps(stored, ensure_ascii=False, indent=1, default=list) + "\n", encoding="utf-8")


def logistic(value: float) -> float:
    """1 / (1 + e^-value), safe for large values."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{count} finite numbers are needed, not {list(values)}")
    return numbers
