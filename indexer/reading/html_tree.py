"""A small tree of sanitised HTML that knows where each element stands in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("img", "br", "hr", "input", "col", "wbr", "source", "track", "area"))
# Elements that are nested deeper are left out; their text belongs to the last one above.
MAX_DEPTH = 60


@dataclass
class Node:
    """An element. ``start`` and ``end`` are offsets of its tags in the text, end exclusive."""

    tag: str
    attributes: dict[str, str]
    start: int = 0
    end: int = 0
    children: list[Node | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The names in its class attribute."""
        return self.attributes.get("class", "").split()

    @property
    def elements(self) -> Iterator[Node]:
        """The elements directly inside."""
        return (child for child in self.children if isinstance(child, Node))

    def descendants(self) -> Iterator[Node]:
        """All elements inside, in the order of the text."""
        for child in self.elements:
            yield child
            yield from child.descendants()

    def text(self) -> str:
        """The words inside, with single spaces."""
        return " ".join("".join(self._strings()).split())

    def _strings(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._strings()


class _Builder(HTMLParser):
    """Makes the tree; the text is fed whole."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {}, 0, len(markup))
        self._open = [self.root]
        self._too_deep = 0
        self._line_starts = [0]
        for line in markup.split("\n"):
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)
        self.feed(markup)
        self.close()
        for node in self._open:
            node.end = len(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by feed()."""
        start = self._at()
        node = Node(tag, {name: value or "" for name, value in attrs}, start, start)
        if tag in VOID:
            node.end = start + len(self.get_starttag_text() or "")
            self._open[-1].children.append(node)
        elif self._too_deep or len(self._open) > MAX_DEPTH:
            self._too_deep += 1
        else:
            self._open[-1].children.append(node)
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Called by feed()."""
        if tag in VOID:
            return
        if self._too_deep:
            self._too_deep -= 1
        elif any(node.tag == tag for node in self._open[1:]):
            end = self._at() + len(tag) + 3
            while (node := self._open.pop()).tag != tag:
                node.end = self._at()
            node.end = end

    def handle_data(self, data: str) -> None:
        """Called by feed()."""
        self._open[-1].children.append(data)

    def _at(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column


def tree_of(markup: str) -> Node:
    """Return the root of sanitised HTML; its children are the elements of the body."""
    return _Builder(markup).root
