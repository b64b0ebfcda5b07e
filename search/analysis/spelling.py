"""Keys and limits for comparing misspelt words with indexed words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from search.analysis.normalize import fold, fold_kana, fold_sounds
from search.analysis.scripts import HIRAGANA, KANA

# Words in phonetic scripts: Latin, Greek, Cyrillic and others, and katakana.
_SPELT = re.compile(f"[^\\W\\d_{HIRAGANA}\u3400-\u9fff]+")
# Shorter words have too many neighbours: "mars" is not a misspelt "mark".
SHORTEST_CORRECTED = 5
# One kana carries about as much information as two letters.
SHORTEST_KANA = 4
# Shortest reading by which a word in kanji is found; shorter ones mean too many words.
SHORTEST_READING = 3
_SIGNS = " '\"-_.,"


def surfaces(words: Iterable[str], spoken: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the entries ``key|written`` that misspelt words are compared with.

    ``words`` are folded words as written; only those of three letters or more count. ``spoken`` are
    pairs (surface, reading) of words written with ideographs. The key of a word in kana or kanji is
    its reading in katakana; of any other word it is the word itself.
    """
    for word in {word.strip(_SIGNS) for word in words}:
        if len(word) > 2 and _SPELT.fullmatch(word):
            yield f"{spelling_key(word)}|{word}"
    for surface, key in spoken:
        if len(key) >= SHORTEST_READING:
            yield f"{key}|{surface}"


def allowed_distance(key: str) -> int:
    """Return the maximum edit distance for correcting a word; 0 where it is too short."""
    if KANA.fullmatch(key):
        return 0 if len(key) < SHORTEST_KANA else 1
    return 0 if len(key) < SHORTEST_CORRECTED else 1 if len(key) < 8 else 2


def spelling_key(word: str) -> str:
    """Return the spelling key of a folded word: kana by sound, anything else unchanged."""
    return fold_sounds(fold_kana(word)) if KANA.fullmatch(word) else word


def folded_word(text: str) -> str:
    """Return one word folded, without surrounding punctuation."""
    return fold(text).strip(_SIGNS)


def sound_key(text: str) -> str:
    """Return the key shared by spellings that sound alike: folded, in katakana, sounds unified."""
    return fold_sounds(fold_kana(fold(text)))
