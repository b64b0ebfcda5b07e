"""The remarks of the house style as problems, each at the line of its file. Reads files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from indexer.checking.style import Remark, style_remarks
from indexer.model import Article, Problem
from indexer.reading.files import MAX_BYTES
from indexer.reading.style_file import Style

# So many characters of a sentence find its line; marks such as ** may follow.
_SOUGHT = 12


def style_problems(
    articles: Sequence[Article], styles: Mapping[str, Style], folder: Path
) -> Iterator[Problem]:
    """What does not follow the house style, article by article."""
    for article in articles if styles else ():
        remarks = style_remarks(article, styles)
        if remarks:
            yield from problems_of(article.path, text_of(folder / article.path), remarks)


def problems_of(path: str, text: str, remarks: Sequence[Remark]) -> Iterator[Problem]:
    """The remarks on an article with this text as warnings."""
    for one in remarks:
        line = _line_of(text, one.words)
        yield Problem(path, line, "warning", one.code, one.message, one.hint)


def _line_of(text: str, words: str) -> int:
    """The line of the words; 1 where they stand on none, for example with marks between."""
    for sought in (words, words[:_SOUGHT]):
        at = text.find(sought) if sought else -1
        if at >= 0:
            return text.count("\n", 0, at) + 1
    return 1


def text_of(path: Path) -> str:
    """The text of an article's file; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
