"""Query syntax: "a phrase", -word, section: tag: type: lang:. Anything else is plain text.

There are no syntax errors: an unmatched quote, a dash or a colon in a sentence is plain text.
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


# More words, or more spaceless characters, than this outside the quotes make a sentence.
FEW_WORDS, FEW_CHARS = 4, 10


@dataclass(frozen=True)
class Parsed:
    """A parsed query. ``plain`` is the text to score, including phrases."""

    plain: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)


# Cached: a query is parsed both before and after it is embedded.
@lru_cache(maxsize=64)
def parse(text: str, filters: Filters | None = None) -> Parsed:
    """Parse a query; text after the first MAX_CHARS characters is ignored.

    Explicit ``filters`` override filters in the text.
    """
    rest = clean(text[:MAX_CHARS])
    fields = {
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
    base = filters or Filters()
    added = {name: value for name, value in fields.items() if not getattr(base, name)}
    return Parsed(" ".join(rest.split()), phrases, tuple(excluded), replace(base, **added))


def _is_sentence(outside: str) -> bool:
    """Return whether the text outside the quotes is a sentence.

    In a sentence quotes only emphasise a word, so they are not a required phrase.
    """
    spaceless = sum(char > "\u2e80" for char in outside)
    return len(outside.split()) > FEW_WORDS or spaceless > FEW_CHARS


def has_phrase(text: str) -> bool:
    """Whether a query asks for exact words."""
    return bool(parse(text).phrases)


def without_quotes(text: str) -> str:
    """The query without quotation marks: its words need not stand together."""
    return re.sub('["\u201c\u201d]', " ", text)
