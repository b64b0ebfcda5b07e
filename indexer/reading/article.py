"""Reads one article: front matter, HTML and the problems of both. Errors never leave the file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, tzinfo

from indexer.model import Article, Problem
from indexer.reading.files import MAX_BYTES, SourceFile
from indexer.reading.front_matter import Parsed, parse, read
from indexer.reading.markdown.render import render
from indexer.reading.values_file import NO_VALUES, Values

log = logging.getLogger("indexer.reading.article")
Read = tuple[Article | None, list[Problem]]


def read_article(file: SourceFile, zone: tzinfo = UTC) -> Read:
    """Return the article of a file and its problems; None if it is not a valid article.

    Raises OSError if the file cannot be read now.
    """
    return _guarded(file.name, lambda: read(file, zone))


def read_article_text(name: str, text: str, zone: tzinfo = UTC, values: Values = NO_VALUES) -> Read:
    """Return the article of a text that is not saved yet, and its problems."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return None, [unreadable(name, f"is larger than {MAX_BYTES // 1024} KB", "Shorten it.")]
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _guarded(name, lambda: _with(values, parse(name, lines, zone)))


def _with(values: Values, parsed: Parsed | list[Problem]) -> Parsed | list[Problem]:
    return parsed if isinstance(parsed, list) else replace(parsed, values=values)


def unreadable(name: str, why: str, hint: str) -> Problem:
    """The problem of a file that could not be converted."""
    return Problem(name, 0, "error", "unreadable", f"{why}.", hint)


def _guarded(name: str, parse_it: Callable[[], Parsed | list[Problem]]) -> Read:
    """An unexpected error is a problem of that file alone."""
    try:
        parsed = parse_it()
        return (None, parsed) if isinstance(parsed, list) else render(parsed)
    except OSError:
        raise
    except Exception as error:
        log.exception("an article could not be read")
        why = f"cannot be read ({type(error).__name__}: {str(error)[:80]})"
        return None, [unreadable(name, why, "Take out what was added last, and try again.")]
