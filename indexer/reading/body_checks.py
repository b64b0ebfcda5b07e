"""Checks the body of an article: unsafe links and HTML, missing text, images."""

from __future__ import annotations

import html
from urllib.parse import unquote

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
    for tag in tags(article.html):
        source = tag.attribute("src")
        if tag.name != "img" or source is None:
            continue
        line = line_of(html.unescape(source), parsed)
        if not tag.attribute("alt"):
            hint = "Describe it: ![The pairing button](pairing.svg)"
            problems.append(
                Problem(
                    article.path,
                    line,
                    "warning",
                    "alt",
                    f"the image {source} has no alternative text.",
                    hint,
                )
            )
        if source.startswith(("http:", "https:", "//")):
            message = f"the image {source} is on another site and is not shown."
            problems.append(
                Problem(
                    article.path,
                    line,
                    "warning",
                    "remote-image",
                    message,
                    "Save it in the folder of the article.",
                )
            )
    return problems
