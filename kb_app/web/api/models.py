"""What requests to the API may hold, and what its answers hold; the OpenAPI document says the same.

Times are ISO 8601 with their zone, days YYYY-MM-DD.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from kb_app.db.writing import storable
from kb_app.support.model import LONGEST_MESSAGE, MAIL
from kb_app.web.core.inputs import StorableText

MAX_LIMIT, MAX_OFFSET = 100, 1_000
LONGEST_QUERY = 1_000
Lang = Annotated[str, Field(description="A language of the site, e.g. ja or en.", max_length=8)]


def _written_day(given: object) -> object:
    """A day as YYYY-MM-DD alone: a number would be taken for seconds since 1970."""
    if isinstance(given, str) and not _DAY.fullmatch(given):
        raise ValueError("must be a day like 2026-11-30")
    return given


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Day = Annotated[date, BeforeValidator(_written_day)]
Verdict = Literal["strict", "weak", "partly", "none"]


class Parameters(BaseModel):
    """Parameters of an address; others are refused."""

    model_config = ConfigDict(extra="forbid")


class LanguageParameters(Parameters):
    """The language of texts that the site has in several."""

    lang: Lang = ""


class SearchParameters(LanguageParameters):
    """A question and its filters."""

    q: str = Field(description="The question, in the customer's own words.", min_length=1)
    limit: int = Field(10, ge=1, le=MAX_LIMIT, description="Hits at most.")
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="Hits to leave out.")
    section: str = Field("", max_length=100, description="Only articles of this section.")
    type: str = Field("", max_length=100, description="Only articles of this type.")
    tag: str = Field("", max_length=100, description="Only articles with this tag.")
    channel: Literal["api", "widget"] = Field("api", description="Where it is asked, for the log.")


class SuggestParameters(LanguageParameters):
    """What is typed so far."""

    q: str = Field("", max_length=LONGEST_QUERY, description="What is typed so far.")
    by: Literal["", "text", "meaning"] = Field(
        "", description="`meaning`: titles on the same topic instead of completions."
    )


class ArticleParameters(LanguageParameters):
    """Which articles, and where the list goes on."""

    section: str = Field("", max_length=100, description="Only articles of this section.")
    type: str = Field("", max_length=100, description="Only articles of this type.")
    tag: str = Field("", max_length=100, description="Only articles with this tag.")
    updated_since: Day | None = Field(None, description="Only those changed since this day.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Articles at most.")
    cursor: str = Field(
        "", max_length=500, description="`next` of the page before, with the same filters."
    )


class FigureParameters(Parameters):
    """A period of the figures; the last 28 days where nothing is given, at most three years."""

    first: Day | None = Field(None, alias="from", description="The first day.")
    last: Day | None = Field(None, alias="to", description="The last day.")


class Problem(BaseModel):
    """What went wrong and what to do (RFC 9457, application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class QuotedBlock(BaseModel):
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


class QuotedAnswer(BaseModel):
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


class ArmResult(BaseModel):
    """The place and score of an article in one way of searching."""

    rank: int
    score: float


class SearchHit(BaseModel):
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


class SearchAnswer(BaseModel):
    """Hits and the verdict: strict (answered), weak (perhaps), partly (the topic is known), none.

    ``total`` is how many hits can be paged through. ``query_id`` joins what follows to this search.
    """

    query_id: str
    verdict: Verdict
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


class Suggestion(BaseModel):
    """A completion, and the article that it leads to."""

    text: str
    article_id: str
    lang: str
    section: str
    url: str


class Suggestions(BaseModel):
    """Completions, the best first."""

    suggestions: list[Suggestion]


class ArticleLine(BaseModel):
    """An article in a list."""

    id: str
    lang: str
    section: str
    type: str
    title: str
    summary: str
    tags: list[str]
    updated: str | None
    url: str


class ArticleList(BaseModel):
    """A page of articles; ``next`` is the cursor of the one after it, or null."""

    articles: list[ArticleLine]
    total: int
    next: str | None


class ArticleSection(BaseModel):
    """A section of an article's text."""

    heading: str
    anchor: str
    text: str


class Translation(BaseModel):
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


class SectionLine(BaseModel):
    """A section of the site."""

    key: str
    title: str
    description: str
    articles: int
    url: str


class SectionList(BaseModel):
    """The sections in the order of the site."""

    sections: list[SectionLine]


class ContactWay(BaseModel):
    """A way to a person; ``open`` is null where its hours are not known."""

    kind: str
    label: str
    address: str
    open: bool | None
    state: str


class CaseFieldLine(BaseModel):
    """What a message to a person may say beside its text; with ``choices``, one of them."""

    name: str
    label: str
    example: str
    choices: list[str]


class ContactAnswer(BaseModel):
    """How a person is reached now."""

    site: str
    page: str
    answer_by: str
    hours: str
    ways: list[ContactWay]
    fields: list[CaseFieldLine]


class Vote(BaseModel):
    """Whether an article helped."""

    model_config = ConfigDict(extra="forbid")
    article_id: Annotated[StorableText, Field(max_length=200)]
    value: Literal["yes", "no", "solved", "not_solved"]
    reason: Literal[
        "", "not what I asked", "hard to understand", "did not work", "out of date", "other"
    ] = ""
    comment: Annotated[StorableText, Field(max_length=2_000)] = ""
    query_id: Annotated[StorableText, Field(max_length=36)] = ""
    form_id: Annotated[
        str, Field(max_length=36, description="A UUID: sent twice, it counts once.")
    ] = ""


class CaseRequest(BaseModel):
    """A message to a person. The same ``form_id``, a UUID, opens one case."""

    model_config = ConfigDict(extra="forbid")
    form_id: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
            description="a UUID in small letters",
        ),
    ]
    message: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_MESSAGE,
            pattern=r"[^\s\x00-\x1f\x85]",
            description="a text with something in it",
        ),
        AfterValidator(storable),
    ]
    kind: Literal["question", "problem", "complaint", "praise"] = "question"
    name: Annotated[
        str,
        Field(max_length=200, pattern=r"^[^\x00-\x1f]*$", description="a name on one line"),
        AfterValidator(storable),
    ] = ""
    mail: Annotated[
        str,
        Field(
            max_length=200,
            pattern=f"^(?:{MAIL.pattern[1:-1]})?$",
            description="a mail address, or empty",
        ),
    ] = ""
    lang: Lang = ""
    subject: Annotated[StorableText, Field(max_length=300)] = ""
    query_id: Annotated[StorableText, Field(max_length=36)] = ""
    fields: Annotated[
        dict[Annotated[str, Field(max_length=30)], Annotated[StorableText, Field(max_length=200)]],
        Field(max_length=10, description="values of the fields that /contact names"),
    ] = {}
    channel: Literal["api", "widget"] = "api"
    website: Annotated[
        str, Field(max_length=200, description="Leave it empty: programs that fill it are refused.")
    ] = ""


class CaseState(BaseModel):
    """How a case stands, and until when it is answered; of a merged one, that it goes on in."""

    number: str
    state: Literal["open", "answered", "waiting", "solved", "closed"]
    answer_by: str | None


class CaseAnswer(CaseState):
    """A case that was opened. ``url`` is the customer's own page: give it to nobody else."""

    url: str


class FigureLine(BaseModel):
    """A figure with its formula and 95 % interval; ``value`` is null without data."""

    name: str
    formula: str
    part: float
    whole: float
    value: float | None
    low: float | None
    high: float | None
    unit: str


class Figures(BaseModel):
    """The figures of a period."""

    first: str = Field(serialization_alias="from")
    last: str = Field(serialization_alias="to")
    figures: list[FigureLine]


class GapLine(BaseModel):
    """A question that found no answer, with how many asked it."""

    id: str
    label: str
    state: str
    people: int
    searches: int
    languages: list[str]


class Gaps(BaseModel):
    """Unanswered questions, those of most people first."""

    gaps: list[GapLine]


class TicketAnswer(BaseModel):
    """A recorded contact; ``joined_by`` says how it was joined to searches."""

    event_id: str
    joined_by: Literal["query", "client", "words", "nothing"]
