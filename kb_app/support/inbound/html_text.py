"""HTML mails as text: cells and lines stay apart, links keep their address, quotes their mark."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Beyond them only the mail as it came has the text; nested tags take a quadratic time to mend.
MAX_CHARS = 200_000
_SKIPPED = ("script", "style", "head", "title", "template", "noscript")
_BLOCKS = frozenset(
    (
        *("p", "div", "ul", "ol", "dl", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("blockquote", "pre", "section", "article", "header", "footer", "center", "form"),
        *("address", "fieldset", "figure", "dt", "dd", "caption", "tbody", "thead", "body"),
    )
)
_TAGS = {*_BLOCKS, "a", "br", "hr", "img", "li", "span", "td", "th", "b", "i", "em", "strong"}
_ATTRIBUTES = {"*": {"style"}, "a": {"href"}, "img": {"alt"}, "td": {"style"}}
_APART = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre")
_CELLS = ("td", "th")
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_HIDDEN = re.compile(r"display\s{0,3}:\s{0,3}none|mso-hide\s{0,3}:\s{0,3}all", re.IGNORECASE)
_VOID = ("br", "hr", "img", "input", "meta", "link", "col", "area", "base", "wbr", "source")


def html_to_text(markup: str) -> str:
    """The text of an HTML mail. Linear in its length; never fails."""
    import nh3

    reader = _Reader()
    # Broken markup is mended first: the parser of Python takes quadratic time for it.
    for start, end in (("<!--", "-->"), ("<style", "</style>")):
        markup = _without(markup, start, end)
    reader.feed(nh3.clean(markup[:MAX_CHARS], tags=_TAGS, attributes=_ATTRIBUTES))
    reader.close()
    return reader.text()


def _without(markup: str, start: str, end: str) -> str:
    """The markup without the parts between two marks, which may be most of it."""
    first, *rest = markup.split(start)
    return first + "".join(part.partition(end)[2] if end in part else part for part in rest)


class _Reader(HTMLParser):
    """Collects lines; ``>`` goes before those inside a quotation."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._skipped: list[str] = []
        self._quoted = 0
        self._pre = 0
        self._lists: list[int] = []
        self._link = ""
        self._link_from = 0
        self._cells = 0
        self._indent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by feed()."""
        values = dict(attrs)
        if self._skipped or tag in _SKIPPED or _HIDDEN.search(values.get("style") or ""):
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        if tag in ("br", "hr", "img"):
            self._add_void(tag, values.get("alt") or "")
        elif tag == "a":
            self._link, self._link_from = str(values.get("href") or ""), len(self._line)
        elif tag in _CELLS:
            self._line.append(" | " if self._cells else "")
            self._cells += 1
        elif tag == "li":
            self._begin_item()
        elif tag in _BLOCKS:
            self._begin_block(tag)

    def _add_void(self, tag: str, alt: str) -> None:
        if tag == "img":
            self._line.append(f" [{alt}] " if alt else "")
            return
        self._end_line(keep_empty=tag == "br")
        if tag == "hr":
            self._lines.append(f"{self._mark()}---")

    def _begin_item(self) -> None:
        self._end_line()
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        self._indent = "  " * (len(self._lists) - 1)
        self._line.append(f"{number}. " if number else "- ")

    def _begin_block(self, tag: str) -> None:
        self._end_line()
        if tag in _APART:
            self._empty_line()
        if tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else 0)
        self._cells = 0 if tag == "tr" else self._cells
        self._quoted += tag == "blockquote"
        self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Called by feed()."""
        if self._skipped:
            if tag in self._skipped:
                del self._skipped[self._skipped.index(tag) :]
            return
        if tag == "a":
            self._end_link()
        elif tag == "li" or tag in _BLOCKS:
            self._end_line()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            self._quoted -= tag == "blockquote" and self._quoted > 0
            self._pre -= tag == "pre" and self._pre > 0
            if tag in _APART:
                self._empty_line()

    def _end_link(self) -> None:
        """Put the address behind a link's words, unless they say it already."""
        address, words = self._link, "".join(self._line[self._link_from :]).strip()
        self._link = ""
        if not address.startswith(("http://", "https://", "mailto:", "tel:")):
            return
        shown = address.removeprefix("mailto:").removeprefix("tel:")
        if words and shown.rstrip("/") not in words and words not in shown:
            self._line.append(f" <{shown}>")
        elif not words:
            self._line.append(f"<{shown}>")

    def handle_data(self, data: str) -> None:
        """Called by feed()."""
        if self._skipped:
            return
        if self._pre:
            first, *rest = data.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line(keep_empty=True)
                self._line.append(line)
        else:
            self._line.append(_SPACES.sub(" ", data))

    def _mark(self) -> str:
        return "> " * min(self._quoted, 10)

    def _end_line(self, *, keep_empty: bool = False) -> None:
        text = "".join(self._line)
        text = text.rstrip() if self._pre else " ".join(filter(None, text.split(" ")))
        if text:
            text = self._indent + text
        self._line, self._link_from, self._indent = [], 0, ""
        if text or keep_empty:
            self._lines.append(f"{self._mark()}{text}".rstrip())

    def _empty_line(self) -> None:
        if self._lines and self._lines[-1].strip("> "):
            self._lines.append(self._mark().rstrip())

    def text(self) -> str:
        """The whole text; no more than one empty line in a row."""
        self._end_line()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        kept = [
            line
            for line, before in zip(self._lines, ["", *self._lines], strict=False)
            if line.strip("> ") or before.strip("> ")
        ]
        return "\n".join(kept).strip()
