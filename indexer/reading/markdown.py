"""Markdown in, sanitised HTML, table of contents, sections and links out. Knows no other article."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from indexer.model import Article, Link, Problem, Section, TocEntry
from indexer.reading.front_matter import Parsed

VERSION = "4"
"""Changes whenever the same file would give other HTML; cached articles of another version are made anew."""

_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u30ff"
_BREAK_IN_CJK = re.compile(rf"(?<=[{_CJK}])[ \t]*\n[ \t]*(?=[{_CJK}])")
_CHECKBOX = re.compile(r'<input\b[^>]*type="checkbox"[^>]*>')
_TASK = {"ja": ("済み", "まだ"), "en": ("done", "to do")}
_LINK = re.compile(r'<a\s[^>]*?href="([^"]*)"[^>]*>')
_IMAGE = re.compile(r'<img\s[^>]*?src="([^"]*)"[^>]*>')
_UNSAFE_SCHEME = re.compile(r"(?i)(?:\]\(|(?:href|src)\s*=\s*[\"']?)\s*((?:javascript|vbscript|data)\s*:[^\s)\"'>]*)")
_SCRIPT = re.compile(r"(?i)<\s*(script|iframe|object|embed|style|form)\b")

_TAGS = (
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins "
    "kbd label li mark ol p pre q rp rt ruby s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var wbr"
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
    """A line break inside a Japanese sentence is no space."""

    def run(self, root: Element) -> None:
        """Join lines between two Japanese characters, outside code."""
        for element in root.iter():
            if element.tag in ("pre", "code"):
                continue
            if element.text:
                element.text = _BREAK_IN_CJK.sub("", element.text)
            for child in element:
                if child.tail:
                    child.tail = _BREAK_IN_CJK.sub("", child.tail)


class JapaneseLines(Extension):
    """Registers JoinJapaneseLines after inline patterns have run."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802, the library's name
        """Called by Python-Markdown."""
        md.treeprocessors.register(JoinJapaneseLines(md), "japanese-lines", 5)


def render(parsed: Parsed) -> tuple[Article, list[Problem]]:
    """The article with its HTML, and what in its body should be mended."""
    article = parsed.article
    markdown = converter()
    markdown.reset()
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


@lru_cache(maxsize=1)
def converter() -> Markdown:
    """Python-Markdown with the extensions that writers expect. One at a time: builds have one thread."""
    import pymdownx.slugs

    options: dict[str, dict[str, Any]] = {
        "toc": {"slugify": pymdownx.slugs.slugify(case="lower", normalize="NFKC"), "toc_depth": "2-4"},
        "footnotes": {"BACKLINK_TITLE": "↩ {}", "UNIQUE_IDS": False},
        "tables": {"use_align_attribute": True},
        "pymdownx.highlight": {"use_pygments": True, "guess_lang": False, "anchor_linenums": False, "linenums": False},
        "pymdownx.tabbed": {"alternate_style": True, "slugify": None},
        "pymdownx.tasklist": {"custom_checkbox": False},
        "pymdownx.magiclink": {"hide_protocol": False},
    }
    return Markdown(
        extensions=[
            "tables", "footnotes", "def_list", "admonition", "attr_list", "md_in_html", "abbr", "sane_lists", "toc",
            "pymdownx.superfences", "pymdownx.highlight", "pymdownx.inlinehilite", "pymdownx.tabbed", "pymdownx.tasklist",
            "pymdownx.magiclink", "pymdownx.tilde", JapaneseLines(),
        ],
        extension_configs=options,
        output_format="html",
    )  # fmt: skip


def sanitise(raw: str) -> str:
    """HTML with nothing that runs, nothing that styles itself, and no scheme but web, mail and phone."""
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
    """Check boxes of task lists as pictures with a name: they cannot be ticked, so they are no inputs."""
    done, todo = _TASK.get(lang, _TASK["en"])

    def box(match: re.Match[str]) -> str:
        ticked = "checked" in match.group()
        name, kind = (done, "task-done") if ticked else (todo, "task-todo")
        return f'<span class="task-box {kind}"><span class="visually-hidden">{name}: </span></span>'

    return _CHECKBOX.sub(box, raw)


def _scroll_tables(clean: str) -> str:
    """Wide tables scroll by themselves, not the page."""
    return re.sub(r"<table\b[^>]*>", lambda match: f'<div class="table-scroll">{match.group()}', clean).replace("</table>", "</table></div>")


def _toc(tokens: list[dict[str, Any]]) -> list[TocEntry]:
    entries: list[TocEntry] = []
    for token in tokens:
        entries.append(TocEntry(str(token["id"]), html.unescape(str(token["name"])), int(token["level"])))
        entries += _toc(token["children"])
    return entries


def _links(clean: str, parsed: Parsed) -> list[Link]:
    links = [_link(match.group(1), parsed, image=False) for match in _LINK.finditer(clean)]
    links += [_link(match.group(1), parsed, image=True) for match in _IMAGE.finditer(clean)]
    if parsed.article.cover:
        links.append(_link(parsed.article.cover, parsed, image=True))
    return [link for link in links if link is not None]


def _link(raw: str, parsed: Parsed, image: bool) -> Link | None:
    """A link to a file of the folder or an anchor of this article; None for links to elsewhere."""
    href = html.unescape(raw)
    try:
        parts = urlsplit(href)
    except ValueError:  # no address at all, e.g. //[
        return None
    if parts.scheme or parts.netloc or href.startswith("/") or not href:
        return None
    if href.startswith(("#fn:", "#fnref")):
        return None
    target = resolve(parsed.article.path, unquote(parts.path)) if parts.path else ""
    return Link(target, unquote(parts.fragment), line_of(href, parsed), image)


def resolve(path: str, target: str) -> str:
    """The path inside the folder that a relative target means; it starts with ".." when it leads out of the folder."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / target).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def line_of(needle: str, parsed: Parsed) -> int:
    """The line of the file on which a piece of the body stands; the body's first line when it is not found as it is."""
    for candidate in (needle, unquote(needle)):
        place = parsed.body.find(candidate)
        if place >= 0:
            return parsed.body_line + parsed.body[:place].count("\n")
    return parsed.body_line


def _body_problems(article: Article, parsed: Parsed) -> list[Problem]:
    problems: list[Problem] = []
    outside_code = _without_code(parsed.body)
    for match in _UNSAFE_SCHEME.finditer(outside_code):
        line = parsed.body_line + outside_code[: match.start()].count("\n")
        message = f"the link {match.group(1)[:40]!r} was removed: it could run code."
        problems.append(Problem(article.path, line, "warning", "unsafe-link", message, "Link to a page with https:// or to another article."))
    for match in _SCRIPT.finditer(outside_code):
        line = parsed.body_line + outside_code[: match.start()].count("\n")
        message = f"<{match.group(1)}> was removed: articles may not run or style anything."
        problems.append(Problem(article.path, line, "warning", "unsafe-html", message, "Delete it, or show it as code between backticks."))
    if not any(section.text for section in article.sections):
        problems.append(Problem(article.path, parsed.body_line, "warning", "empty", "has no text; only its title and questions can be found."))
    for match in _IMAGE.finditer(article.html):
        if 'alt=""' in match.group() or " alt=" not in match.group():
            line = line_of(html.unescape(match.group(1)), parsed)
            mend = "Write what it shows: ![The pairing button](pairing.svg)"
            problems.append(Problem(article.path, line, "warning", "alt", f"the image {match.group(1)} has no description.", mend))
        if match.group(1).startswith(("http:", "https:", "//")):
            line = line_of(html.unescape(match.group(1)), parsed)
            message = f"the image {match.group(1)} of another site is not shown."
            problems.append(Problem(article.path, line, "warning", "remote-image", message, "Save it beside the article."))
    return problems


def _without_code(body: str) -> str:
    """The body with code blanked out, line breaks kept."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())  # noqa: E731
    fenced = re.sub(r"(?ms)^\s*(```|~~~).*?^\s*\1", blank, body)
    return re.sub(r"`[^`\n]+`", blank, fenced)


_BLOCKS = frozenset(["p", "li", "tr", "dt", "dd", "blockquote", "pre", "figcaption", "caption", "summary", "div", "h1", "h2", "h3", "h4", "h5", "h6"])
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SILENT = ("footnote-backref", "visually-hidden", "headerlink")
_VOID = ("img", "br", "hr", "input", "col", "wbr")


class _Table:
    """A table's rows as lines of text: each cell after the heading of its column, so that a row says by itself what it means."""

    def __init__(self) -> None:
        self._headings: list[str] = []
        self._headings_said = True
        self._row: list[tuple[str, list[str]]] = []

    def begin_cell(self, tag: str) -> None:
        """What is written from now on stands in this cell, a ``td`` or ``th``."""
        self._row.append((tag, []))

    def write(self, text: str) -> bool:
        """Add to the cell; False where none has begun."""
        if self._row:
            self._row[-1][1].append(text)
        return bool(self._row)

    def end_row(self) -> str:
        """The row as a line; a row of headings is said with those below it."""
        if not self._row:
            return ""
        cells = [" ".join("".join(parts).split()) for _tag, parts in self._row]
        is_heading = all(tag == "th" for tag, _parts in self._row)
        self._row = []
        if is_heading:
            unsaid = self.end()
            self._headings, self._headings_said = cells, not any(cells)
            return unsaid
        headings = self._headings if len(self._headings) == len(cells) else [""] * len(cells)
        self._headings_said |= headings is self._headings and any(cells)
        return " / ".join(f"{heading.rstrip(':：')}: {cell}" if heading else cell for heading, cell in zip(headings, cells, strict=True) if cell)

    def end(self) -> str:
        """Headings that no row came to."""
        return "" if self._headings_said else " / ".join(filter(None, self._headings))


class _SectionReader(HTMLParser):
    """Cuts sanitised HTML into the text under each heading."""

    def __init__(self, title: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[str] = []
        self._trail: list[tuple[int, str]] = []
        self._sections: list[Section] = []
        self._heading: tuple[str, int, str] = ("", 0, "")
        self._text: list[str] = []
        self._heading_text: list[str] | None = None
        self._silent = 0
        self._pre = 0
        # A table in a cell of another is text of that cell.
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.anchors.append(str(values["id"]))
        if tag in _VOID:
            self._write({"img": f" {values.get('alt') or ''} ", "br": "\n"}.get(tag, ""))
            return
        if self._silent or any(name in (values.get("class") or "") for name in _SILENT):
            self._silent += 1
            return
        self._pre += tag == "pre"
        if tag in _HEADINGS:
            self._close()
            self._heading_text = []
            self._heading = ("", _HEADINGS[tag], str(values.get("id") or ""))
        elif tag == "table":
            self._tables.append(_Table())
        elif tag in ("td", "th"):
            self._begin_cell(tag)
        elif tag in _BLOCKS:
            self._write("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent -= tag not in _VOID
            return
        self._pre -= tag == "pre"
        if tag in _HEADINGS and self._heading_text is not None:
            _, level, anchor = self._heading
            name = " ".join("".join(self._heading_text).split())
            self._trail = [*((depth, text) for depth, text in self._trail if depth < level), (level, name)]
            self._heading = (" > ".join(text for _, text in self._trail), level, anchor)
            self._heading_text = None
        elif tag == "tr" and len(self._tables) == 1:
            self._text.append(f"\n{self._tables[0].end_row()}\n")
        elif tag == "table" and self._tables:
            table = self._tables.pop()
            self._write("\n" if self._tables else f"\n{table.end()}\n")
        elif tag in _BLOCKS:
            self._write("\n")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._heading_text is not None:
            self._heading_text.append(data)
        else:
            self._write(data if self._pre else re.sub(r"\s+", " ", data))

    def _begin_cell(self, tag: str) -> None:
        if len(self._tables) == 1:
            self._tables[0].begin_cell(tag)
        else:
            self._write(" ")

    def _write(self, text: str) -> None:
        if not (self._tables and self._tables[0].write(text)):
            self._text.append(text)

    def _close(self) -> None:
        lines = [" ".join(line.split()) for line in "".join(self._text).split("\n")]
        text = "\n".join(line for line in lines if line)
        heading, level, anchor = self._heading
        if text or heading:
            self._sections.append(Section(heading, anchor, level, text))
        self._text = []

    def finish(self) -> list[Section]:
        """All sections; headings without text of their own are left to their subsections' trails."""
        self._close()
        return [section for section in self._sections if section.text]
