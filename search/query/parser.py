"""What in a query is meant as syntax: "a phrase", -word, section: tag: type: lang:. Anything else is a plain question.

There is no such thing as a syntax error: a lone quote, a dash in a sentence or a colon in a question are just text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from search.analysis.normalize import clean
from search.model import FILTER_NAMES, Filters

MAX_CHARS = 1_000
_PHRASE = re.compile(r'(?<!\S)(-?)["\u201c\u201d]([^"\u201c\u201d]+)["\u201c\u201d](?!\w)')
_FIELD = re.compile(rf"(?<!\S)({'|'.join(FILTER_NAMES)}):(\S+)", re.IGNORECASE)
_EXCLUDED = re.compile(r"(?<!\S)-([^\W\d_][^\s]*)")


# More than this beside a quoted phrase makes a sentence.
FEW_WORDS, FEW_CHARS = 4, 10


@dataclass(frozen=True)
class Parsed:
    """A query taken apart. ``plain`` is what is scored, phrases included."""

    plain: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)


# Remembered: it is needed before a question's meaning is known, and after.
@lru_cache(maxsize=64)
def parse(text: str, filters: Filters | None = None) -> Parsed:
    """Take a query apart; of a very long one only the first MAX_CHARS characters count."""
    rest = clean(text[:MAX_CHARS])
    found = {
        match.group(1).lower(): match.group(2)
        if match.group(1).lower() == "tag"
        else match.group(2).lower()
        for match in _FIELD.finditer(rest)
    }
    rest = _FIELD.sub(" ", rest)
    phrases = (
        tuple(match.group(2) for match in _PHRASE.finditer(rest) if not match.group(1))
        if not _is_sentence(_PHRASE.sub(" ", rest))
        else ()
    )
    excluded = [match.group(2) for match in _PHRASE.finditer(rest) if match.group(1)]
    rest = _PHRASE.sub(lambda match: " " if match.group(1) else f" {match.group(2)} ", rest)
    without = _EXCLUDED.sub(" ", rest)
    if without.strip():
        excluded += [match.group(1) for match in _EXCLUDED.finditer(rest)]
        rest = without
    given = filters or Filters()
    wanted = {name: value for name, value in found.items() if not getattr(given, name)}
    return Parsed(" ".join(rest.split()), phrases, tuple(excluded), replace(given, **wanted))


def _is_sentence(outside: str) -> bool:
    """Whether what stands outside the quotes is a sentence: there quotes only set a word off, and demand nothing."""
    spaceless = sum(char > "\u2e80" for char in outside)
    return len(outside.split()) > FEW_WORDS or spaceless > FEW_CHARS
