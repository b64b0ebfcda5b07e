"""The words that tell what a text is about, found fast: for comparing thousands of articles. Pure.

Japanese: runs of katakana and of kanji, long ones as pairs. Other languages: stems of the words
that are no function words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from search.analysis.latin import Stem, english_function_words, stemmer
from search.analysis.normalize import fold

_JAPANESE = re.compile(r"[一-鿿々]+|[ァ-ヺー]{2,}|[a-z]{2,}")
_WORD = re.compile(r"[^\W\d_]{3,}")


def key_terms(text: str, lang: str) -> frozenset[str]:
    """The key terms of a text, folded."""
    folded = fold(text)
    if lang == "ja":
        return frozenset(part for run in _JAPANESE.findall(folded) for part in _parts(run))
    stem, known = _stem(lang), english_function_words()
    return frozenset(stem(word) for word in _WORD.findall(folded) if word not in known)


@lru_cache(maxsize=32)
def _stem(lang: str) -> Stem:
    return stemmer(lang)


def _parts(run: str) -> list[str]:
    """A run of kanji as pairs of two; any other run whole."""
    if len(run) <= 2 or not "一" <= run[0] <= "鿿":
        return [run]
    return [run[place : place + 2] for place in range(len(run) - 1)]
