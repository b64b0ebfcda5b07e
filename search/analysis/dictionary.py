"""Tells words of a language from typing errors. The only module that imports pyspellchecker."""

from __future__ import annotations

from functools import lru_cache

from search.analysis.japanese import in_dictionary
from search.analysis.normalize import fold


def is_word(lang: str, word: str) -> bool:
    """Whether the language has the word; False for languages without a dictionary."""
    folded = fold(word)
    return in_dictionary(folded) if lang == "ja" else folded in _words(lang)


@lru_cache(maxsize=4)
def _words(lang: str) -> frozenset[str]:
    """The words of a language, about 80,000 for English. Read on first use (0.15 s)."""
    from spellchecker import SpellChecker

    if lang not in SpellChecker.languages():
        return frozenset()
    return frozenset(SpellChecker(language=lang).word_frequency.words())
