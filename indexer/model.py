"""The values of the indexer: an article, what is wrong with it, and what a build did."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Any, Literal, TypeVar

import orjson

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
    mend: str = ""
    fixable: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.severity}: {self.message}" + (f" {self.mend}" if self.mend else "")


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
class Article:
    """One article, whole. ``html`` is sanitised; links to articles are ``kb:<id>#anchor``, images ``kb-image:<name>``."""

    id: str
    lang: str
    section: str
    slug: str
    type: str
    title: str
    path: str = ""
    summary: str = ""
    questions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    audience: str = "public"
    status: str = "published"
    publish_at: datetime | None = None
    expire_at: datetime | None = None
    updated: date | None = None
    review_by: date | None = None
    owner: str = ""
    translation_of: str = ""
    related: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    boost: float = 1.0
    cover: str = ""
    featured: bool = False
    sections: tuple[Section, ...] = ()
    toc: tuple[TocEntry, ...] = ()
    anchors: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    html: str = ""
    learned: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Shared by an article and its translations."""
        return self.translation_of or self.id

    @cached_property
    def digest(self) -> str:
        """Changes with anything of the article. Kept: at every save it is asked of all of them."""
        return hashlib.sha256(orjson.dumps(article_to_json(self))).hexdigest()[:20]


Made = TypeVar("Made")


def once_an_article(make: Callable[[Article], Made]) -> Callable[[Article], Made]:
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


_ARTICLE_FIELDS = tuple(each.name for each in fields(Article))


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


def article_to_json(article: Article) -> dict[str, Any]:
    """A record for the bundle or the cache; ``id`` comes first."""
    record: dict[str, Any] = {name: getattr(article, name) for name in _ARTICLE_FIELDS}
    for name in ("publish_at", "expire_at", "updated", "review_by"):
        record[name] = record[name].isoformat() if record[name] else None
    for name in ("sections", "toc", "links"):
        record[name] = [list(vars(value).values()) for value in record[name]]
    return record


def article_from_json(record: dict[str, Any]) -> Article:
    """The article of a record."""
    values = dict(record)
    for name in ("publish_at", "expire_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    for name in ("updated", "review_by"):
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    values["sections"] = tuple(Section(*value) for value in values["sections"])
    values["toc"] = tuple(TocEntry(*value) for value in values["toc"])
    values["links"] = tuple(Link(*value) for value in values["links"])
    for name in ("questions", "keywords", "tags", "tests", "related", "aliases", "anchors", "learned"):
        values[name] = tuple(values[name])
    return Article(**values)


@dataclass(frozen=True)
class SectionInfo:
    """A section of the site, from sections.yml: titles and descriptions by language."""

    key: str
    title: dict[str, str] = field(default_factory=dict)
    description: dict[str, str] = field(default_factory=dict)
    order: int = 0
    icon: str = "info"
