"""The answers of the API. The site's OpenAPI document has the same fields; a test compares them."""

from __future__ import annotations

from typing import Literal, TypedDict


class QuotedBlock(TypedDict):
    """A quoted block; of a long list or table ``first`` to ``last`` of ``of``, ``left`` are not."""

    kind: str
    label: str
    text: str
    html: str
    markdown: str
    first: int
    last: int
    of: int
    left: int


class QuotedAnswer(TypedDict):
    """What is quoted as the answer, and from where.

    ``message`` is short, with the address, for text messages; ``spoken`` is for a voice.
    """

    article_id: str
    lang: str
    title: str
    heading: str
    anchor: str
    url: str
    text: str
    message: str
    spoken: str
    blocks: list[QuotedBlock]


class ArmResult(TypedDict):
    """The place and score of an article in one way of searching."""

    rank: int
    score: float


class SearchHit(TypedDict):
    """An article with the passage that fits best; ``spans`` are highlighted in ``snippet``."""

    article_id: str
    title: str
    url: str
    lang: str
    section: str
    heading: str
    snippet: str
    spans: list[list[int]]
    score: float
    arms: dict[str, ArmResult]


class SearchAnswer(TypedDict):
    """Hits and the verdict: strict (answered), weak (perhaps), partly (the topic alone), none."""

    query_id: str
    verdict: Literal["strict", "weak", "partly", "none"]
    probability: float
    answer: QuotedAnswer | None
    other_answer: QuotedAnswer | None
    degraded: str
    problem: str
    relaxed: bool
    read_as: str
    topic: str
    focus: str
    lang: str
    suggestions: list[str]
    elapsed_ms: float
    total: int
    index_version: str
    hits: list[SearchHit]


class Suggestion(TypedDict):
    """A completion, and the article that it leads to."""

    text: str
    article_id: str
    lang: str
    section: str
    url: str


class ArticleLine(TypedDict):
    """An article in a list; ``updated`` is a day, YYYY-MM-DD."""

    id: str
    lang: str
    section: str
    type: str
    title: str
    summary: str
    tags: list[str]
    updated: str | None
    url: str


class ArticleSection(TypedDict):
    """A section of an article's text."""

    heading: str
    anchor: str
    text: str


class Translation(TypedDict):
    """The same article in another language."""

    id: str
    lang: str
    title: str
    url: str


class ArticleAnswer(ArticleLine):
    """An article with its whole text as HTML, Markdown and plain sections."""

    html: str
    markdown: str
    sections: list[ArticleSection]
    translations: list[Translation]


class SectionLine(TypedDict):
    """A section of the site."""

    key: str
    title: str
    description: str
    articles: int
    url: str


class ContactWay(TypedDict):
    """A way to a person; ``open`` is None where its hours are not known."""

    kind: str
    label: str
    address: str
    open: bool | None
    state: str


class CaseFieldLine(TypedDict):
    """What a message to a person may say beside its text; with ``choices``, one of them."""

    name: str
    label: str
    example: str
    choices: list[str]


class ContactAnswer(TypedDict):
    """How a person is reached now."""

    site: str
    page: str
    answer_by: str
    hours: str
    ways: list[ContactWay]
    fields: list[CaseFieldLine]


class CaseState(TypedDict):
    """How a case stands, and until when it is answered."""

    number: str
    state: Literal["open", "answered", "waiting", "solved", "closed"]
    answer_by: str | None


class CaseAnswer(CaseState):
    """A case that was opened. ``url`` is the customer's own page: give it to nobody else."""

    url: str


class FigureLine(TypedDict):
    """A figure with its formula and 95 % interval; ``value`` is None without data."""

    name: str
    formula: str
    part: float
    whole: float
    value: float | None
    low: float | None
    high: float | None
    unit: str


class GapLine(TypedDict):
    """A question that found no answer, with how many asked it."""

    id: str
    label: str
    state: str
    people: int
    searches: int
    languages: list[str]


class TicketAnswer(TypedDict):
    """A recorded contact; ``joined_by`` says how it was joined to searches."""

    event_id: str
    joined_by: Literal["query", "client", "words", "nothing"]
