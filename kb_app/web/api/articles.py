"""Articles and sections in the API."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from functools import lru_cache

from flask import Blueprint, jsonify, url_for
from flask.typing import ResponseReturnValue

from indexer.model import ArticleSummary
from kb_app.transfer.html_to_markdown import to_markdown
from kb_app.web.api.document import operation
from kb_app.web.api.models import (
    ArticleAnswer,
    ArticleList,
    ArticleParameters,
    LanguageParameters,
    Problem,
    SectionList,
)
from kb_app.web.api.requests import ProblemError, handle_problems, language, parameters
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import audiences, now, site_settings, snapshot
from kb_app.web.core.template_helpers import (
    article_url,
    public_url,
    section_description,
    section_title,
)
from kb_app.web.core.whole_addresses import whole_addresses

blueprint = Blueprint("api_articles", __name__, url_prefix="/api/v1")
handle_problems(blueprint)


@blueprint.get("/articles")
@operation(
    "articles",
    {200: ArticleList, 409: Problem},
    query=ArticleParameters,
    scope="search",
    open_to_all=True,
)
def articles() -> ResponseReturnValue:
    """List articles, by id, a page at a time."""
    given = parameters(ArticleParameters)
    lang = language(given.lang) if given.lang else ""
    cards = sorted(_seen(), key=lambda card: card.id)
    found = [card for card in cards if _fits(card, given, lang)]
    after = _after(given)
    rest = [card for card in found if card.id > after]
    page = rest[: given.limit]
    following = _cursor(given, page[-1].id) if len(rest) > len(page) else None
    return jsonify(articles=[_line(card) for card in page], total=len(found), next=following)


@blueprint.get("/articles/<article_id>")
@operation("articles", {200: ArticleAnswer, 404: Problem}, scope="search", open_to_all=True)
def article(article_id: str) -> ResponseReturnValue:
    """Read one article whole."""
    articles = snapshot().articles
    card, full = articles.summaries.get(article_id), articles.article(article_id)
    if card is None or full is None or not card.visible(now(), audiences()):
        raise ProblemError("There is no article with this id.", 404)
    lang = site_settings().spoken(card.lang)
    shown = render_body(full.html, articles, lambda one: one.visible(now(), audiences()), lang)
    html = str(whole_addresses(shown, public_url))
    translations = [one for one in articles.translations(card) if one.id != card.id]
    return jsonify(
        **_line(card),
        html=html,
        markdown=_markdown(html),
        sections=[
            {"heading": part.heading, "anchor": part.anchor, "text": part.text}
            for part in full.sections
        ],
        translations=[
            {"id": one.id, "lang": one.lang, "title": one.title, "url": _url(one)}
            for one in translations
            if one.visible(now(), audiences())
        ],
    )


@blueprint.get("/sections")
@operation(
    "articles",
    {200: SectionList},
    query=LanguageParameters,
    scope="search",
    open_to_all=True,
)
def sections() -> ResponseReturnValue:
    """List the sections with how many articles each has."""
    ui = language(parameters(LanguageParameters).lang)
    counts = Counter(card.section for card in _seen())
    infos = snapshot().articles.sections
    order = {key: info.order for key, info in infos.items()}
    lines = [
        {
            "key": key,
            "title": section_title(key, infos, ui),
            "description": section_description(key, infos, ui),
            "articles": counts[key],
            "url": public_url(url_for("pages.section", ui=ui, section=key)),
        }
        for key in sorted(counts, key=lambda key: (order.get(key, 999), key))
    ]
    return jsonify(sections=lines)


def _seen() -> list[ArticleSummary]:
    return list(snapshot().articles.visible(now(), audiences()))


def _fits(card: ArticleSummary, given: ArticleParameters, lang: str) -> bool:
    return (
        (not lang or card.lang == lang)
        and (not given.section or card.section == given.section)
        and (not given.type or card.type == given.type)
        and (not given.tag or given.tag in card.tags)
        and (
            not given.updated_since
            or (card.updated is not None and card.updated >= given.updated_since)
        )
    )


def _line(card: ArticleSummary) -> dict[str, object]:
    return {
        "id": card.id,
        "lang": card.lang,
        "section": card.section,
        "type": card.type,
        "title": card.title,
        "summary": card.summary,
        "tags": list(card.tags),
        "updated": card.updated.isoformat() if card.updated else None,
        "url": _url(card),
    }


def _url(card: ArticleSummary) -> str:
    return public_url(article_url(card, site_settings().spoken(card.lang)))


@lru_cache(maxsize=512)
def _markdown(html: str) -> str:
    """The Markdown of an article, which takes seconds for a very large one."""
    return to_markdown(html).markdown


# --- cursors ---


def _cursor(given: ArticleParameters, last: str) -> str:
    """Where a list goes on: after an id, with the filters that it was made with."""
    return base64.urlsafe_b64encode(json.dumps([last, _filters(given)]).encode()).decode()


def _after(given: ArticleParameters) -> str:
    """The id after which the page begins; raises ProblemError for another list's cursor."""
    if not given.cursor:
        return ""
    try:
        last, filters = json.loads(base64.urlsafe_b64decode(given.cursor.encode()))
    except (ValueError, TypeError, RecursionError):
        last, filters = None, None
    if not isinstance(last, str) or filters != _filters(given):
        raise ProblemError(
            "cursor: this is none of this list. Take `next` of its page before, with the same "
            "filters.",
            409,
        )
    return last


def _filters(given: ArticleParameters) -> str:
    named = given.model_dump(mode="json", exclude={"cursor", "limit"})
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]
