"""The values that go in and come out of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

Verdict = Literal["strict", "weak", "none"]
Span = tuple[int, int]
ARMS = ("keyword", "passage", "question")


# In a set of audiences: articles that are still being written may be seen too.
DRAFTS = "draft"


@dataclass(frozen=True)
class Document:
    """What the engine knows of an article."""

    id: str
    lang: str
    title: str
    section: str = ""
    type: str = "faq"
    tags: tuple[str, ...] = ()
    summary: str = ""
    questions: tuple[str, ...] = ()
    confirmed_questions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    translation_of: str = ""
    audience: str = "public"
    status: str = "published"
    publish_at: datetime | None = None
    expire_at: datetime | None = None
    boost: float = 1.0

    @property
    def group(self) -> str:
        """Shared by an article and its translations."""
        return self.translation_of or self.id

    @property
    def open_to_all(self) -> bool:
        """Whether everybody may read it at any time, so that its words may be offered as spellings."""
        return (
            self.status == "published"
            and self.audience == "public"
            and self.publish_at is None
            and self.expire_at is None
        )


@dataclass(frozen=True)
class Passage:
    """A stretch of an article under one heading, short enough for the model. ``heading`` is the trail of headings."""

    id: str
    article_id: str
    lang: str
    title: str
    heading: str
    anchor: str
    text: str

    @property
    def embedded_text(self) -> str:
        """What the model is given: the passage under its title and headings."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


@dataclass(frozen=True)
class Filters:
    """What a result must be; empty means anything. ``lang`` excludes other languages, unlike ``Query.lang``."""

    lang: str = ""
    section: str = ""
    type: str = ""
    tag: str = ""

    def __bool__(self) -> bool:
        return self != _NO_FILTERS


_NO_FILTERS = Filters()
FILTER_NAMES = tuple(each.name for each in fields(Filters))
# The field of a document that a filter compares, where it has another name.
_FILTERED_FIELD = {"tag": "tags"}


def filter_values(document: Document, name: str) -> tuple[str, ...]:
    """The values of a document that the filter of that name may ask for."""
    value = getattr(document, _FILTERED_FIELD.get(name, name))
    return value if isinstance(value, tuple) else (value,)


@dataclass(frozen=True)
class Query:
    """A question put to the engine. ``lang`` is the asker's language and is preferred; "" when unknown.

    ``highlight`` asks for the best passage and the snippet of each hit; without it only the ranking is made.
    """

    text: str
    lang: str = ""
    limit: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    audiences: frozenset[str] = frozenset({"public"})
    now: datetime | None = None
    arms: frozenset[str] = frozenset(ARMS)
    highlight: bool = True


@dataclass(frozen=True)
class Hit:
    """A ranked article with its best passage. ``arms`` says for each arm that found it (rank from 1, score)."""

    article_id: str
    document: Document
    passage: Passage | None
    score: float
    arms: Mapping[str, tuple[int, float]]
    snippet: str = ""
    spans: tuple[Span, ...] = ()
    title_spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What is quoted as the answer: ``text`` stands so in the passage; ``spans`` are to be marked in it."""

    article_id: str
    passage: Passage
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Results:
    """The answer to a query. ``degraded`` names why search by meaning is out ("off", "warming", "failed", "stale").

    ``probability`` (0 to 1) is how sure the verdict is that the first hit answers; ``problem`` names what is wrong with
    the query ("empty", "unsearchable") instead of an exception. ``answer`` is quoted where the verdict is strict.
    ``relevant`` are the ids of all ``total`` articles in order.
    """

    hits: tuple[Hit, ...] = ()
    total: int = 0
    relevant: tuple[str, ...] = ()
    verdict: Verdict = "none"
    probability: float = 0.0
    answer: Answer | None = None
    lang: str = ""
    suggestions: tuple[str, ...] = ()
    index_version: str = ""
    elapsed_ms: float = 0.0
    degraded: str = ""
    problem: str = ""
