"""Converts with Python-Markdown, for articles written for its dialect (``markdown: classic``)."""

from __future__ import annotations

import html
import re
import threading
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from indexer.model import TocEntry
from indexer.reading.html_tags import tags
from indexer.reading.markdown.converted import Converted, Note, RawLink
from indexer.reading.markdown.renderers import task_box

_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u30ff"
_BREAK_IN_CJK = re.compile(rf"(?<=[{_CJK}])[ \t]*\n[ \t]*(?=[{_CJK}])")
_INPUT = re.compile(r"<input\b[^<>]*>")
_FENCES = ("```", "~~~")
_INLINE_CODE = re.compile(r"`[^`]++`")
_REMOVED = re.compile(r"(?i)<\s*+(script|iframe|object|embed|style|form|video|svg|button)\b")


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


class _Converter(threading.local):
    """One converter per thread: Python-Markdown keeps the text's state in itself."""

    def __init__(self) -> None:
        self.markdown = _make_converter()


def to_html(body: str, lang: str) -> Converted:
    """Convert a body."""
    markdown = _converter.markdown.reset()
    made = _with_boxes(markdown.convert(body), lang)
    links = [
        RawLink(html.unescape(url), _line_of(html.unescape(url), body), tag.name == "img")
        for tag in tags(made)
        if tag.name in ("a", "img") and (url := tag.attribute("href") or tag.attribute("src"))
    ]
    return Converted(made, list(_toc(getattr(markdown, "toc_tokens", []))), links, _notes(body))


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


def _with_boxes(raw: str, lang: str) -> str:
    """Replace check boxes of task lists by labelled images, because readers cannot tick them."""

    def box(match: re.Match[str]) -> str:
        if 'type="checkbox"' not in match.group():
            return match.group()
        return task_box("checked" in match.group(), lang)

    return _INPUT.sub(box, raw)


def _toc(tokens: list[dict[str, Any]]) -> list[TocEntry]:
    entries: list[TocEntry] = []
    for token in tokens:
        name = html.unescape(str(token["name"]))
        entries.append(TocEntry(str(token["id"]), name, int(token["level"])))
        entries += _toc(token["children"])
    return entries


def _line_of(needle: str, body: str) -> int:
    """The first line that contains the text; 0 if none does."""
    places = [body.find(candidate) for candidate in (needle, unquote(needle))]
    found = next((place for place in places if place >= 0), 0)
    return body.count("\n", 0, found)


def _notes(body: str) -> list[Note]:
    outside_code = _without_code(body)
    return [
        Note(
            outside_code.count("\n", 0, match.start()),
            "unsafe-html",
            f"<{match.group(1)}> was removed.",
            "To show it, put it between backticks.",
        )
        for match in _REMOVED.finditer(outside_code)
    ]


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


_converter = _Converter()
