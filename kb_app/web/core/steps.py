"""The numbered steps of an article, which readers tick and can be stuck at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.reading.html_tree import Node, tree_of

# Steps of a step, quotations and footnotes are not counted.
_APART = frozenset(("li", "blockquote", "table"))
_LONGEST_TEXT = 120
FEWEST = 2


@dataclass(frozen=True)
class Step:
    """A step: its place among all of the article, its number in its list, and its words."""

    place: int
    number: int
    text: str
    start: int


def steps(markup: str) -> list[Step]:
    """The steps of an article's sanitised HTML, in order; places count from 1."""
    if "<ol" not in markup:
        return []
    found: list[Step] = []
    for ol in _lists(tree_of(markup)):
        items = [item for item in ol.elements if item.tag == "li"]
        first = ol.attributes.get("start", "1")
        number = int(first) if first.isascii() and first.isdigit() and len(first) < 5 else 1
        for offset, item in enumerate(items if len(items) >= FEWEST else ()):
            text = item.text()[:_LONGEST_TEXT]
            found.append(Step(len(found) + 1, number + offset, text, item.start))
    return found


def with_step_marks(markup: str) -> str:
    """The HTML with ``data-step`` and ``data-number`` on each step."""
    pieces, at = [], 0
    for step in steps(markup):
        end = step.start + len("<li")
        pieces += [markup[at:end], f' data-step="{step.place}" data-number="{step.number}"']
        at = end
    return "".join([*pieces, markup[at:]])


def _lists(node: Node) -> Iterator[Node]:
    for child in node.elements:
        if child.tag == "ol":
            yield child
        elif child.tag not in _APART and "footnote" not in child.classes:
            yield from _lists(child)
