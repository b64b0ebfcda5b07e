"""Value types of the indexer: articles, problems and build reports."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Literal, TypeVar

from search.index.record_codec import RecordCodec
from search.model import DRAFTS, Block, Document

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """A problem in a source file that its author should fix.

    ``line`` counts from 1; 0 means the whole file, and a ``path`` of "" the articles folder. An
    error keeps the article (or this version of it) out of the index, a warning does not. ``code``
    is stable, for tests and tools.
    """

    path: str
    line: int
    severity: Severity
    code: str
    message: str
    hint: str = ""
    fixable: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        said = f"{self.severity}: {self.message}" + (f" {self.hint}" if self.hint else "")
        return f"{place}: {said}" if place else said


@dataclass(frozen=True)
class Section:
    """The text under one heading.

    ``heading`` is the full heading path, e.g. "By card > What happens next". ``blocks`` are the
    blocks of its lines; without any, each line is a paragraph.
    """

    heading: str
    anchor: str
    level: int
    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Link:
    """A link or image from an article to a file of the articles folder, with its line."""

    target: str
    anchor: str
    line: int
    image: bool = False


@dataclass(frozen=True)
class TocEntry:
    """A heading in the table of contents."""

    anchor: str
    title: str
    level: int


@dataclass(frozen=True)
class ArticleSummary(Document):
    """The fields that lists and links need, kept in memory for all articles.

    ``path`` is the path of the source file inside the articles folder. ``addresses`` are the paths
    that the article had elsewhere, such as ``/help/returns``; ``order`` is its place in a section.
    ``expect`` has test queries with the texts that the quote must hold. ``values`` are the names in
    double braces with the texts that values.yml had for them.
    """

    slug: str = ""
    path: str = ""
    updated: date | None = None
    featured: bool = False
    aliases: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    order: float | None = None
    expect: tuple[tuple[str, tuple[str, ...]], ...] = ()
    review_by: date | None = None
    owner: str = ""
    values: tuple[tuple[str, str], ...] = ()
    machine_translation: bool = False

    def visible(self, now: datetime, audiences: frozenset[str]) -> bool:
        """Return whether a reader in ``audiences`` may see the article at ``now``."""
        if self.audience not in audiences:
            return False
        if self.status != "published":
            return self.status == "draft" and DRAFTS in audiences
        return (self.publish_at is None or self.publish_at <= now) and (
            self.expire_at is None or now < self.expire_at
        )


@dataclass(frozen=True)
class Article(ArticleSummary):
    """A full article. ``html`` is sanitised. With ``redirect_to`` it is an address of another.

    In a bundle, links to articles are ``kb:<id>#anchor`` and images are ``kb-image:<name>``.
    """

    related: tuple[str, ...] = ()
    cover: str = ""
    redirect_to: str = ""
    sections: tuple[Section, ...] = ()
    toc: tuple[TocEntry, ...] = ()
    anchors: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    html: str = ""

    @cached_property
    def digest(self) -> str:
        """Hash of all fields. Cached, because every build reads it for every article."""
        return hashlib.sha256(ARTICLE_CODEC.encode(self)).hexdigest()[:20]


Made = TypeVar("Made")


def memoized_on_article(make: Callable[[Article], Made]) -> Callable[[Article], Made]:
    """Cache the result of ``make`` on the article object.

    Unchanged articles are the same objects in the next build, so only changed articles are
    computed again (ADR 0016).
    """
    name = f"_{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def wrapper(article: Article) -> Made:
        cache = vars(article)
        if name not in cache:
            cache[name] = make(article)
        result: Made = cache[name]
        return result

    return wrapper


ARTICLE_CODEC, SUMMARY_CODEC = RecordCodec(Article), RecordCodec(ArticleSummary)
ARTICLE_FIELDS = tuple(each.name for each in fields(Article))
_SUMMARY_FIELDS, _DOCUMENT_FIELDS = (
    tuple(each.name for each in fields(kind)) for kind in (ArticleSummary, Document)
)


@memoized_on_article
def to_document(article: Article) -> Document:
    """Return the part of the article that the search engine indexes."""
    return Document(**{name: getattr(article, name) for name in _DOCUMENT_FIELDS})


def to_summary(article: Article) -> ArticleSummary:
    """Return the article without the fields that only its own page needs."""
    return ArticleSummary(**{name: getattr(article, name) for name in _SUMMARY_FIELDS})


@dataclass(frozen=True)
class BuildReport:
    """The result of a build.

    ``version`` is the bundle served after the build; "" if nothing could be published.
    """

    version: str
    articles: int = 0
    passages: int = 0
    embedded: int = 0
    changed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0
    degraded: str = ""
    published: bool = True

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep an article out of the index."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True)
class SectionInfo:
    """A section of the site from sections.yml. Titles and descriptions are keyed by language."""

    key: str
    title: dict[str, str] = field(default_factory=dict)
    description: dict[str, str] = field(default_factory=dict)
    order: float = 0
    icon: str = "info"
