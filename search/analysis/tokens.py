"""Tokens: indexed forms with their spans in a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from search.analysis.normalize import Folded


class Token(NamedTuple):
    """An indexed form and its span in a text. ``prefix`` matches all forms that start with it."""

    text: str
    start: int
    end: int
    prefix: bool = False


class Tokens(NamedTuple):
    """The words and the bigrams of a text."""

    words: list[Token]
    bigrams: list[Token]


def in_original(folded: Folded, tokens: Iterable[Token]) -> list[Token]:
    """Map the tokens of a folded text to their spans in the original text."""
    if folded.in_place:
        return list(tokens)
    return [
        Token(token.text, *folded.span(token.start, token.end), token.prefix) for token in tokens
    ]
