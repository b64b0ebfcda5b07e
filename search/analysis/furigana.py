"""Readings above the kanji of a text, by the dictionary of Sudachi."""

from __future__ import annotations

import re
from itertools import pairwise

import jaconv

from search.analysis.japanese import surfaces_with_reading
from search.analysis.scripts import IDEOGRAPH

# A run of kanji, with the signs that are read with them: 人々, 一ヶ月.
_KANJI = re.compile(r"[\u3400-\u9fff\uf900-\ufaff々〆ヶ]+")


def furigana(text: str) -> list[tuple[str, str]]:
    """The text in parts, each with the reading in hiragana of a part in kanji, else "".

    Readings are those of a dictionary: where a word has several, it may be another one.
    """
    parts: list[tuple[str, str]] = []
    for surface, reading in surfaces_with_reading(text):
        if IDEOGRAPH.search(surface):
            parts += _aligned(surface, jaconv.kata2hira(reading))
        elif parts and not parts[-1][1]:
            parts[-1] = (parts[-1][0] + surface, "")
        else:
            parts.append((surface, ""))
    return parts


def _aligned(surface: str, reading: str) -> list[tuple[str, str]]:
    """The word with the reading of each run of kanji: 申し込み is (申, もう), し, (込, こ), み."""
    runs = [match.span() for match in _KANJI.finditer(surface)]
    is_sign = not surface.strip("々〆ヶ")
    if not runs or not reading or is_sign or jaconv.kata2hira(surface) == reading:
        return [(surface, "")]
    edges = [0, *(edge for run in runs for edge in run), len(surface)]
    pieces = [surface[start:end] for start, end in pairwise(edges)]
    pattern = "".join(
        "(.+?)" if place % 2 else re.escape(jaconv.kata2hira(piece))
        for place, piece in enumerate(pieces)
    )
    match = re.fullmatch(pattern, reading) if len(runs) <= 4 and len(reading) <= 40 else None
    if match is None:
        return [(surface, reading)]
    readings = iter(match.groups())
    return [
        (piece, next(readings) if place % 2 else "") for place, piece in enumerate(pieces) if piece
    ]
