"""Checks the body of an article: unsafe links and HTML, missing text, images."""

from __future__ import annotations

import html
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from indexer.model import Article, Problem
from indexer.reading.front_matter import Parsed
from indexer.reading.html_tags import tags


def line_of(needle: str, parsed: Parsed) -> int:
    """Return the line of the file that contains ``needle``; the first body line if none does."""
    for candidate in (needle, unquote(needle)):
        position = parsed.body.find(candidate)
        if position >= 0:
            return parsed.body_line + parsed.body[:position].count("\n")
    return parsed.body_line


def body_problems(article: Article, parsed: Parsed) -> list[Problem]:
    """The problems of a rendered article: no text, images without a description or elsewhere."""
    problems: list[Problem] = []
    if not any(section.text for section in article.sections):
        problems.append(
            Problem(
                article.path,
                parsed.body_line,
                "warning",
                "empty",
                "has no text; only its title and questions are searchable.",
            )
        )
    problems += _media_problems(article, parsed)
    return problems


def _media_problems(article: Article, parsed: Parsed) -> Iterator[Problem]:
    """Images without a description, files of other sites, frames."""
    for tag in tags(article.html):
        source = html.unescape(tag.attribute("src") or "")
        if not source:
            continue
        line = line_of(source, parsed)
        if tag.name == "iframe":
            message = f"a frame of {urlsplit(source).hostname} may be shown as a link."
            hint = "It is shown where KB_EMBED_HOSTS names its host."
            yield Problem(article.path, line, "warning", "frame", message, hint)
            continue
        if tag.name == "img" and not tag.attribute("alt"):
            hint = "Describe it: ![The pairing button](pairing.svg)"
            message = f"the image {source} has no alternative text."
            yield Problem(article.path, line, "warning", "alt", message, hint)
        if source.startswith(("http:", "https:", "//")):
            kind = "image" if tag.name == "img" else "file"
            message = f"the {kind} {source} is on another site and is shown as a link."
            hint = "Save it in the folder of the article, or name its host in KB_EMBED_HOSTS."
            yield Problem(article.path, line, "warning", "remote-image", message, hint)
