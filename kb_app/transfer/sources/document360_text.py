"""What Document360 writes in bodies and nobody else does, in our dialect. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from bs4 import BeautifulSoup

from indexer.reading.article import read_article_text
from indexer.reading.markdown.code_spans import Fences, pieces
from kb_app.transfer.sources.values import Lost, Row

# Files that were put into an article, on the project's host or on that of all projects.
FILE = re.compile(r"/Images/[\w-]+/|//cdn\.document360\.")
_OPENING = re.compile(r"\A([ \t]*+):::[ \t]*+\((\w+)\)[ \t]*+(.*)")
_CLOSING = re.compile(r"\A[ \t]*+:::[ \t]*+")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_KINDS = {"info": "note", "success": "tip", "warning": "warning", "error": "danger"}
_PRIVATE = re.compile(r"(?i)\A(?:private|internal)-?(?:notes?|box|callout)?\Z")
_HEAD = re.compile(r"\A\s*## Metadata_Start[ \t]*\n(.*?)\n## Metadata_End[ \t]*(?:\n|\Z)", re.S)
_PRIVATE_NOTE = "private notes: what only the team sees inside of an article is left out"


def in_markdown(body: str, lost: Lost) -> str:
    """Markdown with callouts as ours, without private notes; double braces stay text."""
    lines, fences = body.replace("\r\n", "\n").split("\n"), Fences()
    made: list[str] = []
    at = 0
    while at < len(lines):
        opening = None if fences.hold(lines[at]) else _OPENING.fullmatch(lines[at])
        if opening is None:
            made.append(lines[at])
            at += 1
            continue
        end = _end_of(lines, at + 1, is_private=opening[2].lower() == "internal")
        if opening[2].lower() == "internal":
            lost.add(_PRIVATE_NOTE)
        else:
            made += _callout(opening, lines[at + 1 : end])
        at = end + (end < len(lines) and bool(_CLOSING.fullmatch(lines[end])))
    return _outside_code("\n".join(made), lambda part: part.replace("{{", "&#123;{"))


def _end_of(lines: list[str], start: int, *, is_private: bool) -> int:
    """The line that closes a callout; without one, the next callout, or heading, or the end."""
    fences = Fences()
    for at in range(start, len(lines)):
        if fences.hold(lines[at]):
            continue
        if _CLOSING.fullmatch(lines[at]) or _OPENING.fullmatch(lines[at]):
            return at
    if is_private:
        after = (at for at in range(start, len(lines)) if _HEADING.match(lines[at]))
        return next(after, len(lines))
    return start


def _callout(opening: re.Match[str], inner: list[str]) -> list[str]:
    space, kind = opening[1], _KINDS.get(opening[2].lower(), "note")
    title = opening[3].strip().removeprefix("(").removesuffix(")").strip().replace('"', "'")
    indented = [f"{space}    {line.removeprefix(space)}" if line.strip() else "" for line in inner]
    return ["", f'{space}!!! {kind} "{title}"', "", *indented, ""]


def _outside_code(body: str, change: Callable[[str], str]) -> str:
    fences, lines = Fences(), []
    for line in body.split("\n"):
        is_code = fences.hold(line)
        parts = [(line, True)] if is_code else pieces(line)
        lines.append("".join(part if code else change(part) for part, code in parts))
    return "\n".join(lines)


def in_html(body: str, lost: Lost) -> str:
    """HTML without private notes, and with the green callout as one that is known."""
    soup = BeautifulSoup(body, "html.parser") if re.search("(?i)private|internal", body) else None
    found = soup.find_all(class_=_PRIVATE) if soup else []
    for element in found:
        element.decompose()
        lost.add(_PRIVATE_NOTE)
    html = str(soup) if found else body
    return html.replace('class="successBox"', 'class="infoBox tip"')


def anchors_of(markdown: str) -> tuple[str, ...]:
    """The anchors of Markdown: of its headings, and what is written as HTML."""
    article, _ = read_article_text("en/article.md", f"---\ntitle: x\n---\n\n{markdown}")
    return article.anchors if article else ()


def with_head(body: str, name: str) -> Row:
    """An article in Markdown as JSON has it; ``name`` is that of its file."""
    head = _HEAD.match(body)
    lines = (
        line.removeprefix("## ").partition(":") for line in (head[1] if head else "").split("\n")
    )
    given = {key.strip(): value.strip() for key, _, value in lines}
    return {
        "Code": given.get("code"),
        "Title": given.get("title") or name,
        "Slug": given.get("slug") or name,
        "Description": given.get("description"),
        "ContentType": int(given.get("contentType", "Markdown") != "Markdown"),
        "Content": body[head.end() :].lstrip("\n") if head else body,
    }
