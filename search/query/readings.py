"""Queries typed without conversion: in romaji, or in kana where the articles have kanji."""

from __future__ import annotations

import re

import jaconv

from search.analysis.analyzer import analyser
from search.analysis.normalize import fold
from search.analysis.scripts import HIRAGANA, IDEOGRAPH, KANA
from search.analysis.spelling import SHORTEST_KANA, SHORTEST_READING, sound_key
from search.index.autocomplete import romaji
from search.index.corpus import Corpus

JAPANESE = "ja"
LONGEST = 10
_WORD = re.compile(r"[a-z]{2,}")
_HIRAGANA_WORD = re.compile(f"[{HIRAGANA}\u30fc]+")


def as_written(corpus: Corpus, plain: str) -> str:
    """Return a query in romaji or kana as the articles write it; "" where it need not be.

    Words in Latin letters are taken for romaji only if the articles have none of them. It may be
    read wrongly: whether it was meant is for the caller to judge.
    """
    folded = fold(plain)
    if JAPANESE not in corpus.lexical or IDEOGRAPH.search(folded):
        return ""
    kana = _kana_of_romaji(corpus, folded) if folded.isascii() else plain
    if not analyser(JAPANESE).analyse_query(kana).words:
        return ""
    written = KANA.sub(lambda run: _in_kanji(corpus, run[0]), kana)
    if written != kana:
        return written
    # Words that the articles write in kana, and misspelt ones.
    return kana if folded.isascii() and _is_near(corpus, kana) else ""


def _is_near(corpus: Corpus, kana: str) -> bool:
    """Whether all words are known, or one is a misspelt known word."""
    words = analyser(JAPANESE).analyse_query(kana).words
    if all(map(corpus.lexical[JAPANESE].words.weight, words)):
        return True
    return any(corpus.keyword.correct(JAPANESE, word) for word in kana.split())


def _kana_of_romaji(corpus: Corpus, folded: str) -> str:
    """The words in hiragana; "" unless each is romaji and no article has any of them."""
    words = folded.split()
    if not words or not all(map(_WORD.fullmatch, words)):
        return ""
    if any(_is_known(corpus, word) for word in words):
        return ""
    kana = [jaconv.kata2hira(romaji(word)) for word in words]
    return " ".join(kana) if all(kana) else ""


def _is_known(corpus: Corpus, word: str) -> bool:
    """Whether any article has the word as it is typed."""
    return any(word in corpus.keyword.written(lang, word) for lang in corpus.lexical)


def _in_kanji(corpus: Corpus, run: str) -> str:
    """A run of kana with the words whose reading it has, the longest first, from the left."""
    sounds = sound_key(run)
    if len(sounds) != len(run):
        return run
    pieces: list[str] = []
    at, found_any = 0, False
    while at < len(run):
        for length in range(min(LONGEST, len(run) - at), SHORTEST_READING - 1, -1):
            found = corpus.keyword.written(JAPANESE, sounds[at : at + length])
            if found and _may_be_meant(found[0], length):
                pieces.append(found[0])
                at, found_any = at + length, True
                break
        else:
            # What is left is an ending: hiragana, as after any word in kanji.
            pieces.append(jaconv.kata2hira(run[at]) if found_any else run[at])
            at += 1
    return "".join(pieces)


def _may_be_meant(written: str, length: int) -> bool:
    """Whether kana may stand for a word: one in kanji, or a longer one in katakana."""
    if not KANA.fullmatch(written):
        return True
    return length >= SHORTEST_KANA and not _HIRAGANA_WORD.fullmatch(written)
