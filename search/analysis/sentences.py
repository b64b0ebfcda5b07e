"""Sentence boundaries, shared by analysis, highlighting, snippets and passages."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A line or a Japanese sentence: words never cross its end.
_LINE = re.compile(r"[^\n。！？]+[。！？\n]?|[。！？\n]")
# The leading character class lets re skip to sentence ends instead of trying every branch.
_END = re.compile(r"[。．！？.!?\n](?:(?<=[。．！？])|(?<=[.!?])\s+|(?<=\n)\n*)")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (start, text) of each line or Japanese sentence."""
    for match in _LINE.finditer(text):
        yield match.start(), match.group()


def sentence_bounds(text: str) -> list[int]:
    """Return the sentence boundaries, including 0 and the text length.

    The space after a sentence belongs to it.
    """
    return [0, *(match.end() for match in _END.finditer(text)), len(text)]
