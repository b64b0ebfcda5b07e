"""What is brought from another help centre, in one shape for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# What importers read at most: of one body, of one file, and articles in all.
MAX_BODY, MAX_FILE, MOST_ARTICLES = 2 * 1024 * 1024, 100 * 1024 * 1024, 100_000


class TransferError(Exception):
    """The import or export cannot go on. The message says why and what to do."""


@dataclass(frozen=True)
class ForeignSection:
    """A section with its titles by language; ``order`` is its place."""

    key: str
    titles: Mapping[str, str]
    descriptions: Mapping[str, str] = field(default_factory=dict)
    order: float = 0


@dataclass(frozen=True)
class ForeignText:
    """An article in one language. ``url`` is its page there; the body is HTML or Markdown.

    ``place`` is the file that a body comes from, for its relative links; ``old_urls`` are further
    addresses that lead to it. ``anchors`` are those of its headings, None where the body says.
    """

    lang: str
    title: str
    body: str
    url: str = ""
    updated: datetime | None = None
    is_draft: bool = False
    is_markdown: bool = False
    place: str = ""
    summary: str = ""
    old_urls: tuple[str, ...] = ()
    anchors: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ForeignFile:
    """A file that an article offers beside its text."""

    name: str
    url: str


@dataclass(frozen=True)
class ForeignArticle:
    """An article with its texts, the original first.

    ``up`` and ``down`` are its votes, None where there are none; ``old_urls`` are further addresses
    that lead to the original.
    """

    key: str
    section: str
    texts: tuple[ForeignText, ...]
    author: str = ""
    created: datetime | None = None
    up: int | None = None
    down: int | None = None
    labels: tuple[str, ...] = ()
    is_internal: bool = False
    is_promoted: bool = False
    order: float | None = None
    old_urls: tuple[str, ...] = ()
    files: tuple[ForeignFile, ...] = ()


class Source(Protocol):
    """Another help centre: its API, an export, or a folder of another tool.

    ``name`` is the vendor's, as in ``kb import zendesk``. Raises TransferError where it cannot be
    read.
    """

    name: str

    def sections(self) -> Iterable[ForeignSection]:
        """All sections."""

    def articles(self) -> Iterable[ForeignArticle]:
        """All articles."""

    def file(self, url: str, place: str) -> bytes | None:
        """The content of a picture or file that an article shows; None where it cannot be had.

        ``place`` is that of the text, for addresses that are relative to it.
        """

    def unmapped(self) -> Iterable[str]:
        """What was there and has no place here, in words, after the articles were read."""
