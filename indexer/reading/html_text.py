"""Extracts the text of sections from HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from indexer.model import Section

_BLOCKS = frozenset(
    [
        "p",
        "li",
        "tr",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "figcaption",
        "caption",
        "summary",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)


_HEADINGS = {f"h{level}": level for level in range(1, 7)}


_SILENT = ("footnote-backref", "visually-hidden", "headerlink")


_VOID = ("img", "br", "hr", "input", "col", "wbr")


class _Table:
    """Collects table rows as lines of text.

    Each cell is prefixed with its column heading, so that a row is understood on its own.
    """

    def __init__(self) -> None:
        self._headings: list[str] = []
        self._headings_said = True
        self._row: list[tuple[str, list[str]]] = []

    def begin_cell(self, tag: str) -> None:
        """Start a cell; ``tag`` is ``td`` or ``th``."""
        self._row.append((tag, []))

    def write(self, text: str) -> bool:
        """Add text to the current cell; return False if there is none."""
        if self._row:
            self._row[-1][1].append(text)
        return bool(self._row)

    def end_row(self) -> str:
        """Return the row as a line. A heading row is returned with the rows below it."""
        if not self._row:
            return ""
        cells = [" ".join("".join(parts).split()) for _tag, parts in self._row]
        is_heading = all(tag == "th" for tag, _parts in self._row)
        self._row = []
        if is_heading:
            pending = self.end()
            self._headings, self._headings_said = cells, not any(cells)
            return pending
        headings = self._headings if len(self._headings) == len(cells) else [""] * len(cells)
        self._headings_said |= headings is self._headings and any(cells)
        return " / ".join(
            f"{heading.rstrip(':：')}: {cell}" if heading else cell
            for heading, cell in zip(headings, cells, strict=True)
            if cell
        )

    def end(self) -> str:
        """Return column headings that no row has used."""
        return "" if self._headings_said else " / ".join(filter(None, self._headings))


class _SectionReader(HTMLParser):
    """Splits sanitised HTML into the text under each heading."""

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
        # A nested table is text of the outer cell.
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
            self._trail = [
                *((depth, text) for depth, text in self._trail if depth < level),
                (level, name),
            ]
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
        """Return all sections with text.

        A heading without text remains in the heading paths of its subsections.
        """
        self._close()
        return [section for section in self._sections if section.text]
