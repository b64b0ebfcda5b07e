"""What an assistant may do here: search, read, list, ask a person; with a token, see figures.

Each tool runs in a request of the site, of HTTP or of ``kb mcp``, and sees what its reader may see.
"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import replace
from typing import Annotated, Literal

from flask import current_app, url_for
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from indexer.model import ArticleSummary
from kb_app.analytics.model import ASSISTANT
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.support.model import LONGEST_MESSAGE, NewCase
from kb_app.support.spam import spam_reason
from kb_app.web.core import tracking
from kb_app.web.core.context import (
    PUBLIC,
    analytics_service,
    audiences,
    event_store,
    now,
    site_settings,
    snapshot,
    support_service,
)
from kb_app.web.core.markdown_page import article_markdown
from kb_app.web.core.public_articles import page_url
from kb_app.web.core.quotes import quoted_parts
from kb_app.web.core.rate_limits import may_write
from kb_app.web.core.search import shown
from kb_app.web.core.template_helpers import absolute_url, article_url
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.whole_addresses import whole_addresses
from search.model import Answer, Query

MOST_HITS, MOST_LISTED, MOST_GAPS, DAYS = 5, 100, 50, 28
NO_ANSWER = (
    "We have no answer to this in our help articles. Say so to the customer, do not guess, and "
    "offer to ask a person."
)
_TOLD = {
    "strict": "The quoted answer answers the question. Give it with its address.",
    "weak": "This may not answer the question: say so, and offer to ask a person.",
    "partly": "The topic is known here, what is asked about it is not. " + NO_ANSWER,
    "none": NO_ANSWER,
}
Language = Annotated[
    str, Field(description="The customer's language, e.g. ja or en; empty for the site's first.")
]


class Found(BaseModel):
    """An article that was found."""

    id: str
    title: str
    address: str
    language: str
    passage: str = Field(description="The part of it that fits best.")


class SearchResult(BaseModel):
    """What was found for a question."""

    verdict: Literal["strict", "weak", "partly", "none"]
    what_to_say: str = Field(description="How far this answers the question.")
    answer: str = Field(description="The quoted answer as Markdown; empty without one.")
    answer_address: str
    articles: list[Found]
    a_person: str = Field(description="The page where a person is reached.")


class Listed(BaseModel):
    """An article in a list."""

    id: str
    title: str
    summary: str
    address: str
    language: str
    section: str


class ArticleList(BaseModel):
    """Articles, and how many there are in all."""

    articles: list[Listed]
    total: int


class Asked(BaseModel):
    """A message that a person will answer."""

    number: str
    address: str = Field(description="The customer's own page of the case: give it to nobody else.")
    what_happens: str


class FigureValue(BaseModel):
    """A figure with its 95 % interval."""

    name: str
    formula: str
    value: float | None
    low: float | None
    high: float | None
    unit: str


class Gap(BaseModel):
    """A question that found no answer."""

    question: str
    people: int
    searches: int


async def search(
    question: Annotated[
        str,
        Field(
            description="The question in the customer's own words.", min_length=1, max_length=1_000
        ),
    ],
    language: Language = "",
) -> SearchResult:
    """Search the help articles. The verdict is honest: "none" means that we have no answer."""
    ui = site_settings().spoken(language)
    query = Query(question, lang=ui, limit=MOST_HITS, now=now(), audiences=audiences())
    served = snapshot()
    results = shown(served.search(query), 0)
    tracking.record_query(
        tracking.new_query_id(results),
        question,
        results,
        ui,
        {},
        channel=ASSISTANT,
        origin=ASSISTANT,
    )
    summaries = served.articles.summaries
    answer = results.answer
    return SearchResult(
        verdict=results.verdict,
        what_to_say=_TOLD[results.verdict],
        answer=_quoted(answer, ui) if answer else "",
        answer_address=_answer_address(answer, ui) if answer else "",
        articles=[
            Found(
                id=hit.article_id,
                title=hit.document.title,
                address=page_url(summaries[hit.article_id]),
                language=hit.document.lang,
                passage=hit.passage.text if hit.passage else "",
            )
            for hit in results.hits
        ],
        a_person=_contact(ui),
    )


async def read(
    article_id: Annotated[
        str, Field(description="The id of an article, as search and list give it.")
    ],
) -> str:
    """Read one article whole, as Markdown."""
    card = snapshot().articles.summaries.get(article_id)
    if card is None or not _may_read(card):
        raise ToolError(f"There is no article {article_id[:100]!r}. Search for it, or list them.")
    return article_markdown(card)


async def list_articles(
    language: Language = "",
    section: Annotated[str, Field(description="Only this section; empty for all.")] = "",
    start: Annotated[int, Field(description="How many to leave out.", ge=0, le=1_000_000)] = 0,
) -> ArticleList:
    """List the articles, at most 100 at a time."""
    cards = sorted(
        (
            card
            for card in snapshot().articles.visible(now(), PUBLIC)
            if (not language or card.lang == language) and (not section or card.section == section)
        ),
        key=lambda card: card.id,
    )
    page = cards[start : start + MOST_LISTED]
    return ArticleList(
        articles=[
            Listed(
                id=card.id,
                title=card.title,
                summary=card.summary,
                address=page_url(card),
                language=card.lang,
                section=card.section,
            )
            for card in page
        ],
        total=len(cards),
    )


async def ask_a_person(
    message: Annotated[
        str,
        Field(
            description="What the customer wants to know or have done, in their words.",
            min_length=1,
            max_length=LONGEST_MESSAGE,
        ),
    ],
    mail: Annotated[
        str, Field(description="The customer's mail address, for the answer.", max_length=200)
    ],
    name: Annotated[str, Field(description="The customer's name.", max_length=200)] = "",
    language: Language = "",
) -> Asked:
    """Send a message to our support team. Do it only when the customer has agreed to it."""
    ui = site_settings().spoken(language)
    new = NewCase(
        form_id=_form_id(mail, message),
        kind="question",
        message=message,
        name=name,
        mail=mail,
        language=ui,
        channel=ASSISTANT,
        spam=spam_reason(message, name, ""),
    )
    problems = new.problems()
    if problems or not mail.strip():
        field = next(iter(problems), "mail")
        raise ToolError(f"{field}: this cannot be used. Ask the customer for it again.")
    known = support_service().cases.by_form(new.form_id)
    if known is not None:
        # Who sends another's words must not get their page.
        told = "This was sent before. A person answers by mail."
        return Asked(number=known.number, address="", what_happens=told)
    if not may_write():
        raise ToolError("Too many messages in an hour. Give the customer the contact page instead.")
    case = support_service().workflow.open(new, now_ms())
    token = support_service().links.make("case", case.case_id, now_ms())
    return Asked(
        number=case.number,
        address=absolute_url(url_for("cases.status", ui=ui, token=token)),
        what_happens="A person reads it and answers by mail. The address shows how it stands.",
    )


async def figures() -> list[FigureValue]:
    """The figures of the last 28 days: how many questions were answered, which were not."""
    last = now().astimezone(site_settings().zone).date()
    first = last.fromordinal(last.toordinal() - DAYS + 1)
    found = Reports(event_store().engine).figures(Period(first, last, site_settings().zone))
    return [
        FigureValue(
            name=one.name,
            formula=one.formula,
            value=one.value,
            low=one.low,
            high=one.high,
            unit=one.unit,
        )
        for one in found
    ]


async def unanswered_questions() -> list[Gap]:
    """Questions that found no answer, those of most people first."""
    least = site_settings().smallest_group
    gaps = analytics_service().gaps().gaps(now_ms(), ("open", "drafted"))
    return [
        Gap(question=gap.label, people=gap.people, searches=gap.queries)
        for gap in gaps
        if gap.people >= least
    ][:MOST_GAPS]


# --- helpers ---


def _form_id(mail: str, message: str) -> str:
    """The same words of the same customer open one case; nobody else can work the id out."""
    key = str(current_app.secret_key).encode()
    made = hmac.digest(key, f"assistant\0{mail.lower()}\0{message}".encode(), "sha256")
    return str(uuid.UUID(bytes=made[:16], version=4))


def _may_read(card: ArticleSummary) -> bool:
    return card.visible(now(), audiences())


def _contact(ui: str) -> str:
    return absolute_url(url_for("contact.contact", ui=ui))


def _answer_address(answer: Answer, ui: str) -> str:
    card = snapshot().articles.summaries[answer.article_id]
    return absolute_url(article_url(card, ui, answer.passage.anchor))


def _quoted(answer: Answer, ui: str) -> str:
    served = snapshot()
    parts = [
        replace(part, html=whole_addresses(part.html, absolute_url))
        for part in quoted_parts(answer, served.articles, served.version, ui)
    ]
    return "\n\n".join(
        f"**{part.label}**\n\n{part.markdown}" if part.label else part.markdown for part in parts
    )
