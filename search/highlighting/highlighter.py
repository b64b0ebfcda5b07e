"""Finds the spans of a text to highlight for the words of a query."""

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
    """Return the spans of a text that contain one of the words, or consecutive bigrams.

    A single bigram is ignored, because it would mark parts of other words. If ``part`` is given,
    only that span of the text is searched, and offsets count from its start.
    """
    start, end = part or (0, len(text))
    whole, searched = normalized(text), text[start:end]
    if not whole.in_place:
        return _spans_moved(lang, searched, words, bigrams)
    kana = whole.text[start:end]
    results = (
        list(_japanese(searched, kana, words)) if lang == "ja" else _spaced(lang, searched, words)
    )
    return _to_long_ends(searched, merge_spans(results + _bigram_runs(searched, kana, bigrams)))


def _spans_moved(lang: str, text: str, words: set[str], bigrams: set[str]) -> list[Span]:
    """Same as ``spans`` for texts in which folding changes offsets."""
    folded = fold_with_offsets(text)
    kana = fold_kana(folded.text)
    japanese = _japanese(folded.text, kana, words) if lang == "ja" else ()
    results = [
        folded.span(start, end)
        for start, end in (*japanese, *_bigram_runs(folded.text, kana, bigrams))
    ]
    return merge_spans(results if lang == "ja" else results + _spaced(lang, text, words))


def _bigram_runs(text: str, kana: str, bigrams: set[str]) -> list[Span]:
    """Spans of consecutive bigrams."""
    if not bigrams:
        return []
    # The written kana matter only with long-vowel marks or ヴ.
    places = bigram_places(fold(text) if "ー" in kana or "ヴ" in kana else kana, kana, bigrams)
    return [(start, end) for start, end in merge_spans(places) if end - start > 2]


def _spaced(lang: str, text: str, words: set[str]) -> list[Span]:
    """Spans of the words in a text with spaces between words."""
    results: list[Span] = []
    for offset, sentence in lines(text):
        results += [
            (offset + token.start, offset + token.end)
            for token in _words_in(lang, sentence)
            if token.text in words
        ]
    return results


def _japanese(text: str, kana: str, words: set[str]) -> Iterator[Span]:
    """Yield spans of Japanese words: as written, or else in another inflected form.

    Only sentences that may contain another form are analyzed. ``kana`` is the folded text with
    unchanged offsets.
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
        exact = list(_places(key, kana) if len(key) > 1 else _isolated_character(key, kana))
        yield from exact
        if not exact and (len(key) > 1 or not IDEOGRAPH.match(key)):
            forms[word] = _other_forms(key)
    if codes:
        yield from (
            (token.start, token.end) for token in latin_words(kana, str) if token.text in codes
        )
    if forms:
        yield from _in_other_forms(text, kana, forms)


def _in_other_forms(text: str, kana: str, forms: Mapping[str, re.Pattern[str]]) -> Iterator[Span]:
    """Yield spans of words that occur in another form."""
    for offset, sentence in lines(text):
        sentence_kana = kana[offset : offset + len(sentence)]
        candidates = {word for word, pattern in forms.items() if pattern.search(sentence_kana)}
        if candidates:
            yield from (
                (offset + token.start, offset + token.end)
                for token in _words_in("ja", sentence)
                if token.text in candidates
            )


def _places(key: str, text: str) -> Iterator[Span]:
    at = text.find(key)
    while at >= 0:
        yield at, at + len(key)
        at = text.find(key, at + len(key))


def _isolated_character(char: str, text: str) -> Iterator[Span]:
    """Yield spans of a one-ideograph word, except next to ideographs, as part of another word."""
    if IDEOGRAPH.match(char):
        for at, end in _places(char, text):
            if not IDEOGRAPH.match(text[end : end + 1]) and not IDEOGRAPH.match(
                text[max(0, at - 1) : at]
            ):
                yield at, end


@lru_cache(maxsize=4096)
def _other_forms(key: str) -> re.Pattern[str]:
    """A pattern for the start of a word's other forms.

    It matches the first two kana, or the first ideograph followed by kana, the end of the text or
    the word's next ideograph (申し込み, 申込).
    """
    if not IDEOGRAPH.match(key):
        return re.compile(re.escape(key[:2]))
    following = "|".join([f"[{HIRAGANA}{KATAKANA}\u30fc]", "$", *IDEOGRAPH.findall(key[1:])[:1]])
    return re.compile(f"{re.escape(key[0])}(?:{following})")


@lru_cache(maxsize=4096)
def _kana_key(word: str) -> str:
    """A folded word in katakana. Cached: each query word is searched in every text shown."""
    return fold_kana(word)


# Cached: the same titles and sentences are shown often, in different windows.
@lru_cache(maxsize=16_384)
def _words_in(lang: str, sentence: str) -> Sequence[Token]:
    return analyser(lang).words(sentence)


def _to_long_ends(text: str, found: list[Span]) -> list[Span]:
    """The spans with the long-vowel mark after them: スピーカー is one word with スピーカ."""
    if "ー" not in text:
        return found
    return merge_spans([(start, end + (text[end : end + 1] == "ー")) for start, end in found])


def merge_spans(spans: list[Span]) -> list[Span]:
    """Sort spans and merge overlapping and adjacent ones."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
