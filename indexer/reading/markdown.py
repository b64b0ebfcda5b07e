"""Converts the Markdown of one article to sanitised HTML, table of contents, sections and links."""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace
from operator import itemgetter
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from indexer.model import Article, Link, Problem, TocEntry
from indexer.reading.body_checks import _body_problems, line_of
from indexer.reading.files import resolve
from indexer.reading.front_matter import Parsed
from indexer.reading.html_tags import Tag, rewrite_tags, tags
from indexer.reading.html_text import _SectionReader

VERSION = "5"
"""Increase when the same file would give different HTML; cached articles are rendered again."""

_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u30ff"
_BREAK_IN_CJK = re.compile(rf"(?<=[{_CJK}])[ \t]*\n[ \t]*(?=[{_CJK}])")
_INPUT = re.compile(r"<input\b[^<>]*>")
_TASK = {"ja": ("済み", "まだ"), "en": ("done", "to do")}

_TAGS = (
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins kbd label li mark ol p pre q rp rt "
    "ruby s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var wbr"
)
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "id", "title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "input": {"type", "checked", "name", "disabled"},
    "label": {"for"},
    "ol": {"start", "type", "reversed"},
    "td": {"align", "colspan", "rowspan", "headers"},
    "th": {"align", "colspan", "rowspan", "headers", "scope", "abbr"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
}


class JoinJapaneseLines(Treeprocessor):
    """Removes line breaks between Japanese characters, where they are not spaces."""

    def run(self, root: Element) -> None:
        """Join lines between two Japanese characters, except in code."""
        for element in root.iter():
            if element.tag in ("pre", "code"):
                continue
            if element.text:
                element.text = _BREAK_IN_CJK.sub("", element.text)
            for child in element:
                if child.tail:
                    child.tail = _BREAK_IN_CJK.sub("", child.tail)


class JapaneseLines(Extension):
    """Registers JoinJapaneseLines to run after the inline patterns."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802, the library's name
        """Register the tree processor. Called by Python-Markdown."""
        md.treeprocessors.register(JoinJapaneseLines(md), "japanese-lines", 5)


def render(parsed: Parsed) -> tuple[Article, list[Problem]]:
    """Return the article with its HTML, and the problems found in its body."""
    article = parsed.article
    markdown = _converter.markdown.reset()
    raw = markdown.convert(parsed.body)
    clean = sanitise(_task_boxes(raw, article.lang))
    clean = _scroll_tables(clean)
    toc = tuple(_toc(getattr(markdown, "toc_tokens", [])))
    body = _SectionReader(article.title)
    body.feed(clean)
    body.close()
    finished = replace(
        article,
        html=clean,
        toc=toc,
        sections=tuple(body.finish()),
        anchors=tuple(body.anchors),
        links=tuple(_links(clean, parsed)),
    )
    return finished, [*parsed.problems, *_body_problems(finished, parsed)]


class _Converter(threading.local):
    """One converter per thread: Python-Markdown keeps the text's state in itself."""

    def __init__(self) -> None:
        self.markdown = _make_converter()


def _make_converter() -> Markdown:
    """Return Python-Markdown with the supported extensions."""
    import pymdownx.slugs

    options: dict[str, dict[str, Any]] = {
        "toc": {
            "slugify": pymdownx.slugs.slugify(case="lower", normalize="NFKC"),
            "toc_depth": "2-4",
        },
        "footnotes": {"BACKLINK_TITLE": "↩ {}", "UNIQUE_IDS": False},
        "tables": {"use_align_attribute": True},
        "pymdownx.highlight": {
            "use_pygments": True,
            "guess_lang": False,
            "anchor_linenums": False,
            "linenums": False,
        },
        "pymdownx.tabbed": {"alternate_style": True, "slugify": None},
        "pymdownx.tasklist": {"custom_checkbox": False},
        "pymdownx.magiclink": {"hide_protocol": False},
    }
    return Markdown(
        extensions=[
            "tables",
            "footnotes",
            "def_list",
            "admonition",
            "attr_list",
            "md_in_html",
            "abbr",
            "sane_lists",
            "toc",
            "pymdownx.superfences",
            "pymdownx.highlight",
            "pymdownx.inlinehilite",
            "pymdownx.tabbed",
            "pymdownx.tasklist",
            "pymdownx.magiclink",
            "pymdownx.tilde",
            JapaneseLines(),
        ],
        extension_configs=options,
        output_format="html",
    )


def sanitise(raw: str) -> str:
    """Return HTML without scripts and styles; URL schemes are web, mail and phone only."""
    return nh3.clean(
        raw,
        tags=set(_TAGS.split()),
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
        set_tag_attribute_values={"input": {"type": "radio"}},
        strip_comments=True,
    )


def _task_boxes(raw: str, lang: str) -> str:
    """Replace check boxes of task lists by labelled images, because readers cannot tick them."""
    done, todo = _TASK.get(lang, _TASK["en"])

    def box(match: re.Match[str]) -> str:
        if 'type="checkbox"' not in match.group():
            return match.group()
        ticked = "checked" in match.group()
        name, kind = (done, "task-done") if ticked else (todo, "task-todo")
        return f'<span class="task-box {kind}"><span class="visually-hidden">{name}: </span></span>'

    return _INPUT.sub(box, raw)


def _scroll_tables(clean: str) -> str:
    """Wrap each table in a scroll container, so that wide tables do not scroll the page."""

    def wrap(tag: Tag) -> str:
        if tag.name == "table":
            return f'<div class="table-scroll">{tag.text}'
        return f"{tag.text}</div>" if tag.name == "/table" else tag.text

    return rewrite_tags(clean, wrap)


def _toc(tokens: list[dict[str, Any]]) -> list[TocEntry]:
    entries: list[TocEntry] = []
    for token in tokens:
        entries.append(
            TocEntry(str(token["id"]), html.unescape(str(token["name"])), int(token["level"]))
        )
        entries += _toc(token["children"])
    return entries


def _links(clean: str, parsed: Parsed) -> list[Link]:
    sources = {"a": "href", "img": "src"}
    found = [
        (tag.name == "img", tag.attribute(sources[tag.name]))
        for tag in tags(clean)
        if tag.name in sources
    ]
    # Links before images, each in their order.
    found.sort(key=itemgetter(0))
    links = [_link(url, parsed, image) for image, url in found if url is not None]
    if parsed.article.cover:
        links.append(_link(parsed.article.cover, parsed, image=True))
    return [link for link in links if link is not None]


def _link(raw: str, parsed: Parsed, image: bool) -> Link | None:
    """Return a link to a file of the folder or an anchor of this article; None for other links."""
    href = html.unescape(raw)
    try:
        parts = urlsplit(href)
    except ValueError:  # not a URL, e.g. //[
        return None
    if parts.scheme or parts.netloc or href.startswith("/") or not href:
        return None
    if href.startswith(("#fn:", "#fnref")):
        return None
    target = resolve(parsed.article.path, unquote(parts.path)) if parts.path else ""
    return Link(target, unquote(parts.fragment), line_of(href, parsed), image)


_converter = _Converter()
