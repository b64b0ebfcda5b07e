"""Input and output value objects of the search engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

Verdict = Literal["strict", "weak", "none"]
Span = tuple[int, int]
ARMS = ("keyword", "passage", "question")


# As a member of an audience set, admits draft articles too.
DRAFTS = "draft"


@dataclass(frozen=True)
class Document:
    """The indexed metadata of an article."""

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
        """Group id shared by an article and its translations."""
        return self.translation_of or self.id

    @property
    def open_to_all(self) -> bool:
        """Whether the article is published, public and has no time limit.

        Only the words of such articles may be offered as spelling corrections.
        """
        return (
            self.status == "published"
            and self.audience == "public"
            and self.publish_at is None
            and self.expire_at is None
        )


@dataclass(frozen=True)
class Passage:
    """A section of an article under one heading, short enough for the embedding model.

    ``heading`` is the heading path.
    """

    id: str
    article_id: str
    lang: str
    title: str
    heading: str
    anchor: str
    text: str

    @property
    def embedded_text(self) -> str:
        """The text to embed: title, headings and passage text, one per line."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


@dataclass(frozen=True)
class Filters:
    """Filters on the results; an empty field matches anything.

    ``lang`` excludes other languages, unlike ``Query.lang``.
    """

    lang: str = ""
    section: str = ""
    type: str = ""
    tag: str = ""

    def __bool__(self) -> bool:
        return self != _NO_FILTERS


_NO_FILTERS = Filters()
FILTER_NAMES = tuple(each.name for each in fields(Filters))
# Filter name -> document field, where the names differ.
_FILTERED_FIELD = {"tag": "tags"}


def filter_values(document: Document, name: str) -> tuple[str, ...]:
    """Return the values of a document that the named filter is compared with."""
    value = getattr(document, _FILTERED_FIELD.get(name, name))
    return value if isinstance(value, tuple) else (value,)


@dataclass(frozen=True)
class Query:
    """A search request.

    ``lang`` is the user's preferred language; "" when unknown. With ``highlight`` each hit gets its
    best passage and snippet; without it the engine only ranks.
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
    """A ranked article with its best passage.

    ``arms`` maps each retrieval arm that returned the article to (rank from 1, score).
    """

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
    """A quoted answer: ``text`` is verbatim from the passage; ``spans`` are its highlights."""

    article_id: str
    passage: Passage
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Results:
    """The response to a query.

    ``degraded`` is why semantic search is unavailable: "off", "warming", "failed" or "stale".
    ``probability`` (0 to 1) is the estimated probability that the first hit answers the query.
    ``problem`` reports an invalid query ("empty", "unsearchable") instead of an exception.
    ``answer`` is set only where the verdict is strict. ``relaxed`` says that nothing has exactly
    the quoted words, and that these are the results without quotation marks.
    ``relevant`` holds the ids of all ``total`` articles, in rank order.
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
    relaxed: bool = False
