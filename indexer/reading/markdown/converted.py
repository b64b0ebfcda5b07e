"""What a converter returns: HTML that is not sanitised yet, and what it met on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from indexer.model import TocEntry


@dataclass(frozen=True)
class Note:
    """Something in the Markdown that its writer should know. ``line`` counts from 0 in the body."""

    line: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class RawLink:
    """A link or image as written. ``line`` counts from 0 in the body."""

    url: str
    line: int
    image: bool = False


@dataclass
class Converted:
    """The HTML of a Markdown text, its headings of level 2 to 4, links and notes."""

    html: str
    toc: list[TocEntry] = field(default_factory=list)
    links: list[RawLink] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
