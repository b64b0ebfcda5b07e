"""Reads sanitised HTML: the text under each heading, and the blocks that it is made of.

A block is a paragraph, list, table, definition list, code, figure or quotation. What a list or
table holds belongs to it. The panel of a tab, an admonition and a folded text are containers: each
of their blocks carries their label and the number of their group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby

from indexer.model import Section
from indexer.reading.html_tree import Node, tree_of
from indexer.reading.table_lines import TableLines, rows_of
from search.model import Block, BlockKind

# Elements that stand on lines of their own.
_LINES = frozenset(
    (
        *("p", "li", "tr", "dt", "dd", "blockquote", "pre", "figcaption", "caption", "summary"),
        *("div", "details", "h1", "h2", "h3", "h4", "h5", "h6"),
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SILENT = ("footnote-backref", "footnote-ref", "visually-hidden", "headerlink")
# What is struck out no longer holds; the reading above a word is not part of the sentence.
_LEFT_OUT = ("del", "s", "rt", "rp")
_BREAKS = {"br": "\n", "hr": "\n"}
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_SHIFTED = {"sup": (_RAISED, "^"), "sub": (_LOWERED, "_")}
_SIGNS = re.compile(r"[0-9+=()n-]+")
_KINDS: dict[str, BlockKind] = {
    "p": "paragraph",
    "ul": "list",
    "ol": "steps",
    "table": "table",
    "dl": "definition",
    "pre": "code",
    "figure": "figure",
}
# An image after one of these, or at the start of a line, stands apart from the sentence.
_SENTENCE_END = tuple(".!?:。！？：")


@dataclass
class BlockMarkup:
    """A block with the places of its HTML: of the whole, and of each item (row, step, term).

    Items count from 1, in the order of ``items``. ``head`` has the heading rows of a table.
    """

    number: int
    kind: BlockKind
    label: str
    group: int
    start: int
    end: int
    items: list[tuple[int, int]] = field(default_factory=list)
    head: list[tuple[int, int]] = field(default_factory=list)
    first_item: int = 1


# A line of text with the block and the item that it belongs to.
_Line = tuple[BlockMarkup | None, int, str]


class SectionReader:
    """Splits sanitised HTML into sections of blocks. One reader reads one text."""

    def __init__(self) -> None:
        self.anchors: list[str] = []
        self.blocks: list[BlockMarkup] = []
        self._trail: list[tuple[int, str]] = []
        self._sections: list[Section] = []
        self._heading: tuple[str, int, str] = ("", 0, "")
        self._pieces: list[_Line] = []
        self._block: BlockMarkup | None = None
        self._item = 0
        self._pre = False
        self._cell: list[str] | None = None
        # One list for each set of tabs that is open: sets may lie in each other.
        self._labels: list[list[str]] = []
        self._container: tuple[str, int] = ("", 0)
        self._groups = 0
        self._quotation = False
        self._footnotes = False

    def read(self, markup: str) -> list[Section]:
        """Read a whole text; sections without text are left out.

        A heading without text remains in the heading paths of its subsections.
        """
        self._children(tree_of(markup))
        self._close_section()
        return [section for section in self._sections if section.text]

    # --- elements ---

    def _children(self, node: Node, shifted: str = "") -> None:
        for child in node.children:
            if isinstance(child, Node):
                self._element(child, shifted)
            else:
                self._string(child, shifted)

    def _element(self, node: Node, shifted: str) -> None:
        self._note_anchor(node)
        tag, names = node.tag, node.classes
        if tag in _LEFT_OUT or any(name in _SILENT for name in names):
            for inner in node.descendants():
                self._note_anchor(inner)
        elif "hidden" in node.attributes:
            self._hidden(node)
        elif tag == "img":
            self._image(node, inline="inline" in names)
        elif tag in _BREAKS:
            self._write(_BREAKS[tag])
        elif "tabbed-labels" in names:
            self._labels.append([label.text() for label in node.elements if label.tag == "label"])
        elif tag in _HEADINGS and self._block is None:
            self._read_heading(node)
        elif tag == "table":
            self._table(node)
        else:
            self._other(node, names, tag if tag in _SHIFTED else shifted)

    def _other(self, node: Node, names: list[str], shifted: str) -> None:
        tag = node.tag
        if tag in _LINES:
            self._write("\n")
        elif tag in ("label", "td", "th"):
            self._write(" ")
        if "tabbed-block" in names:
            self._in_container(node, self._next_label(), shifted)
        elif self._block is None and (tag == "details" or "admonition" in names):
            self._in_container(node, "", shifted)
        elif self._block is None and (tag == "summary" or "admonition-title" in names):
            self._title(node)
        elif self._block is None and tag in _KINDS:
            self._read_block(node, shifted)
        elif self._is_item(node):
            self._read_item(node, shifted)
        else:
            self._inside(node, shifted)
        if tag in _LINES:
            self._write("\n")

    def _inside(self, node: Node, shifted: str) -> None:
        """What lies in an element that is no block, and what it says of the blocks inside."""
        before = self._pre, self._quotation, self._footnotes
        self._pre |= node.tag == "pre"
        self._quotation |= node.tag == "blockquote"
        self._footnotes |= "footnote" in node.classes
        self._children(node, shifted)
        self._pre, self._quotation, self._footnotes = before

    def _note_anchor(self, node: Node) -> None:
        name = node.attributes.get("name", "") if node.tag == "a" else ""
        if anchor := node.attributes.get("id") or name:
            self.anchors.append(anchor)

    def _read_heading(self, node: Node) -> None:
        self._close_section()
        for inner in node.descendants():
            self._note_anchor(inner)
        name, level = _heading_text(node), _HEADINGS[node.tag]
        above = [(depth, text) for depth, text in self._trail if depth < level]
        self._trail = [*above, (level, name)]
        path = " > ".join(text for _, text in self._trail)
        self._heading = (path, level, node.attributes.get("id", ""))

    # --- blocks, their items and their containers ---

    def _read_block(self, node: Node, shifted: str) -> None:
        kind = _KINDS[node.tag]
        if kind == "paragraph" and self._quotation:
            kind = "quotation"
        elif kind == "paragraph" and _is_image_alone(node):
            kind = "figure"
        if self._footnotes:
            kind = "note"
        block = self._new_block(kind, node)
        if node.tag == "ol" and node.attributes.get("start", "").isdecimal():
            block.first_item = int(node.attributes["start"][:9])
        with self._reading(block):
            self._inside(node, shifted)

    def _new_block(self, kind: BlockKind, node: Node) -> BlockMarkup:
        label, group = self._container
        block = BlockMarkup(len(self.blocks), kind, label, group, node.start, node.end)
        self.blocks.append(block)
        return block

    @contextmanager
    def _reading(self, block: BlockMarkup) -> Iterator[None]:
        before = self._block, self._item
        self._block, self._item = block, 0
        yield
        self._block, self._item = before

    def _is_item(self, node: Node) -> bool:
        block = self._block
        if block is None or self._cell is not None or self._item:
            return False
        return node.tag == "li" or (node.tag in ("dt", "dd") and block.kind == "definition")

    def _read_item(self, node: Node, shifted: str) -> None:
        """An item of the outermost list; a term with the definitions below it."""
        block = self._block
        if block is None:
            return
        if node.tag == "dd" and block.items:
            block.items[-1] = (block.items[-1][0], node.end)
        else:
            block.items.append((node.start, node.end))
        before = self._item
        self._item = len(block.items)
        self._inside(node, shifted)
        self._item = before

    def _in_container(self, node: Node, label: str, shifted: str) -> None:
        before = self._container
        if self._block is None:
            self._groups += 1
            self._container = (label or before[0], self._groups)
        if label:
            self._write_label(label)
        self._inside(node, shifted)
        self._container = before

    def _title(self, node: Node) -> None:
        title = node.text()
        self._container = (title, self._container[1])
        self._write_label(title)

    def _write_label(self, label: str) -> None:
        if self._block is not None:
            self._write(f"\n{label}\n")
            return
        with self._reading(BlockMarkup(-1, "label", label, self._container[1], 0, 0)):
            self._write(f"\n{label}\n")

    def _hidden(self, node: Node) -> None:
        """Text that is found and not shown: a label, since that is never quoted."""
        with self._reading(BlockMarkup(-1, "label", "", 0, 0, 0)):
            self._write("\n")
            self._inside(node, "")
            self._write("\n")

    def _next_label(self) -> str:
        while self._labels and not self._labels[-1]:
            self._labels.pop()
        return self._labels[-1].pop(0) if self._labels else ""

    def _image(self, node: Node, *, inline: bool) -> None:
        alt = node.attributes.get("alt", "")
        before = self._pieces[-1][2].rstrip(" ") if self._pieces else ""
        apart = not before or before.endswith(("\n", *_SENTENCE_END))
        if self._cell is not None or inline or not apart or self._is("figure"):
            self._write(f" {alt} ")
            return
        with self._reading(self._new_block("figure", node)):
            self._write(f"\n{alt}\n")

    def _is(self, kind: BlockKind) -> bool:
        return self._block is not None and self._block.kind == kind

    # --- tables ---

    def _table(self, node: Node) -> None:
        if self._cell is not None:  # a nested table is text of the outer cell
            self._inside(node, "")
            return
        if self._block is not None:
            self._rows(node, None)
            return
        block = self._new_block("note" if self._footnotes else "table", node)
        with self._reading(block):
            self._rows(node, block)

    def _rows(self, node: Node, block: BlockMarkup | None) -> None:
        table, item = TableLines(), self._item
        for row in rows_of(node):
            self._note_anchor(row)
            if row.tag == "caption":
                self._write("\n")
                self._children(row)
                self._write("\n")
                continue
            cells = [cell for cell in row.elements if cell.tag in ("td", "th")]
            is_heading = bool(cells) and all(cell.tag == "th" for cell in cells)
            if block is not None:
                (block.head if is_heading else block.items).append((row.start, row.end))
                self._item = 0 if is_heading else len(block.items)
            line = table.line([self._cell_text(cell) for cell in cells], is_heading)
            self._write(f"\n{line}\n")
        self._item = item
        self._write(f"\n{table.end()}\n")

    def _cell_text(self, cell: Node) -> str:
        self._note_anchor(cell)
        self._cell = []
        self._inside(cell, "")
        text, self._cell = " ".join("".join(self._cell).split()), None
        return text

    # --- text ---

    def _string(self, data: str, shifted: str) -> None:
        text = _shift(data, shifted) if shifted else data
        self._write(text if self._pre else re.sub(r"\s+", " ", text))

    def _write(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text if text != "\n" else " ")
        elif text:
            self._pieces.append((self._block, self._item, text))

    def _close_section(self) -> None:
        heading, level, anchor = self._heading
        lines = list(_lines_of(self._pieces))
        self._pieces = []
        if lines or heading:
            text = "\n".join(line for _, _, line in lines)
            self._sections.append(Section(heading, anchor, level, text, tuple(_runs(lines))))


def blocks_in(markup: str) -> list[BlockMarkup]:
    """The blocks of an article's HTML, by number."""
    reader = SectionReader()
    reader.read(markup)
    return reader.blocks


def _lines_of(pieces: list[_Line]) -> Iterator[_Line]:
    """The lines that are not empty, each with the block of its first word."""
    owner: tuple[BlockMarkup | None, int] | None = None
    parts: list[str] = []
    for block, item, text in [*pieces, (None, 0, "\n")]:
        for number, part in enumerate(text.split("\n")):
            if number:
                if owner is not None:
                    yield *owner, " ".join("".join(parts).split())
                owner, parts = None, []
            parts.append(part)
            if owner is None and part.strip():
                owner = (block, item)


def _runs(lines: list[_Line]) -> Iterator[Block]:
    """Lines in a row that belong to one block; a line without one is a paragraph of its own."""
    first = 0
    for _, group in groupby(enumerate(lines), lambda pair: _owner(pair[0], pair[1][0])):
        run = [line for _, line in group]
        block = run[0][0]
        items = tuple(item for _, item, _ in run)
        if block is None:
            yield Block("paragraph", first, items)
        else:
            yield Block(
                block.kind,
                first,
                items,
                block.number,
                block.label,
                block.group,
                len(block.items),
                block.first_item,
            )
        first += len(run)


def _owner(place: int, block: BlockMarkup | None) -> tuple[str, int]:
    return ("line", place) if block is None else (block.kind, id(block))


def _is_image_alone(node: Node) -> bool:
    has_image = any(inner.tag == "img" for inner in node.descendants())
    return has_image and not node.text()


def _heading_text(node: Node) -> str:
    reader = SectionReader()
    reader._children(node)
    return " ".join("".join(text for _, _, text in reader._pieces).split())


def _shift(text: str, tag: str) -> str:
    """Raised or lowered text in characters of its own: 10² is not 102; but 1st is 1st."""
    table, mark = _SHIFTED[tag]
    shown = text.strip()
    if _SIGNS.fullmatch(shown):
        return shown.translate(table)
    return f"{mark}{text}" if any(char.isdigit() for char in shown) else text
