"""The units of a passage: what one sentence of a question is compared with to find its answer.

A unit is a paragraph, or one item of a list, row of a table or term with its definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from search.model import NOT_QUOTED, Block, Passage

# Units of one passage that are compared by meaning; the words of all of them are.
MAX_UNITS = 64
_ITEMS = frozenset({"list", "steps", "table", "definition"})


@dataclass(frozen=True)
class Unit:
    """Lines ``first`` to ``end`` (exclusive) of a passage, all of one block.

    ``item`` is the number of the row, step, list item or term, or 0.
    """

    block: Block
    first: int
    end: int
    item: int
    text: str


def units_of(passage: Passage) -> list[Unit]:
    """Return what can be quoted of a passage, in its order."""
    lines = passage.text.split("\n")
    blocks = passage.blocks or tuple(
        Block("paragraph", place, (0,)) for place in range(len(lines)) if lines[place]
    )
    return [
        Unit(block, first, end, item, "\n".join(lines[first:end]))
        for block in blocks
        if block.kind not in NOT_QUOTED
        for first, end, item in _spans(block)
    ]


def shown_text(passage: Passage) -> str:
    """The lines of a passage that may be shown as sentences; all of them where none may."""
    lines = passage.text.split("\n")
    hidden = {
        place
        for block in passage.blocks
        if block.kind in NOT_QUOTED
        for place in range(block.first, block.end)
    }
    return (
        "\n".join(line for place, line in enumerate(lines) if place not in hidden) or passage.text
    )


def embedded_units(passage: Passage) -> list[str]:
    """Return the texts of its units to embed; none where the passage is a single one."""
    units = units_of(passage)[:MAX_UNITS]
    if len(units) < 2:
        return []
    above = [part for part in (passage.title, passage.heading) if part]
    return ["\n".join((*above, *filter(None, (unit.block.label,)), unit.text)) for unit in units]


def _spans(block: Block) -> Iterator[tuple[int, int, int]]:
    if block.kind not in _ITEMS:
        yield block.first, block.end, 0
        return
    first = block.first
    for item, run in groupby(block.items):
        end = first + len(list(run))
        yield first, end, item
        first = end
