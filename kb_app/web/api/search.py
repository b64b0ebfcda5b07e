"""The JSON search API, version 1.

Errors are problem+json (RFC 9457) and name the parameter.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from indexer.article_store import ArticleStore
from kb_app.services.live_index import Snapshot
from kb_app.web.core import i18n, tracking
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import audiences, now, site_settings, snapshot
from kb_app.web.core.errors import problem
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.quotes import quoted_parts
from kb_app.web.core.search import shown
from kb_app.web.core.template_helpers import article_url, public_url, section_title
from search.model import FILTER_NAMES, Answer, Filters, Hit, Query

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
MAX_LIMIT = 100
MAX_OFFSET = 1_000
MAX_SUGGESTIONS = 8


class InvalidParameterError(ValueError):
    """A parameter has an invalid value; the message names it and the valid values."""


@blueprint.errorhandler(InvalidParameterError)
def _bad_parameter(error: InvalidParameterError) -> BaseResponse:
    return problem(400, str(error))


@blueprint.get("/search")
def search() -> Response:
    """Ranked articles with their best passage.

    Parameters: q, lang, limit, offset, section, type, tag.
    """
    ui = _language()
    query = Query(
        request.args.get("q", ""),
        lang=ui,
        limit=_number("limit", 10, 1, MAX_LIMIT),
        offset=_number("offset", 0, 0, MAX_OFFSET),
        filters=Filters(**{name: _text(name) for name in FILTER_NAMES if name != "lang"}),
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
            channel="api",
            origin="api",
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
def suggest() -> Response:
    """Titles and questions that complete the typed text.

    Parameters: q, lang. With by=meaning, titles of articles on the same topic by embedding.
    """
    ui = _language()
    articles = snapshot().articles
    lookups = snapshot().engine.lookups
    by_meaning = request.args.get("by") == "meaning"
    find = lookups.suggest_by_meaning if by_meaning else lookups.suggest
    completions = find(request.args.get("q", ""), ui, MAX_SUGGESTIONS, now(), audiences())
    lines = [
        {
            "text": text,
            "article_id": document.id,
            "lang": document.lang,
            "section": section_title(document.section, articles.sections, ui),
            "url": article_url(articles.summaries[document.id], ui),
        }
        for text, document in completions
    ]
    return jsonify(suggestions=lines)


@blueprint.get("/articles/<article_id>")
def article(article_id: str) -> BaseResponse:
    """One article with its full text."""
    articles = snapshot().articles
    card = articles.summaries.get(article_id)
    if card is None or not card.visible(now(), audiences()):
        return problem(404, "There is no article with this id.")
    full = articles.article(article_id)
    if full is None:
        return problem(404, "There is no article with this id.")
    lang = card.lang if card.lang in site_settings().languages else site_settings().languages[0]
    body = render_body(full.html, articles, lambda other: other.visible(now(), audiences()), lang)
    translations = [
        other
        for other in articles.translations(card)
        if other.id != card.id and other.visible(now(), audiences())
    ]
    return jsonify(
        id=card.id,
        lang=card.lang,
        section=card.section,
        type=card.type,
        title=card.title,
        summary=card.summary,
        tags=list(card.tags),
        updated=card.updated.isoformat() if card.updated else None,
        url=public_url(article_url(card, lang)),
        html=str(body),
        sections=[
            {"heading": part.heading, "anchor": part.anchor, "text": part.text}
            for part in full.sections
        ],
        translations=[
            {"id": other.id, "lang": other.lang, "title": other.title, "url": article_url(other)}
            for other in translations
        ],
    )


def _answer(answer: Answer | None, served: Snapshot, ui: str) -> dict[str, Any] | None:
    """The quoted blocks that answer the query, with their article, heading and URL."""
    if answer is None:
        return None
    card = served.articles.summaries[answer.article_id]
    return {
        "article_id": answer.article_id,
        "lang": card.lang,
        "title": card.title,
        "heading": answer.passage.heading,
        "anchor": answer.passage.anchor,
        "url": article_url(card, ui, answer.passage.anchor),
        "text": answer.text,
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
            for part in quoted_parts(answer, served.articles, served.version, ui)
        ],
    }


def _hit(hit: Hit, articles: ArticleStore, ui: str) -> dict[str, Any]:
    anchor = hit.passage.anchor if hit.passage else ""
    return {
        "article_id": hit.article_id,
        "title": hit.document.title,
        "url": article_url(articles.summaries[hit.article_id], ui, anchor),
        "lang": hit.document.lang,
        "section": hit.document.section,
        "heading": hit.passage.heading if hit.passage else "",
        "snippet": hit.snippet,
        "spans": [list(span) for span in hit.spans],
        "score": hit.score,
        "arms": {arm: {"rank": rank, "score": score} for arm, (rank, score) in hit.arms.items()},
    }


def _language() -> str:
    lang = request.args.get("lang", "")
    languages = site_settings().languages
    if lang and lang not in languages:
        raise InvalidParameterError(f"lang={lang[:20]}: must be one of {', '.join(languages)}.")
    return lang or i18n.preferred_language()


def _number(name: str, default: int, least: int, most: int) -> int:
    given = request.args.get(name, "")
    if not given:
        return default
    number = whole_number(given, least, most)
    if number is None:
        raise InvalidParameterError(
            f"{name}={given[:20]}: must be an integer from {least} to {most}."
        )
    return number


def _text(name: str) -> str:
    return request.args.get(name, "")[:100]
