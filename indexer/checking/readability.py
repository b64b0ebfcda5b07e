"""How easy a text is to read, from 0 (hard) to 100 (easy). Pure.

English: Flesch, "A new readability yardstick", Journal of Applied Psychology 32 (1948):
206.835 - 1.015 words per sentence - 84.6 syllables per word.
Japanese: Tateisi, Ono and Yamada, "A computer readability formula of Japanese texts for machine
scoring", COLING 1988: from the lengths of sentences and of runs of one script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Fewer characters say little.
FEWEST = 100
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?", re.IGNORECASE)
_VOWELS = re.compile(r"[aeiouy]+")
_RUNS = {
    "latin": re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]+"),
    "hiragana": re.compile(r"[ぁ-ゟ]+"),
    "kanji": re.compile(r"[一-鿿々]+"),
    "katakana": re.compile(r"[ァ-ヿ]+"),
}


def reading_ease(sentences: Sequence[str], lang: str) -> float | None:
    """The reading ease of a text; None for a short one, and for other languages than ja and en."""
    if sum(map(len, sentences)) < FEWEST:
        return None
    made = {"ja": _japanese, "en": _english}.get(lang)
    return round(min(max(made(sentences), 0.0), 100.0), 1) if made else None


def _english(sentences: Sequence[str]) -> float:
    words = [word for sentence in sentences for word in _WORD.findall(sentence)]
    if not words:
        return 100.0
    syllables = sum(map(_syllables, words))
    return 206.835 - 1.015 * len(words) / len(sentences) - 84.6 * syllables / len(words)


def _syllables(word: str) -> int:
    """The groups of vowels, without a silent e at the end."""
    word = word.lower()
    found = len(_VOWELS.findall(word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and found > 1
    return max(found - silent, 1)


def _japanese(sentences: Sequence[str]) -> float:
    text = "".join(sentences)
    length = sum(map(len, sentences)) / len(sentences)
    runs = {name: _mean(pattern.findall(text)) for name, pattern in _RUNS.items()}
    commas = sum(text.count(mark) for mark in "、，,") / len(sentences)
    return (
        115.79
        - 0.12 * length
        - 1.37 * runs["latin"]
        + 7.4 * runs["hiragana"]
        - 23.18 * runs["kanji"]
        - 5.4 * runs["katakana"]
        - 4.67 * commas
    )


def _mean(runs: Sequence[str]) -> float:
    return sum(map(len, runs)) / len(runs) if runs else 0.0
