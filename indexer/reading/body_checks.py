"""Checks the body of an article: unsafe links and HTML, missing text, images."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

from indexer.model import Article, Problem
from indexer.reading.front_matter import Parsed
from indexer.reading.html_tags import tags

_UNSAFE_SCHEME = re.compile(
    r"(?i)(?:\]\(|(?:href|src)\s*+=\s*+[\"']?)\s*+((?:javascript|vbscript|data)\s*+:[^\s)\"'>]*)"
)


_FENCES = ("```", "~~~")
_INLINE_CODE = re.compile(r"`[^`]++`")
_SCRIPT = re.compile(r"(?i)<\s*+(script|iframe|object|embed|style|form)\b")


def line_of(needle: str, parsed: Parsed) -> int:
    """Return the line of the file that contains ``needle``; the first body line if none does."""
    for candidate in (needle, unquote(needle)):
        position = parsed.body.find(candidate)
        if position >= 0:
            return parsed.body_line + parsed.body[:position].count("\n")
    return parsed.body_line


def _body_problems(article: Article, parsed: Parsed) -> list[Problem]:
    problems: list[Problem] = []
    outside_code = _without_code(parsed.body)
    for match in _UNSAFE_SCHEME.finditer(outside_code):
        line = parsed.body_line + outside_code[: match.start()].count("\n")
        message = f"the link {match.group(1)[:40]!r} was removed, because it could run code."
        problems.append(
            Problem(
                article.path,
                line,
                "warning",
                "unsafe-link",
                message,
                "Link to a page with https:// or to another article.",
            )
        )
    for match in _SCRIPT.finditer(outside_code):
        line = parsed.body_line + outside_code[: match.start()].count("\n")
        message = f"<{match.group(1)}> was removed: scripts, styles and forms are not allowed."
        problems.append(
            Problem(
                article.path,
                line,
                "warning",
                "unsafe-html",
                message,
                "Delete it, or show it as code between backticks.",
            )
        )
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


def _without_code(body: str) -> str:
    """Return the body with code replaced by spaces; line breaks are kept."""
    lines, fence = [], ""
    for line in body.split("\n"):
        start = line.lstrip()[:3]
        if fence or start in _FENCES:
            lines.append(" " * len(line))
            fence = "" if start == fence else fence or start
        else:
            lines.append(_INLINE_CODE.sub(lambda match: " " * len(match.group()), line))
    return "\n".join(lines)
