"""Sentences that state an amount or deny something, and how two of them conflict. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from indexer.checking.key_terms import key_terms
from search.analysis.normalize import fold
from search.analysis.sentences import sentence_bounds
from search.disagreement import COUNT, SLACK, amounts, denies

# A longer one is no sentence.
LONGEST = 400
# Words that a permission and a ban differ in, beside what denies.
_ALLOWS = re.compile(
    r"\b(?:can|may|allowed|accepted?|possible|free)\b|可能|できます|無料|いただけます"
)
_FORBIDS = re.compile(
    r"\b(?:prohibited|forbidden|refused?|unavailable|impossible|off limits|nobody|none|needn't|lost"
    r"|without)\b|禁止|不可|お断り|ご遠慮|不要|消滅|無効|休診|休業|休館|休園"
)
# A number with what it counts, where that is none of the known units: 100 downloads.
_COUNTED = re.compile(r"(?<![0-9.,-])([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9}) ([a-z]{3,20})\b")
_CENTS = re.compile(r"\b([0-9]{1,3}) cents?\b")
_TENTHS = re.compile(r"([0-9])割")
_AGES = re.compile(r"(?:\baged? |\bat least |満)?([0-9]{1,3})(?: years? old| or over|歳)")
# Words for numbers and times, as digits.
_WRITTEN = {
    "半年": "6か月", "正午": "12時", "noon": "12:00", "midnight": "24:00", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "twenty": "20", "half of": "50 %",
}  # fmt: skip
_WORD = re.compile("|".join(f"(?:(?<![a-z]){word}(?![a-z]))" for word in _WRITTEN))
# Days in what durations are written in; a month is 28 to 31 of them.
_IN_DAYS = {"hour": 1 / 24, "day": 1.0, "month": 30.4}
TIME, TIME_SLACK = "time", 1.09
# What is measured, from and to; and ranges by what they measure.
Amount = tuple[str, tuple[float, float]]
Ranges = Mapping[str, Set[tuple[float, float]]]


@dataclass(frozen=True)
class Statement:
    """A sentence of an article; ``row`` is its place among the units that have a vector."""

    text: str
    lang: str
    row: int
    title: str = ""
    told: Ranges = field(default_factory=dict)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that tell what it is about."""
        return key_terms(self.text, self.lang)

    @cached_property
    def is_denied(self) -> bool:
        """Whether it says that something is not so, or not allowed."""
        folded = fold(self.text)
        return denies(folded) or bool(_FORBIDS.search(folded))

    @cached_property
    def allows(self) -> bool:
        """Whether it says that something is possible."""
        return bool(_ALLOWS.search(fold(self.text)))


def statements(text: str, lang: str, row: int, title: str = "") -> Iterator[Statement]:
    """The sentences of a text that two articles could tell differently."""
    for start, end in pairwise(sentence_bounds(text)):
        sentence = text[start:end].strip()
        if not 4 <= len(sentence) <= LONGEST:
            continue
        made = Statement(sentence, lang, row, title, told_in(sentence))
        if made.told or made.is_denied or made.allows:
            yield made


@lru_cache(maxsize=65_536)
def told_in(sentence: str) -> Ranges:
    """The amounts of a sentence by what they measure; durations are in days, as "time"."""
    folded = _WORD.sub(lambda match: _WRITTEN[match[0]], fold(sentence))
    found: dict[str, set[tuple[float, float]]] = {}
    for unit, ranges in amounts(folded).items():
        factor = _IN_DAYS.get(unit, 1.0)
        scaled = {(low * factor, high * factor) for low, high in ranges}
        found.setdefault(TIME if unit in _IN_DAYS else unit, set()).update(scaled)
    for name, pattern, factor in (
        ("money", _CENTS, 0.01),
        ("%", _TENTHS, 10.0),
        ("age", _AGES, 1.0),
    ):
        for match in pattern.finditer(folded):
            found.setdefault(name, set()).add((float(match[1]) * factor,) * 2)
    for match in _COUNTED.finditer(folded):
        if not amounts(match[0]):
            found.setdefault(match[2].removesuffix("s"), set()).add(
                (float(match[1].replace(",", "")),) * 2
            )
    return found


def amounts_of(statement: Statement) -> frozenset[Amount]:
    """The amounts that a statement tells."""
    return frozenset((name, each) for name, ranges in statement.told.items() for each in ranges)


def conflict(one: Statement, other: Statement) -> str:
    """What two statements tell differently: "amount", "denial" or "" for nothing."""
    common = one.told.keys() & other.told.keys()
    units = common - {COUNT} or common
    if units:
        apart = (_apart(one.told[unit], other.told[unit], unit) for unit in units)
        return "amount" if any(apart) else ""
    return "denial" if one.is_denied != other.is_denied else ""


def may_conflict(ones: Sequence[Statement], others: Sequence[Statement]) -> Any:
    """Which statements can conflict at all, as booleans of shape (ones, others).

    Those that measure the same, or of which one denies and the other does not.
    """
    names = {unit: place for place, unit in enumerate({u for one in ones for u in one.told})}
    mine, theirs = _measured(ones, names), _measured(others, names)
    denied, denies_it = (np.array([one.is_denied for one in each]) for each in (ones, others))
    common = (mine @ theirs.T) > 0
    return common | (denied[:, np.newaxis] != denies_it[np.newaxis, :])


def _measured(statements_: Sequence[Statement], names: Mapping[str, int]) -> Any:
    """Which units each statement tells, as numbers of shape (statements, units)."""
    told = np.zeros((len(statements_), max(len(names), 1)), np.float32)
    for row, one in enumerate(statements_):
        for unit in one.told:
            if unit in names:
                told[row, names[unit]] = 1
    return told


def _apart(ones: Set[tuple[float, float]], others: Set[tuple[float, float]], unit: str) -> bool:
    """Whether each of two sets of ranges has one that the other lacks."""
    slack = TIME_SLACK if unit == TIME else SLACK.get(unit, 1.0)
    return _has_more(ones, others, slack) and _has_more(others, ones, slack)


def _has_more(
    ones: Set[tuple[float, float]], others: Set[tuple[float, float]], slack: float
) -> bool:
    return any(
        not any(low <= highest * slack and lowest <= high * slack for lowest, highest in others)
        for low, high in ones
    )
