"""Where a text holds the words of a question: the stretches to mark when it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from search.analysis.analyzer import analyser
from search.analysis.bigrams import bigram_places
from search.analysis.latin import latin_words, may_hold
from search.analysis.normalize import fold, fold_kana, fold_with_offsets
from search.analysis.normalized_text import normalized
from search.analysis.scripts import HIRAGANA, IDEOGRAPH, KATAKANA
from search.analysis.sentences import lines
from search.analysis.tokens import Token
from search.model import Span


def spans(
    lang: str, text: str, words: set[str], bigrams: set[str], part: Span | None = None
) -> list[Span]:
    """Stretches of a text that hold one of the words, or grams in a row: one bigram alone marks half of other words.

    Of ``part`` of the text alone, if given, counted from its start.
    """
    start, end = part or (0, len(text))
    whole, looked_in = normalized(text), text[start:end]
    if not whole.in_place:
        return _spans_moved(lang, looked_in, words, bigrams)
    kana = whole.text[start:end]
    found = (
        list(_japanese(looked_in, kana, words)) if lang == "ja" else _spaced(lang, looked_in, words)
    )
    return merge_spans(found + _bigram_runs(looked_in, kana, bigrams))


def _spans_moved(lang: str, text: str, words: set[str], bigrams: set[str]) -> list[Span]:
    """The same where signs that fold to several, or to none, move what follows them."""
    folded = fold_with_offsets(text)
    kana = fold_kana(folded.text)
    japanese = _japanese(folded.text, kana, words) if lang == "ja" else ()
    found = [
        folded.span(start, end)
        for start, end in (*japanese, *_bigram_runs(folded.text, kana, bigrams))
    ]
    return merge_spans(found if lang == "ja" else found + _spaced(lang, text, words))


def _bigram_runs(text: str, kana: str, bigrams: set[str]) -> list[Span]:
    """Where grams stand in a row."""
    if not bigrams:
        return []
    # Only where vowels are drawn out does it matter which kana were written.
    places = bigram_places(fold(text) if "ー" in kana or "ヴ" in kana else kana, kana, bigrams)
    return [(start, end) for start, end in merge_spans(places) if end - start > 2]


def _spaced(lang: str, text: str, words: set[str]) -> list[Span]:
    """Where words of a script with spaces stand."""
    found: list[Span] = []
    for at, sentence in lines(text):
        found += [
            (at + token.start, at + token.end)
            for token in _words_in(lang, sentence)
            if token.text in words
        ]
    return found


def _japanese(text: str, kana: str, words: set[str]) -> Iterator[Span]:
    """Where Japanese words stand: as they are written if they do, else in another form, and only sentences that may hold one are analysed.

    ``kana`` is the text folded, each character where it stands in the text.
    """
    codes: set[str] = set()
    forms: dict[str, re.Pattern[str]] = {}
    for word in words:
        key = _kana_key(word)
        if key[:1] not in kana:
            continue
        if key.isascii():
            if may_hold(key).search(kana):
                codes.add(word)
            continue
        stands = list(_places(key, kana) if len(key) > 1 else _isolated_character(key, kana))
        yield from stands
        if not stands and (len(key) > 1 or not IDEOGRAPH.match(key)):
            forms[word] = _other_forms(key)
    if codes:
        yield from (
            (token.start, token.end) for token in latin_words(kana, str) if token.text in codes
        )
    if forms:
        yield from _in_other_forms(text, kana, forms)


def _in_other_forms(text: str, kana: str, forms: Mapping[str, re.Pattern[str]]) -> Iterator[Span]:
    """Where words stand in another form."""
    for at, sentence in lines(text):
        own = kana[at : at + len(sentence)]
        meant = {word for word, pattern in forms.items() if pattern.search(own)}
        if meant:
            yield from (
                (at + token.start, at + token.end)
                for token in _words_in("ja", sentence)
                if token.text in meant
            )


def _places(key: str, text: str) -> Iterator[Span]:
    at = text.find(key)
    while at >= 0:
        yield at, at + len(key)
        at = text.find(key, at + len(key))


def _isolated_character(char: str, text: str) -> Iterator[Span]:
    """Where a word of one character stands by itself: an ideograph between others is part of another word."""
    if IDEOGRAPH.match(char):
        for at, end in _places(char, text):
            if not IDEOGRAPH.match(text[end : end + 1]) and not IDEOGRAPH.match(
                text[max(0, at - 1) : at]
            ):
                yield at, end


@lru_cache(maxsize=4096)
def _other_forms(key: str) -> re.Pattern[str]:
    """How a word's other forms begin: with its first two kana, or its first ideograph and after it kana or its next one (申し込み, 申込)."""
    if not IDEOGRAPH.match(key):
        return re.compile(re.escape(key[:2]))
    following = "|".join([f"[{HIRAGANA}{KATAKANA}\u30fc]", "$", *IDEOGRAPH.findall(key[1:])[:1]])
    return re.compile(f"{re.escape(key[0])}(?:{following})")


@lru_cache(maxsize=4096)
def _kana_key(word: str) -> str:
    """A folded word in katakana. Remembered: each word of a question is looked for in all that is shown."""
    return fold_kana(word)


# Remembered: the same titles and sentences are shown again and again, in ever other stretches.
@lru_cache(maxsize=16_384)
def _words_in(lang: str, sentence: str) -> Sequence[Token]:
    return analyser(lang).words(sentence)


def merge_spans(spans: list[Span]) -> list[Span]:
    """Sorted, overlapping and touching ones joined."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
