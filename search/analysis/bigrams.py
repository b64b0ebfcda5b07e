"""Character bigrams of scripts written without spaces, with kana normalised to katakana."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from search.analysis.normalize import fold_kana, fold_sounds
from search.analysis.scripts import HIRAGANA, IDEOGRAPH, KATAKANA, RUN, WRITTEN_OUT
from search.analysis.tokens import Token
from search.model import Span

_HIRAGANA, _KATAKANA = re.compile(f"[{HIRAGANA}]"), re.compile(f"[{KATAKANA}ー]")


class Cell(NamedTuple):
    """One character of a run after sound folding, with its span in the folded text."""

    char: str
    start: int
    end: int


def cells_of(folded: str) -> Iterator[list[Cell]]:
    """Yield the characters of each run of spaceless script."""
    for match in RUN.finditer(folded):
        yield _cells(match.group(), match.start())


def _cells(run: str, at: int) -> list[Cell]:
    """Return the cells of a run.

    Kana become katakana, ヴァ becomes バ, and a long-vowel mark that ends a kana word is dropped.
    """
    kana = fold_kana(run)
    if "ヴ" not in kana and "ー" not in kana:
        return [Cell(char, at + index, at + index + 1) for index, char in enumerate(kana)]
    cells: list[Cell] = []
    index = 0
    while index < len(run):
        pair = fold_sounds(kana[index : index + 2])
        if kana[index] == "ヴ" and len(pair) == 1 and index + 1 < len(run):
            cells.append(Cell(pair, at + index, at + index + 2))
            index += 2
            continue
        if not (kana[index] == "ー" and _ends_kana_word(run, index)):
            cells.append(Cell(fold_sounds(kana[index]), at + index, at + index + 1))
        index += 1
    return cells


def _ends_kana_word(run: str, index: int) -> bool:
    script = _kana_script(run[index - 1]) if index >= 2 else ""
    following = _kana_script(run[index + 1]) if index + 1 < len(run) else ""
    return bool(script) and _kana_script(run[index - 2]) == script != following


def _kana_script(char: str) -> str:
    if _HIRAGANA.match(char):
        return "hiragana"
    return "katakana" if _KATAKANA.match(char) else ""


def bigrams_of(folded: str, tail: bool) -> Iterator[Token]:
    """Yield the overlapping character pairs of every run of spaceless script.

    For an index (``tail``) the last character of a run is added on its own, so that every character
    starts some token. A query of one ideograph is then a prefix query.
    """
    for cells in cells_of(folded):
        for left, right in pairwise(cells):
            yield Token(left.char + right.char, left.start, right.end)
        if not cells:
            continue
        last = cells[-1]
        if tail:
            yield Token(last.char, last.start, last.end)
        elif len(cells) == 1 and IDEOGRAPH.match(last.char):
            yield Token(last.char, last.start, last.end, prefix=True)


def bigram_places(folded: str, kana: str, bigrams: Collection[str]) -> list[Span]:
    """Return the spans of the given bigrams in a folded text, in any order.

    ``kana`` is the folded text with all kana as katakana. The bigrams are those of ``bigrams_of``.
    """
    if "ヴ" in kana:
        return [
            (bigram.start, bigram.end)
            for bigram in bigrams_of(folded, tail=False)
            if bigram.text in bigrams
        ]
    # Substring search, without silent long-vowel marks, is much faster than splitting the text.
    silent = (
        [at for at, char in enumerate(kana) if char == "ー" and _ends_kana_word(folded, at)]
        if "ー" in kana
        else []
    )
    sounding = "".join(char for at, char in enumerate(kana) if at not in silent) if silent else kana
    spans: list[Span] = []
    for bigram in bigrams:
        at = sounding.find(bigram) if len(bigram) == 2 else -1
        while at >= 0:
            spans.append((_with(silent, at), _with(silent, at + 1) + 1))
            at = sounding.find(bigram, at + 1)
    return spans


def _with(silent: Sequence[int], at: int) -> int:
    """Return the position of a character before the marks at ``silent`` (sorted) were removed."""
    for place in silent:
        if place > at:
            break
        at += 1
    return at


def telling_grams(folded: str, bigrams: list[Token], telling: Sequence[Token]) -> list[Token]:
    """Return the bigrams that overlap a content word (``telling``).

    A query all in hiragana keeps every bigram, since the dictionary cannot split it.
    """
    if not WRITTEN_OUT.search(folded):
        return bigrams
    covered = bytearray(len(folded))
    for word in telling:
        covered[word.start : word.end] = b"\1" * (word.end - word.start)
    return [bigram for bigram in bigrams if covered.find(1, bigram.start, bigram.end) >= 0]
