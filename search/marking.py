"""Where a text holds the words of a question: the stretches to mark when it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from search.folding import Folded, fold_kana, fold_to_kana, fold_with_offsets
from search.grams import gram_places
from search.latin import latin_words
from search.model import Span
from search.scripts import IDEOGRAPH
from search.text import analyser

Stretches = tuple[tuple[str, int, int], ...]
"""(form, start, end) of one word after another."""

_SENTENCE = re.compile(r"[^\n。！？]+[。！？\n]?|[。！？\n]")


def spans(lang: str, text: str, words: set[str], grams: set[str]) -> list[Span]:
    """Stretches of ``text`` that hold one of the words, or grams in a row: one bigram alone marks half of other words."""
    folded = fold_with_offsets(text)
    found = _japanese(text, folded, words) if lang == "ja" else [(start, end) for word, start, end in words_of(lang, text) if word in words]
    rows = merge_spans([folded.span(start, end) for start, end in gram_places(folded.text, grams)]) if grams else []
    return merge_spans(found + [row for row in rows if row[1] - row[0] > 2])


def _japanese(text: str, folded: Folded, words: set[str]) -> list[Span]:
    """Where Japanese words stand: as they are written if they do, else in another form, and only sentences that may hold one are analysed."""
    kana = fold_kana(folded.text)
    found: list[Span] = []
    codes: set[str] = set()
    forms: dict[str, re.Pattern[str]] = {}
    for word in words:
        key = _kana_key(word)
        if key[:1] not in kana:
            continue
        if key.isascii():
            codes.add(word)
            continue
        stands = list(_places(key, kana) if len(key) > 1 else _alone(key, kana))
        found += stands
        if not stands and (len(key) > 1 or not IDEOGRAPH.match(key)):
            forms[word] = _other_forms(key)
    if codes:
        found += [(token.start, token.end) for token in latin_words(folded.text, str) if token.text in codes]
    found = [folded.span(start, end) for start, end in found]
    return found + list(_in_other_forms(text, kana if folded.in_place else None, forms))


def _in_other_forms(text: str, kana: str | None, forms: Mapping[str, re.Pattern[str]]) -> Iterator[Span]:
    """Where words stand in another form; ``kana`` is the folded text where each character stands where it stood."""
    for at, sentence in _sentences(text) if forms else ():
        own = fold_to_kana(sentence) if kana is None else kana[at : at + len(sentence)]
        meant = {word for word, pattern in forms.items() if pattern.search(own)}
        if meant:
            yield from ((at + start, at + end) for word, start, end in _words_in("ja", sentence) if word in meant)


def _places(key: str, text: str) -> Iterator[Span]:
    at = text.find(key)
    while at >= 0:
        yield at, at + len(key)
        at = text.find(key, at + len(key))


def _alone(char: str, text: str) -> Iterator[Span]:
    """Where a word of one character stands by itself: an ideograph between others is part of another word."""
    if IDEOGRAPH.match(char):
        for at, end in _places(char, text):
            if not IDEOGRAPH.match(text[end : end + 1]) and not IDEOGRAPH.match(text[max(0, at - 1) : at]):
                yield at, end


@lru_cache(maxsize=4096)
def _other_forms(key: str) -> re.Pattern[str]:
    """How a word's other forms begin: with its first two kana, or its first ideograph and after it kana or its next one (申し込み, 申込)."""
    if not IDEOGRAPH.match(key):
        return re.compile(re.escape(key[:2]))
    following = "|".join(["[\u3041-\u3096\u30a1-\u30fa\u30fc]", "$", *IDEOGRAPH.findall(key[1:])[:1]])
    return re.compile(f"{re.escape(key[0])}(?:{following})")


@lru_cache(maxsize=4096)
def _kana_key(word: str) -> str:
    """A folded word in katakana. Remembered: each word of a question is looked for in all that is shown."""
    return fold_kana(word)


def words_of(lang: str, text: str) -> Stretches:
    """(form, start, end) of every word of a text."""
    return tuple((form, at + start, at + end) for at, sentence in _sentences(text) for form, start, end in _words_in(lang, sentence))


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Where each sentence or line begins, and it: no word goes on beyond."""
    for match in _SENTENCE.finditer(text):
        yield match.start(), match.group()


# Remembered: the same titles and sentences are shown again and again, in ever other stretches.
@lru_cache(maxsize=8192)
def _words_in(lang: str, sentence: str) -> Stretches:
    return tuple((token.text, token.start, token.end) for token in analyser(lang).words(sentence))


def merge_spans(spans: list[Span]) -> list[Span]:
    """Sorted, overlapping and touching ones joined."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
