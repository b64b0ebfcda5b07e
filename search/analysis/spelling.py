"""How a misspelt word is compared with those that articles have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from search.analysis.normalize import fold, fold_kana, fold_sounds
from search.analysis.scripts import HIRAGANA, KANA

# Written by sound: Latin, Greek, Cyrillic ... and katakana
_SPELT = re.compile(f"[^\\W\\d_{HIRAGANA}\u3400-\u9fff]+")
# A shorter word has too many neighbours: mars is no misspelt mark.
SHORTEST_CORRECTED = 5
# A kana says as much as two letters.
SHORTEST_KANA = 4
_SIGNS = " '\"-_.,"


def surfaces(words: Iterable[str], spoken: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What a misspelt word is compared with: words three letters and longer, as ``key|written``.

    ``words`` are folded words as written, ``spoken`` (surface, reading) of those written with ideographs. The key of a word in kana
    or kanji is how it is read, in katakana; of any other the word itself.
    """
    for word in {word.strip(_SIGNS) for word in words}:
        if len(word) > 2 and _SPELT.fullmatch(word):
            yield f"{spelling_key(word)}|{word}"
    for surface, key in spoken:
        if len(key) >= SHORTEST_KANA:
            yield f"{key}|{surface}"


def allowed_distance(key: str) -> int:
    """How many letters a misspelt word may be away from the one that was meant; none where it is too short to say."""
    if KANA.fullmatch(key):
        return 0 if len(key) < SHORTEST_KANA else 1
    return 0 if len(key) < SHORTEST_CORRECTED else 1 if len(key) < 8 else 2


def spelling_key(word: str) -> str:
    """A folded word as misspelt ones are compared: kana by sound, anything else as it is."""
    return fold_sounds(fold_kana(word)) if KANA.fullmatch(word) else word


def folded_word(text: str) -> str:
    """One word folded, without the signs around it."""
    return fold(text).strip(_SIGNS)


def sound_key(text: str) -> str:
    """What two spellings of one word share: folded, kana as katakana, one spelling for one sound."""
    return fold_sounds(fold_kana(fold(text)))
