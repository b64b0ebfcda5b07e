"""Extracts the text of sections from HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from indexer.model import Section

_BLOCKS = frozenset(
    (
        *("p", "li", "tr", "dt", "dd", "blockquote", "pre", "figcaption", "caption", "summary"),
        *("div", "details", "h1", "h2", "h3", "h4", "h5", "h6"),
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SILENT = ("footnote-backref", "footnote-ref", "visually-hidden", "headerlink")
# What is struck out no longer holds; the reading above a word is not part of the sentence.
_LEFT_OUT = ("del", "s", "rt", "rp")
_VOID = ("img", "br", "hr", "input", "col", "wbr")
_BREAKS = {"br": "\n", "hr": "\n"}
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_SHIFTED = {"sup": (_RAISED, "^"), "sub": (_LOWERED, "_")}
_SIGNS = re.compile(r"[0-9+=()n-]+")


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


class SectionReader(HTMLParser):
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
        self._shifted = ""
        # One list for each set of tabs that is open: sets may lie in each other.
        self._labels: list[list[str]] = []
        self._labels_open = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by feed()."""
        values = dict(attrs)
        names = (values.get("class") or "").split()
        anchor = values.get("id") or (values.get("name") if tag == "a" else "")
        if anchor:
            self.anchors.append(anchor)
        if tag in _VOID:
            alt = f" {values.get('alt') or ''} "
            self._write(alt if tag == "img" else _BREAKS.get(tag, ""))
            return
        if self._silent or tag in _LEFT_OUT or any(name in _SILENT for name in names):
            self._silent += 1
            return
        self._pre += tag == "pre"
        self._shifted = tag if tag in _SHIFTED else self._shifted
        if "tabbed-labels" in names or self._labels_open:
            self._open_label(tag)
        elif tag in _HEADINGS:
            self._close()
            self._heading_text = []
            self._heading = ("", _HEADINGS[tag], str(values.get("id") or ""))
        else:
            self._open_block(tag, names)

    def _open_block(self, tag: str, names: list[str]) -> None:
        if tag == "table":
            self._tables.append(_Table())
        elif tag in ("td", "th"):
            self._begin_cell(tag)
        elif tag in _BLOCKS:
            self._write("\n")
            if "tabbed-block" in names:
                self._write_label()
        elif tag == "label":
            self._write(" ")

    def _open_label(self, tag: str) -> None:
        """The labels of tabs stand together on the page, and here before the text of each tab."""
        if not self._labels_open:
            self._labels.append([])
        elif tag == "label":
            self._labels[-1].append("")
        self._labels_open += 1

    def _write_label(self) -> None:
        while self._labels and not self._labels[-1]:
            self._labels.pop()
        if self._labels:
            self._write(f"{self._labels[-1].pop(0)}\n")

    def handle_endtag(self, tag: str) -> None:
        """Called by feed()."""
        if self._silent:
            self._silent -= tag not in _VOID
            return
        self._pre -= tag == "pre"
        self._shifted = "" if tag == self._shifted else self._shifted
        if self._labels_open:
            self._labels_open -= 1
        elif tag in _HEADINGS and self._heading_text is not None:
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
        """Called by feed()."""
        if self._silent:
            return
        text = _shift(data, self._shifted) if self._shifted else data
        if self._labels_open:
            if self._labels[-1]:
                self._labels[-1][-1] += " ".join(text.split())
        elif self._heading_text is not None:
            self._heading_text.append(text)
        else:
            self._write(text if self._pre else re.sub(r"\s+", " ", text))

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


def _shift(text: str, tag: str) -> str:
    """Raised or lowered text in characters of its own: 10² is not 102; but 1st is 1st."""
    table, mark = _SHIFTED[tag]
    shown = text.strip()
    if _SIGNS.fullmatch(shown):
        return shown.translate(table)
    return f"{mark}{text}" if any(char.isdigit() for char in shown) else text
