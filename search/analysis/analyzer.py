"""Tokenisation per language, shared by indexing and querying.

Every text gives two streams; both are indexed and scored. *Words* are dictionary forms or stems.
*Bigrams* are character pairs of scripts written without spaces, with kana normalised to katakana;
they match spellings that no dictionary knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from search.analysis.bigrams import bigrams_of, telling_grams
from search.analysis.japanese import japanese_function_words, japanese_words
from search.analysis.latin import english_function_words, latin_words, stemmer
from search.analysis.normalize import Folded, fold_with_offsets
from search.analysis.scripts import HANGUL
from search.analysis.spelling import surfaces
from search.analysis.tokens import Token, Tokens, in_original

VERSION = "9"
"""Increase whenever the same text would give other tokens; other versions' bundles are rejected."""


@dataclass(frozen=True)
class Analysed:
    """The two token streams of a text, and its surfaces for spelling correction."""

    words: tuple[str, ...]
    bigrams: tuple[str, ...]
    surfaces: tuple[str, ...]


class Analyser:
    """Tokenises texts of one language (an ISO 639-1 code). Thread-safe."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._function_words = _function_words(lang)

    def analyse(self, text: str) -> Analysed:
        """Return everything of a text that is indexed."""
        folded = fold_with_offsets(text)
        spoken: set[tuple[str, str]] = set()
        words = list(
            japanese_words(folded.text, spoken) if self.lang == "ja" else self._find(folded)
        )
        written = (folded.text[token.start : token.end] for token in words)
        return Analysed(
            tuple(token.text for token in words),
            tuple(token.text for token in bigrams_of(folded.text, tail=True)),
            tuple(sorted(surfaces(written, spoken))),
        )

    def analyse_query(self, text: str) -> Tokens:
        """Return the words and bigrams of a query.

        Function words are dropped unless the query has nothing else.
        """
        folded, bigrams = _asked(text)
        words = list(self._find(folded))
        content_words = [token for token in words if token.text not in self._function_words]
        kept = (
            telling_grams(folded.text, bigrams, content_words)
            if content_words and self.lang == "ja"
            else bigrams
        )
        return Tokens(in_original(folded, content_words or words), in_original(folded, kept))

    def words(self, text: str) -> list[Token]:
        """Return every word of a text, including function words."""
        folded = fold_with_offsets(text)
        return in_original(folded, self._find(folded))

    def _find(self, folded: Folded) -> Iterator[Token]:
        """Yield the words of a folded text with their spans in it."""
        if self.lang == "ja":
            return japanese_words(folded.text)
        return _spaced_words(folded.text, stemmer(self.lang))


@lru_cache(maxsize=64)
def analyser(lang: str) -> Analyser:
    """Return the analyser of a language; unknown codes get words without stemming."""
    return Analyser(lang)


@lru_cache(maxsize=64)
def _asked(text: str) -> tuple[Folded, list[Token]]:
    """Return the folded query and its bigrams; cached, since all languages share them."""
    folded = fold_with_offsets(text)
    return folded, list(bigrams_of(folded.text, tail=False))


def _spaced_words(folded: str, stem: Callable[[str], str]) -> Iterator[Token]:
    yield from latin_words(folded, stem)
    for match in HANGUL.finditer(folded):
        yield Token(match.group(), match.start(), match.end())


@lru_cache(maxsize=8)
def _function_words(lang: str) -> frozenset[str]:
    if lang == "ja":
        return japanese_function_words()
    return english_function_words() if lang == "en" else frozenset()
