"""The values of the indexer: an article, what is wrong with it, and what a build did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Literal, TypeVar

from search.index.record_codec import RecordCodec
from search.model import DRAFTS, Document

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """Something a writer should mend. ``line`` counts from 1 in the file, 0 where no line is to blame.

    An error keeps the article (or this version of it) out; a warning does not. ``code`` is stable, for tests and tools.
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
        return f"{place}: {self.severity}: {self.message}" + (f" {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class Section:
    """A stretch of an article under one heading. ``heading`` is the trail, e.g. "By card > What happens next"."""

    heading: str
    anchor: str
    level: int
    text: str


@dataclass(frozen=True)
class Link:
    """A link or image from one article to a file of the articles folder, as written, with its line."""

    target: str
    anchor: str
    line: int
    image: bool = False


@dataclass(frozen=True)
class TocEntry:
    """A heading of the table of contents."""

    anchor: str
    title: str
    level: int


@dataclass(frozen=True)
class ArticleSummary(Document):
    """What lists and links need of an article, held in memory for all of them; ``path`` is that of its file in the articles folder."""

    slug: str = ""
    path: str = ""
    updated: date | None = None
    featured: bool = False
    aliases: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    def visible(self, now: datetime, audiences: frozenset[str]) -> bool:
        """Whether somebody of one of the audiences may see it at that time."""
        if self.audience not in audiences:
            return False
        if self.status != "published":
            return self.status == "draft" and DRAFTS in audiences
        return (self.publish_at is None or self.publish_at <= now) and (
            self.expire_at is None or now < self.expire_at
        )


@dataclass(frozen=True)
class Article(ArticleSummary):
    """One article, whole. ``html`` is sanitised; links to articles are ``kb:<id>#anchor``, images ``kb-image:<name>``."""

    review_by: date | None = None
    owner: str = ""
    related: tuple[str, ...] = ()
    cover: str = ""
    sections: tuple[Section, ...] = ()
    toc: tuple[TocEntry, ...] = ()
    anchors: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    html: str = ""

    @cached_property
    def digest(self) -> str:
        """Changes with anything of the article. Kept: at every save it is asked of all of them."""
        return hashlib.sha256(ARTICLE_CODEC.encode(self)).hexdigest()[:20]


Made = TypeVar("Made")


def memoized_on_article(make: Callable[[Article], Made]) -> Callable[[Article], Made]:
    """Keep what is made of an article alone with it: a site that builds at every save makes it again only of what was saved."""
    name = f"_{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def kept(article: Article) -> Made:
        known = vars(article)
        if name not in known:
            known[name] = make(article)
        made: Made = known[name]
        return made

    return kept


ARTICLE_CODEC, SUMMARY_CODEC = RecordCodec(Article), RecordCodec(ArticleSummary)
ARTICLE_FIELDS = tuple(each.name for each in fields(Article))
_SUMMARY_FIELDS, _DOCUMENT_FIELDS = (
    tuple(each.name for each in fields(kind)) for kind in (ArticleSummary, Document)
)


@memoized_on_article
def to_document(article: Article) -> Document:
    """The article as the engine sees it."""
    return Document(**{name: getattr(article, name) for name in _DOCUMENT_FIELDS})


def to_summary(article: Article) -> ArticleSummary:
    """The article without what only its own page needs."""
    return ArticleSummary(**{name: getattr(article, name) for name in _SUMMARY_FIELDS})


@dataclass(frozen=True)
class BuildReport:
    """What a build did. ``version`` is the bundle that is served after it; "" when nothing could be published."""

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
        """The problems that keep something out."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True)
class SectionInfo:
    """A section of the site, from sections.yml: titles and descriptions by language."""

    key: str
    title: dict[str, str] = field(default_factory=dict)
    description: dict[str, str] = field(default_factory=dict)
    order: int = 0
    icon: str = "info"
