"""Texts as the words of a question are looked for in them while they are ranked, cut and marked."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from search.analysis.normalize import fold_ascii, fold_to_kana, keeps_places

# Texts that are remembered as they are looked in, the last that were found: all of ten thousand passages, and the titles.
TEXTS_KEPT = 32_768


class Comparable(NamedTuple):
    """A folded text with katakana for all kana; ``in_place`` says whether each character stands where it stood."""

    text: str
    in_place: bool


@lru_cache(maxsize=TEXTS_KEPT)
def comparable(text: str) -> Comparable:
    """The text to look in. Remembered: the same articles are found again and again."""
    plain = fold_ascii(text)
    return Comparable(fold_to_kana(text), keeps_places(text)) if plain is None else Comparable(plain, True)
