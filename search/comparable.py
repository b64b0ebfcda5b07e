"""Texts as the words of a question are looked for in them while they are ranked, cut and marked."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from search.folding import fold_ascii, fold_to_kana, keeps_places


class Comparable(NamedTuple):
    """A folded text with katakana for all kana; ``in_place`` says whether each character stands where it stood."""

    text: str
    in_place: bool


@lru_cache(maxsize=4096)
def comparable(text: str) -> Comparable:
    """The text to look in. Remembered: the same articles are found again and again."""
    plain = fold_ascii(text)
    return Comparable(fold_to_kana(text), keeps_places(text)) if plain is None else Comparable(plain, True)
