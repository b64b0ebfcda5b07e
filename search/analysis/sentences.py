"""Where sentences end: one definition for analysis, highlighting, snippets and passages."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A line or a Japanese sentence: no word goes on beyond.
_LINE = re.compile(r"[^\n。！？]+[。！？\n]?|[。！？\n]")
# Begins with all signs that end a sentence: re then looks for one of those, instead of trying three ways at every character.
_END = re.compile(r"[。．！？.!?\n](?:(?<=[。．！？])|(?<=[.!?])\s+|(?<=\n)\n*)")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Where each line or Japanese sentence begins, and it."""
    for match in _LINE.finditer(text):
        yield match.start(), match.group()


def sentence_bounds(text: str) -> list[int]:
    """Where sentences begin and end, the text's own ends included; the space after a sentence belongs to it."""
    return [0, *(match.end() for match in _END.finditer(text)), len(text)]
