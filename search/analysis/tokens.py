"""A token: an indexed form with the stretch of text that it came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from search.analysis.normalize import Folded


class Token(NamedTuple):
    """An indexed form and the stretch of a text that it came from. ``prefix`` asks for all that start so."""

    text: str
    start: int
    end: int
    prefix: bool = False


class Tokens(NamedTuple):
    """The words of a text and its bigrams."""

    words: list[Token]
    bigrams: list[Token]


def in_original(folded: Folded, tokens: Iterable[Token]) -> list[Token]:
    """Tokens of a folded text with their stretches in the text as it was written."""
    if folded.in_place:
        return list(tokens)
    return [
        Token(token.text, *folded.span(token.start, token.end), token.prefix) for token in tokens
    ]
