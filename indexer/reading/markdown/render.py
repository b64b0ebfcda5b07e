"""Renders the Markdown of one article: sanitised HTML, table of contents, sections and links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from indexer.model import Article, Link, Problem
from indexer.reading.body_checks import body_problems
from indexer.reading.front_matter import Parsed
from indexer.reading.html_tags import Tag, rewrite_tags
from indexer.reading.html_text import SectionReader
from indexer.reading.link_targets import WIKI, target_of
from indexer.reading.markdown import classic, commonmark
from indexer.reading.markdown.converted import Converted, RawLink
from indexer.reading.markdown.sanitise import SCHEMES, sanitise
from indexer.reading.markdown.shared_values import filled
from indexer.reading.markdown.tab_labels import label_tabs
from indexer.reading.support_values import SUPPORT
from indexer.reading.values_file import SUPPORT_GROUP, VALUES, Values

VERSION = "13"
"""Increase when the same file would give different HTML; cached articles are rendered again."""


def render(parsed: Parsed) -> tuple[Article | None, list[Problem]]:
    """Return the article with its HTML, and the problems found in its body.

    None if it uses a shared value that is not there.
    """
    parsed, missing = _with_values(parsed)
    article = parsed.article
    if any(problem.severity == "error" for problem in missing):
        return None, [*parsed.problems, *missing]
    made = _converted(parsed)
    clean = label_tabs(_scroll_tables(sanitise(made.html)))
    body = SectionReader()
    sections = body.read(clean)
    finished = replace(
        article,
        html=clean,
        toc=tuple(made.toc),
        sections=tuple(sections),
        anchors=tuple(body.anchors),
        links=tuple(_links(parsed, made.links)),
    )
    return finished, [*parsed.problems, *_noted(parsed, made), *body_problems(finished, parsed)]


# The keys whose texts customers see or ask in.
_TEXTS, _LISTS = ("title", "summary"), ("questions", "keywords")


def _with_values(parsed: Parsed) -> tuple[Parsed, list[Problem]]:
    """The article with its shared values filled in, and a problem for each that is missing."""
    article, values = parsed.article, parsed.values
    body = filled(parsed.body, values, article.lang)
    front: dict[str, Any] = {}
    parts, missing = [body], [(parsed.body_line + line, name) for line, name in body.missing]
    for key in (*_TEXTS, *_LISTS):
        given = getattr(article, key)
        texts = [filled(text, values, article.lang) for text in _as_tuple(given)]
        parts += texts
        missing += [(1, name) for text in texts for _, name in text.missing]
        done = tuple(text.text for text in texts)
        front[key] = done[0] if key in _TEXTS else done
    used = {name: text for part in parts for name, text in part.used.items()}
    named = replace(article, **front, values=tuple(sorted(used.items())))
    problems = [_no_value(article, line, name, values) for line, name in missing]
    return replace(parsed, article=named, body=body.text), problems


def _as_tuple(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def _no_value(article: Article, line: int, name: str, values: Values) -> Problem:
    is_support = name.startswith(f"{SUPPORT_GROUP}.")
    file = SUPPORT if is_support else VALUES
    if name in values.texts:
        message = f"{{{{ {name} }}}} has no text in {article.lang} in {file}."
        hint = f"Write the text itself, or a value in {VALUES}." if is_support else "Add it there."
        return Problem(article.path, line, "error", "value", message, hint)
    near = values.near(name)
    message = f"{{{{ {name} }}}} is not in {file}."
    hint = f"Did you mean {near}?" if near else "Add it there."
    return Problem(article.path, line, "error", "value", message, hint)


def _converted(parsed: Parsed) -> Converted:
    lang = parsed.article.lang
    if parsed.classic:
        return classic.to_html(parsed.body, lang)
    return commonmark.to_html(parsed.body, lang, mdx=parsed.article.path.lower().endswith(".mdx"))


def _noted(parsed: Parsed, made: Converted) -> Iterator[Problem]:
    for note in made.notes:
        line = parsed.body_line + note.line
        yield Problem(parsed.article.path, line, "warning", note.code, note.message, note.hint)
    for link in made.links:
        if _scheme(link.url) not in ("", WIKI.rstrip(":"), *SCHEMES):
            message = f"the link {link.url[:40]!r} was removed: it leads to no page, mail or phone."
            hint = "Link to a page with https:// or to another article."
            line = parsed.body_line + link.line
            yield Problem(parsed.article.path, line, "warning", "unsafe-link", message, hint)


def _scheme(url: str) -> str:
    try:
        return urlsplit("".join(url.split())).scheme.lower()
    except ValueError:
        return ""


def _scroll_tables(clean: str) -> str:
    """Wrap each table in a scroll container, so that wide tables do not scroll the page."""

    def wrap(tag: Tag) -> str:
        if tag.name == "table":
            return f'<div class="table-scroll">{tag.text}'
        return f"{tag.text}</div>" if tag.name == "/table" else tag.text

    return rewrite_tags(clean, wrap)


def _links(parsed: Parsed, raw: Sequence[RawLink]) -> list[Link]:
    """The links to files of the folder, then the images, each in their order."""
    cover = [RawLink(parsed.article.cover, 0, image=True)] if parsed.article.cover else []
    ordered = [*sorted(raw, key=lambda link: link.image), *cover]
    found = [_link(link, parsed) for link in ordered]
    return [link for link in found if link is not None]


def _link(raw: RawLink, parsed: Parsed) -> Link | None:
    """Return a link to a file of the folder or an anchor of this article; None for other links."""
    target = target_of(parsed.article.path, raw.url)
    if target is None:
        return None
    return Link(target.path, target.anchor, parsed.body_line + raw.line, raw.image)
