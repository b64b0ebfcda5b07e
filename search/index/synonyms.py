"""Words of the house: what else a phrase of a question may be called. Pure functions over the rules of articles/synonyms.yml."""

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
    """Where a question says ``phrase``, articles may say one of ``alternatives``."""

    lang: str
    phrase: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """A stretch [start, end) of a question that a rule speaks of, and its other words."""

    start: int
    end: int
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Synonyms:
    """Rules by language, the longest phrases first."""

    rules: Mapping[str, Sequence[Rule]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Synonyms:
        """Ready to be looked up."""
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
        """The stretches of a question that rules of a language speak of; none overlap."""
        rules = self.rules.get(lang, ())
        if not rules:
            return []
        words = analyser(lang).words(text)
        sounds = sound_key(text)
        found: list[Match] = []
        for rule in rules:
            places = (
                _in_sounds(text, sounds, rule.phrase)
                if is_spaceless(rule.phrase)
                else _in_words(words, lang, rule.phrase)
            )
            for start, end in places:
                if all(end <= other.start or other.end <= start for other in found):
                    found.append(Match(start, end, rule.alternatives))
        return sorted(found, key=lambda match: match.start)


def phrase_key(lang: str, phrase: str) -> str:
    """What two spellings of one phrase share: its sounds, or its stems."""
    return sound_key(phrase) if is_spaceless(phrase) else " ".join(_forms(lang, phrase))


@lru_cache(maxsize=4096)
def _forms(lang: str, phrase: str) -> tuple[str, ...]:
    """The stems of a rule's phrase. Remembered: every question is held against every rule."""
    return tuple(token.text for token in analyser(lang).words(phrase))


def _in_words(words: Sequence[Token], lang: str, phrase: str) -> Iterator[Span]:
    """Where the phrase's stems stand in a row."""
    wanted = _forms(lang, phrase)
    for at in range(len(words) - len(wanted) + 1) if wanted else ():
        if tuple(token.text for token in words[at : at + len(wanted)]) == wanted:
            yield words[at].start, words[at + len(wanted) - 1].end


def _in_sounds(text: str, sounds: str, phrase: str) -> Iterator[Span]:
    """Where the phrase stands, however its kana are written."""
    key = sound_key(phrase)
    if key not in sounds:
        return
    folded = fold_with_offsets(text)
    start = 0
    while start < len(folded.text):
        # Folding of sounds may shorten a text: longer stretches are tried too, the longest that fits is meant.
        stops = range(min(len(folded.text), start + len(key) + 2), start, -1)
        end = next((stop for stop in stops if sound_key(folded.text[start:stop]) == key), 0)
        if end:
            yield folded.span(start, end)
        start = end or start + 1
