"""Where a text holds the words of a question: the stretches to mark when it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from search.folding import fold_kana, fold_with_offsets
from search.grams import cells_of
from search.model import Span
from search.text import analyser

Stretches = tuple[tuple[str, int, int], ...]
"""(form, start, end) of one word or character after another."""

_SENTENCE = re.compile(r"[^\n。！？]+[。！？\n]?|[。！？\n]")


def spans(lang: str, text: str, words: set[str], grams: set[str]) -> list[Span]:
    """Stretches of ``text`` that hold one of the words, or grams in a row: one bigram alone marks half of other words."""
    found, left = _written_out(text, words) if lang == "ja" else ([], words)
    if left:
        found += [(start, end) for word, start, end in words_of(lang, text) if word in left]
    rows = merge_spans([place for run in _runs_of(text) for place in _gram_places(run, grams)]) if grams else []
    return merge_spans(found + [row for row in rows if row[1] - row[0] > 2])


def _written_out(text: str, words: set[str]) -> tuple[list[Span], set[str]]:
    """Where Japanese words stand as they are, and the words that may stand in another form: for those a text must be analysed.

    A word whose first character is nowhere in the text does not stand in it in any form.
    """
    folded = fold_with_offsets(text)
    kana = fold_kana(folded.text)
    found: list[Span] = []
    left: set[str] = set()
    for word in words:
        key = _kana_key(word)
        places = list(_places(key, kana)) if len(key) > 1 and not key.isascii() else []
        found += [folded.span(at, at + len(key)) for at in places]
        if not places and key[:1] in kana:
            left.add(word)
    return found, left


def _places(key: str, text: str) -> Iterator[int]:
    at = text.find(key)
    while at >= 0:
        yield at
        at = text.find(key, at + len(key))


@lru_cache(maxsize=4096)
def _kana_key(word: str) -> str:
    """A folded word in katakana. Remembered: each word of a question is looked for in all that is shown."""
    return fold_kana(word)


def _gram_places(run: Stretches, grams: set[str]) -> Iterator[Span]:
    for (left, start, _), (right, _, end) in pairwise(run):
        if left + right in grams:
            yield start, end


def words_of(lang: str, text: str) -> Stretches:
    """(form, start, end) of every word of a text."""
    return tuple((form, at + start, at + end) for at, sentence in _sentences(text) for form, start, end in _words_in(lang, sentence))


def _runs_of(text: str) -> Iterator[Stretches]:
    """(character, start, end) of each of a text's runs without spaces."""
    for at, sentence in _sentences(text):
        for run in _runs_in(sentence):
            yield tuple((char, at + start, at + end) for char, start, end in run)


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Where each sentence or line begins, and it: no word goes on beyond."""
    for match in _SENTENCE.finditer(text):
        yield match.start(), match.group()


# Remembered: the same titles and sentences are shown again and again, in ever other stretches.
@lru_cache(maxsize=8192)
def _words_in(lang: str, sentence: str) -> Stretches:
    return tuple((token.text, token.start, token.end) for token in analyser(lang).words(sentence))


@lru_cache(maxsize=8192)
def _runs_in(sentence: str) -> tuple[Stretches, ...]:
    folded = fold_with_offsets(sentence)
    return tuple(tuple((cell.char, *folded.span(cell.start, cell.end)) for cell in run) for run in cells_of(folded.text))


def merge_spans(spans: list[Span]) -> list[Span]:
    """Sorted, overlapping and touching ones joined."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
