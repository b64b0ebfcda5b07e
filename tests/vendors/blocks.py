"""What a body is made of before it becomes a vendor's HTML or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

NEVER = "kbNever"
"""Part of everything in a body that no reader may ever see: scripts, styles, handlers, comments."""


@dataclass(frozen=True)
class Str:
    text: str
    style: Literal["plain", "bold", "italic", "code", "kbd", "sup", "sub", "styled"] = "plain"


@dataclass(frozen=True)
class Ruby:
    base: str
    reading: str


@dataclass(frozen=True)
class Link:
    """``target`` is article:KEY, section:KEY, category:KEY, missing:NAME, a ``#here`` or a URL."""

    target: str
    text: str
    anchor: str = ""
    form: Literal["absolute", "relative", "search"] = "absolute"


@dataclass(frozen=True)
class Break:
    pass


Inline = Str | Ruby | Link | Break
Inlines = tuple[Inline, ...]


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Para:
    parts: Inlines
    form: Literal["p", "div", "centred", "onclick", "nbsp"] = "p"


@dataclass(frozen=True)
class Item:
    parts: Inlines
    below: Listing | None = None


@dataclass(frozen=True)
class Listing:
    items: tuple[Item, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Cell:
    parts: Inlines
    cols: int = 1
    rows: int = 1


@dataclass(frozen=True)
class Table:
    """The first row is the header: in a thead, in the body as th, or marked by nothing."""

    rows: tuple[tuple[Cell, ...], ...]
    header: Literal["thead", "th", "none"] = "thead"


@dataclass(frozen=True)
class CodeBlock:
    language: str
    text: str
    form: Literal["language", "breaks", "plain"] = "language"


@dataclass(frozen=True)
class Callout:
    kind: Literal["note", "tip", "warning", "danger"]
    parts: Inlines


@dataclass(frozen=True)
class Tabs:
    tabs: tuple[tuple[str, Inlines], ...]


@dataclass(frozen=True)
class Accordion:
    title: str
    parts: Inlines


@dataclass(frozen=True)
class Image:
    """A picture by its name; ``data`` puts its bytes into the body."""

    name: str
    alt: str
    form: Literal["absolute", "relative", "data", "srcset", "width"] = "absolute"


@dataclass(frozen=True)
class Attached:
    name: str


@dataclass(frozen=True)
class Video:
    url: str


@dataclass(frozen=True)
class Terms:
    terms: tuple[tuple[str, Inlines], ...]


@dataclass(frozen=True)
class Quote:
    parts: Inlines


@dataclass(frozen=True)
class Noise:
    form: Literal["script", "style", "empty", "comment"]


Block = (
    Heading
    | Para
    | Listing
    | Table
    | CodeBlock
    | Callout
    | Tabs
    | Accordion
    | Image
    | Attached
    | Video
    | Terms
    | Quote
    | Noise
)
Blocks = tuple[Block, ...]


def plain(text: str) -> Inlines:
    return (Str(text),)


def inline_texts(parts: Inlines) -> Iterator[str]:
    for part in parts:
        match part:
            case Str(text) | Link(_, text):
                yield text
            case Ruby(base):
                yield base
            case Break():
                pass


def listing_texts(listing: Listing) -> Iterator[str]:
    for item in listing.items:
        yield from inline_texts(item.parts)
        if item.below:
            yield from listing_texts(item.below)


def titled_texts(pairs: Iterable[tuple[str, Inlines]]) -> Iterator[str]:
    for title, parts in pairs:
        yield title
        yield from inline_texts(parts)


def table_texts(table: Table) -> Iterator[str]:
    for row in table.rows:
        for cell in row:
            yield from inline_texts(cell.parts)


def block_texts(block: Block) -> Iterator[str]:
    match block:
        case Heading(_, text) | CodeBlock(_, text) | Attached(text):
            yield from text.splitlines()
        case Para(parts) | Callout(_, parts) | Quote(parts):
            yield from inline_texts(parts)
        case Listing():
            yield from listing_texts(block)
        case Table():
            yield from table_texts(block)
        case Tabs(pairs) | Terms(pairs):
            yield from titled_texts(pairs)
        case Accordion(title, parts):
            yield from titled_texts([(title, parts)])
        case _:
            pass


def visible_texts(blocks: Blocks) -> tuple[str, ...]:
    """Every piece of text a reader must still find after a right import, in order."""
    pieces = (piece.strip() for block in blocks for piece in block_texts(block))
    return tuple(piece for piece in pieces if piece)


def inlines_of(block: Block) -> Iterator[Inline]:
    match block:
        case Para(parts) | Callout(_, parts) | Quote(parts) | Accordion(_, parts):
            yield from parts
        case Listing(items):
            for item in items:
                yield from item.parts
                if item.below:
                    yield from inlines_of(item.below)
        case Table(rows):
            yield from (part for row in rows for cell in row for part in cell.parts)
        case Tabs(pairs) | Terms(pairs):
            yield from (part for _, parts in pairs for part in parts)
        case _:
            pass


def links_of(blocks: Blocks) -> tuple[Link, ...]:
    parts = (part for block in blocks for part in inlines_of(block))
    return tuple(part for part in parts if isinstance(part, Link))
