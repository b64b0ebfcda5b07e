"""Character bigrams of scripts that are written without spaces, kana made one."""

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
    """One character of a run after the folding of sounds, with its stretch of the folded text."""

    char: str
    start: int
    end: int


def cells_of(folded: str) -> Iterator[list[Cell]]:
    """The characters of each run without spaces."""
    for match in RUN.finditer(folded):
        yield _cells(match.group(), match.start())


def _cells(run: str, at: int) -> list[Cell]:
    """Characters of a run: kana as katakana, ヴァ as バ, no long-vowel mark at the end of a kana word."""
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
    """Overlapping pairs of characters of every run without spaces.

    In an index (``tail``) the last character of a run stands alone besides, so that every character begins some gram;
    a question of one ideograph then asks for all grams that start with it.
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
    """Where a folded text, in katakana ``kana``, holds some pairs of characters, as ``bigrams_of`` cuts it, in any order."""
    if "ヴ" in kana:
        return [
            (bigram.start, bigram.end)
            for bigram in bigrams_of(folded, tail=False)
            if bigram.text in bigrams
        ]
    # Looked for as they stand, without the long-vowel marks that do not sound: a tenth of the time of cutting the text.
    silent = (
        [at for at, char in enumerate(kana) if char == "ー" and _ends_kana_word(folded, at)]
        if "ー" in kana
        else []
    )
    sounding = "".join(char for at, char in enumerate(kana) if at not in silent) if silent else kana
    found: list[Span] = []
    for bigram in bigrams:
        at = sounding.find(bigram) if len(bigram) == 2 else -1
        while at >= 0:
            found.append((_with(silent, at), _with(silent, at + 1) + 1))
            at = sounding.find(bigram, at + 1)
    return found


def _with(silent: Sequence[int], at: int) -> int:
    """Where a character stood before the marks at ``silent`` (in order) were left out."""
    for place in silent:
        if place > at:
            break
        at += 1
    return at


def telling_grams(folded: str, bigrams: list[Token], telling: Sequence[Token]) -> list[Token]:
    """Grams that touch a telling word. A question all in hiragana keeps every gram: the dictionary cannot split it."""
    if not WRITTEN_OUT.search(folded):
        return bigrams
    told = bytearray(len(folded))
    for word in telling:
        told[word.start : word.end] = b"\1" * (word.end - word.start)
    return [bigram for bigram in bigrams if told.find(1, bigram.start, bigram.end) >= 0]
