"""Search and suggestions in the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from indexer.article_store import ArticleStore
from kb_app.services.live_index import Snapshot
from kb_app.web.api.document import operation
from kb_app.web.api.models import (
    SearchAnswer,
    SearchParameters,
    Suggestions,
    SuggestParameters,
)
from kb_app.web.api.requests import handle_problems, language, parameters
from kb_app.web.core import tracking
from kb_app.web.core.context import audiences, now, snapshot
from kb_app.web.core.quotes import QuotedPart, quoted_parts
from kb_app.web.core.search import shown
from kb_app.web.core.spoken import spoken, text_message
from kb_app.web.core.template_helpers import article_url, public_url, section_title
from kb_app.web.core.whole_addresses import whole_addresses
from search.model import Answer, Filters, Hit, Query

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
MAX_SUGGESTIONS = 8


@blueprint.get("/search")
@operation(
    "search",
    {200: SearchAnswer},
    query=SearchParameters,
    scope="search",
    open_to_all=True,
)
def search() -> ResponseReturnValue:
    """Search: ranked articles, and a quoted answer where there is one.

    The verdict is honest: with `none` there is no answer here, and the customer is best shown a way
    to a person.
    """
    given = parameters(SearchParameters)
    ui = language(given.lang)
    query = Query(
        given.q,
        lang=ui,
        limit=given.limit,
        offset=given.offset,
        filters=Filters(section=given.section, type=given.type, tag=given.tag),
        now=now(),
        audiences=audiences(),
    )
    served = snapshot()
    results = shown(served.search(query), query.offset)
    query_id = tracking.new_query_id(results)
    if not query.offset:
        tracking.record_query(
            query_id,
            query.text,
            results,
            ui,
            dict(vars(query.filters)),
            channel=given.channel,
            origin=given.channel,
        )
    return jsonify(
        query_id=query_id,
        verdict=results.verdict,
        probability=results.probability,
        answer=_answer(results.answer, served, ui),
        other_answer=_answer(results.other_answer, served, ui),
        degraded=results.degraded,
        problem=results.problem,
        relaxed=results.relaxed,
        read_as=results.read_as,
        topic=results.topic,
        focus=results.focus,
        lang=results.lang,
        suggestions=list(results.suggestions),
        elapsed_ms=results.elapsed_ms,
        total=results.total,
        index_version=results.index_version,
        hits=[_hit(hit, served.articles, ui) for hit in results.hits],
    )


@blueprint.get("/suggest")
@operation(
    "search",
    {200: Suggestions},
    query=SuggestParameters,
    scope="search",
    open_to_all=True,
)
def suggest() -> ResponseReturnValue:
    """Suggest: titles and questions that complete what is typed."""
    given = parameters(SuggestParameters)
    ui = language(given.lang)
    articles = snapshot().articles
    lookups = snapshot().engine.lookups
    find = lookups.suggest_by_meaning if given.by == "meaning" else lookups.suggest
    completions = find(given.q, ui, MAX_SUGGESTIONS, now(), audiences())
    lines = [
        {
            "text": text,
            "article_id": document.id,
            "lang": document.lang,
            "section": section_title(document.section, articles.sections, ui),
            "url": public_url(article_url(articles.summaries[document.id], ui)),
        }
        for text, document in completions
    ]
    return jsonify(suggestions=lines)


def _answer(answer: Answer | None, served: Snapshot, ui: str) -> dict[str, Any] | None:
    """The quoted blocks that answer the query, with their article, heading and URL."""
    if answer is None:
        return None
    card = served.articles.summaries[answer.article_id]
    url = public_url(article_url(card, ui, answer.passage.anchor))
    return {
        "article_id": answer.article_id,
        "lang": card.lang,
        "title": card.title,
        "heading": answer.passage.heading,
        "anchor": answer.passage.anchor,
        "url": url,
        "text": answer.text,
        "message": text_message(answer.text, url),
        "spoken": spoken(answer.text, card.lang),
        "blocks": [
            {
                "kind": part.kind,
                "label": part.label,
                "text": part.text,
                "html": str(part.html),
                "markdown": part.markdown,
                "first": part.first,
                "last": part.last,
                "of": part.of,
                "left": part.left,
            }
            for part in _parts(answer, served, ui)
        ],
    }


def _parts(answer: Answer, served: Snapshot, ui: str) -> list[QuotedPart]:
    """The quoted blocks with whole addresses, since they are shown elsewhere."""
    return [
        replace(part, html=whole_addresses(part.html, public_url))
        for part in quoted_parts(answer, served.articles, served.version, ui)
    ]


def _hit(hit: Hit, articles: ArticleStore, ui: str) -> dict[str, Any]:
    anchor = hit.passage.anchor if hit.passage else ""
    return {
        "article_id": hit.article_id,
        "title": hit.document.title,
        "url": public_url(article_url(articles.summaries[hit.article_id], ui, anchor)),
        "lang": hit.document.lang,
        "section": hit.document.section,
        "heading": hit.passage.heading if hit.passage else "",
        "snippet": hit.snippet,
        "spans": [list(span) for span in hit.spans],
        "score": hit.score,
        "arms": {arm: {"rank": rank, "score": score} for arm, (rank, score) in hit.arms.items()},
    }
