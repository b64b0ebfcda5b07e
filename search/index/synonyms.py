"""Synonyms for phrases of a query.

Pure functions over the rules of articles/synonyms.yml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from search.analysis.analyzer import analyser
from search.analysis.normalize import fold_with_offsets
from search.analysis.scripts import is_spaceless
from search.analysis.spelling import sound_key
from search.analysis.tokens import Token
from search.model import Span


@dataclass(frozen=True)
class Rule:
    """A synonym rule: ``phrase`` in a query also matches any of ``alternatives`` in articles."""

    lang: str
    phrase: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """The span [start, end) of a query that a rule matches, and its synonyms."""

    start: int
    end: int
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Synonyms:
    """Synonym rules by language, longest phrases first."""

    rules: Mapping[str, Sequence[Rule]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Synonyms:
        """Group the rules by language and sort them for lookup."""
        langs = {rule.lang for rule in rules}
        return cls(
            {
                lang: sorted(
                    (rule for rule in rules if rule.lang == lang),
                    key=lambda rule: -len(rule.phrase),
                )
                for lang in langs
            }
        )

    def matches(self, lang: str, text: str) -> list[Match]:
        """Non-overlapping matches of the rules of a language in a query, in text order."""
        rules = self.rules.get(lang, ())
        if not rules:
            return []
        words = analyser(lang).words(text)
        sounds = sound_key(text)
        matches: list[Match] = []
        for rule in rules:
            spans = (
                _in_sounds(text, sounds, rule.phrase)
                if is_spaceless(rule.phrase)
                else _in_words(words, lang, rule.phrase)
            )
            for start, end in spans:
                if all(end <= other.start or other.end <= start for other in matches):
                    matches.append(Match(start, end, rule.alternatives))
        return sorted(matches, key=lambda match: match.start)


def phrase_key(lang: str, phrase: str) -> str:
    """Key shared by spellings of a phrase: its sounds in scripts without spaces, else stems."""
    return sound_key(phrase) if is_spaceless(phrase) else " ".join(_forms(lang, phrase))


@lru_cache(maxsize=4096)
def _forms(lang: str, phrase: str) -> tuple[str, ...]:
    """The stems of a rule's phrase. Cached: every query is compared with every rule."""
    return tuple(token.text for token in analyser(lang).words(phrase))


def _in_words(words: Sequence[Token], lang: str, phrase: str) -> Iterator[Span]:
    """Spans where the phrase's stems are adjacent."""
    stems = _forms(lang, phrase)
    for at in range(len(words) - len(stems) + 1) if stems else ():
        if tuple(token.text for token in words[at : at + len(stems)]) == stems:
            yield words[at].start, words[at + len(stems) - 1].end


def _in_sounds(text: str, sounds: str, phrase: str) -> Iterator[Span]:
    """Spans where the phrase occurs, in any kana spelling."""
    key = sound_key(phrase)
    if key not in sounds:
        return
    folded = fold_with_offsets(text)
    start = 0
    while start < len(folded.text):
        # Folding sounds may shorten a text, so longer spans are tried too, longest first.
        stops = range(min(len(folded.text), start + len(key) + 2), start, -1)
        end = next((stop for stop in stops if sound_key(folded.text[start:stop]) == key), 0)
        if end:
            yield folded.span(start, end)
        start = end or start + 1
