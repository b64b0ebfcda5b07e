"""The public pages: home, search results, sections and articles."""

from __future__ import annotations

import math
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from markupsafe import escape
from werkzeug.wrappers import Response as BaseResponse

from indexer.article_store import ArticleStore
from indexer.model import Article, ArticleSummary
from kb_app.analytics import model as m
from kb_app.web.core import i18n, tracking
from kb_app.web.core.article_body import render_body
from kb_app.web.core.card_picture import font_file
from kb_app.web.core.context import audiences, now, site_settings, snapshot
from kb_app.web.core.furigana import remember_furigana, wants_furigana, with_furigana
from kb_app.web.core.inputs import own_path
from kb_app.web.core.most_read import views
from kb_app.web.core.quotes import QuotedPart, quoted_parts
from kb_app.web.core.search import PAGE_SIZE, SearchForm, SearchPage, read_form, run_search
from kb_app.web.core.steps import with_step_marks
from kb_app.web.core.structured_data import article_data
from kb_app.web.core.template_helpers import article_url, public_url, section_title
from kb_app.web.core.urls import find_article, language_of_address, may_see
from search.model import Answer, Hit, Results

blueprint = Blueprint("pages", __name__)
FEATURED = 6
# An article that was opened less often is not called read most.
LEAST_VIEWS = 5
RECENT = 6
# Other articles have lists, not steps to follow.
STEP_TYPES = ("faq", "guide")
RELATED = 4


blueprint.url_value_preprocessor(language_of_address)
blueprint.after_request(remember_furigana)


@blueprint.get("/")
def start() -> BaseResponse:
    """Redirect to the home page in the visitor's language."""
    response = redirect(url_for("pages.home", ui=i18n.preferred_language()))
    response.vary.update(["Accept-Language", "Cookie"])
    return response


@blueprint.get("/<ui:ui>/")
def home(ui: str) -> str:
    """The home page: search box, sections, featured and recently changed articles."""
    articles = snapshot().articles
    cards = _best_versions(articles.visible(now(), audiences()), ui)
    read_most = _read_most(cards)
    featured = read_most or [card for card in cards if card.featured][:FEATURED]
    dated = sorted(
        (card for card in cards if card.updated),
        key=lambda card: (str(card.updated), card.id),
        reverse=True,
    )
    return render_template(
        "site/home.html",
        sections=_sections(articles, cards),
        infos=articles.sections,
        featured=featured,
        by_figures=bool(read_most),
        recent=dated[:RECENT],
        count=len(cards),
    )


@blueprint.get("/<ui:ui>/speak")
def speak(ui: str) -> BaseResponse:
    """Store the chosen language and return to a page whose URL has no language."""
    path = own_path(request.args.get("to", ""))
    response = redirect(path or url_for("pages.home", ui=ui), 303)
    i18n.remember(response, ui)
    return response


@blueprint.get("/<ui:ui>/search")
def search(ui: str) -> str | tuple[str, int]:
    """The results page, with filters and paging."""
    form = read_form(request.args)
    articles = snapshot().articles
    if form.empty:
        return render_template(
            "site/results.html", form=form, results=None, infos=articles.sections, found=None
        )
    before = tracking.given_id("of")
    page_results = run_search(form, ui, before if form.page > 1 and tracking.known(before) else "")
    if page_results.first and form.page == 1:
        _record(form, page_results, ui)
    beyond = form.page > max(1, page_results.pages)
    quotes = _quotes(page_results, form, ui)
    page = render_template(
        "site/results.html",
        form=form,
        results=page_results.results,
        found=page_results,
        infos=articles.sections,
        cards=articles.summaries,
        beyond=beyond,
        page_size=PAGE_SIZE,
        quotes=quotes,
        unquoted=_unquoted(page_results, quotes),
    )
    return (page, 404) if beyond else page


def _quotes(
    page_results: SearchPage, form: SearchForm, ui: str
) -> list[tuple[Answer, int, list[QuotedPart]]]:
    """What is quoted on the first page: the answers, their places from 1, and their blocks."""
    results, served = page_results.results, snapshot()
    if form.page > 1:
        return []
    places = {hit.article_id: place for place, hit in enumerate(results.hits, 1)}
    return [
        (
            answer,
            places[answer.article_id],
            quoted_parts(answer, served.articles, served.version, ui),
        )
        for answer in (results.answer, results.other_answer)
        if answer and answer.article_id in places
    ]


def _unquoted(
    page_results: SearchPage, quotes: Sequence[tuple[Answer, int, list[QuotedPart]]]
) -> list[tuple[int, Hit]]:
    """The other hits, with their places from 1."""
    quoted = {answer.article_id for answer, _, _ in quotes}
    hits = enumerate(page_results.results.hits, 1)
    return [(place, hit) for place, hit in hits if hit.article_id not in quoted]


def _record(form: SearchForm, page_results: SearchPage, ui: str) -> None:
    """Record the search and the search that it refines."""
    before = tracking.given_id()
    filters = vars(form.filters)
    tracking.record_query(
        page_results.query_id,
        form.q,
        page_results.results,
        ui,
        filters,
        origin="refinement" if before else "typed",
    )
    if before:
        tracking.record_refinement(page_results.query_id, before)


@blueprint.get("/<ui:ui>/sections/<section>")
def section(ui: str, section: str) -> str:
    """All visible articles of a section."""
    articles = snapshot().articles
    cards = [
        card
        for card in _best_versions(articles.visible(now(), audiences()), ui)
        if card.section == section
    ]
    if not cards:
        abort(404)
    cards.sort(
        key=lambda card: (
            card.type == "notice",
            card.featured,
            card.lang == ui,
            str(card.updated or ""),
        ),
        reverse=True,
    )
    # Those that have an order come first, in it.
    cards.sort(key=lambda card: math.inf if card.order is None else card.order)
    return render_template(
        "site/section.html", section=section, cards=cards, infos=articles.sections
    )


@blueprint.get("/<ui:ui>/articles/<slug>")
def article(ui: str, slug: str) -> str | BaseResponse:
    """An article in the page's language, else in its translation."""
    shown = snapshot()
    articles = shown.articles
    card = find_article(articles, ui, slug)
    if card is None:
        moved = _moved(articles, ui, slug)
        return redirect(moved, 301) if moved else abort(404)
    translation = next(
        (other for other in articles.translations(card) if other.lang == ui and may_see(other)),
        card,
    )
    if translation is not card:
        return redirect(article_url(translation, ui))
    full = articles.article(card.id)
    if full is None:
        abort(404)
    query_id = _record_reading(card, ui)
    translations = [
        other for other in articles.translations(card) if other.id != card.id and may_see(other)
    ]
    related = [
        articles.summaries[document.id]
        for document in shown.engine.lookups.related(card.id, RELATED, now(), audiences())
    ]
    named = [
        articles.summaries[name]
        for name in full.related
        if name in articles.summaries and may_see(articles.summaries[name])
    ]
    canonical_language = card.lang if card.lang in site_settings().languages else ui
    picture = url_for("discovery.picture", article_id=card.id) if font_file() else ""
    marked_steps = with_step_marks(full.html) if card.type in STEP_TYPES else full.html
    body = render_body(marked_steps, articles, may_see, ui)
    has_furigana = card.lang == "ja" and wants_furigana()
    return render_template(
        "site/article.html",
        card=card,
        article=full,
        picture=picture,
        structured=_structured(card, full, canonical_language, picture),
        query_id=query_id,
        form_id=str(uuid.uuid4()),
        said=request.args.get("said", ""),
        vote_id=tracking.given_id("vote"),
        # A random sample needs no secure random numbers.
        surveyed=random.random() < site_settings().survey_share  # noqa: S311
        and not request.args.get("said"),
        body=with_furigana(body) if has_furigana else body,
        title=with_furigana(str(escape(card.title))) if has_furigana else card.title,
        has_furigana=has_furigana,
        translations=translations,
        related=list(dict.fromkeys([*named, *related]))[:RELATED],
        infos=articles.sections,
        canonical_language=canonical_language,
        translation_urls={
            other.lang: article_url(other, other.lang)
            for other in translations
            if other.lang in site_settings().languages
        },
    )


def _structured(card: ArticleSummary, full: Article, ui: str, picture: str) -> dict[str, Any]:
    """What search engines read of the article."""
    articles, name = snapshot().articles, site_settings().name(ui)
    section = url_for("pages.section", ui=ui, section=card.section)
    crumbs = [
        (name, url_for("pages.home", ui=ui)),
        (section_title(card.section, articles.sections, ui), section),
        (card.title, article_url(card, ui)),
    ]
    public = [(said, public_url(path)) for said, path in crumbs]
    return article_data(full, card, public, name, public_url(picture) if picture else "")


def _record_reading(card: ArticleSummary, ui: str) -> str:
    """Record that an article was opened, and from which search; returns the query id."""
    query_id = tracking.given_id()
    typed = request.args.get("typed", "").strip()[:200]
    if typed and not query_id:
        picked = Hit(card.id, snapshot().engine.lookups.document(card.id), None, 1.0, {})
        results = Results(
            hits=(picked,),
            verdict="strict",
            probability=1.0,
            index_version=snapshot().version,
            lang=ui,
        )
        query_id = tracking.new_query_id(results, typed, "suggest", ui)
        tracking.record_query(
            query_id, typed, results, ui, {}, channel="suggest", origin="suggestion"
        )
    if request.args.get("said"):
        return query_id
    if query_id:
        tracking.record_click(
            query_id, card.id, tracking.given_position() or (1 if typed else None)
        )
    tracking.put(
        m.VIEW,
        query_id=query_id or None,
        object_id=card.id,
        event_id=tracking.once_in_a_visit(m.VIEW, card.id, query_id),
        language=ui,
    )
    return query_id


def _moved(articles: ArticleStore, ui: str, slug: str) -> str | None:
    """The URL of the article that an old slug now leads to; None where there is none."""
    for lang in dict.fromkeys([ui, *site_settings().languages]):
        card = articles.by_alias(lang, slug)
        if card is not None and may_see(card):
            return article_url(card, ui)
    return None


def _best_versions(cards: Sequence[ArticleSummary], ui: str) -> list[ArticleSummary]:
    """One article per translation group, in the reader's language where there is one."""
    best: dict[str, ArticleSummary] = {}
    for card in cards:
        if card.group not in best or (card.lang == ui and best[card.group].lang != ui):
            best[card.group] = card
    return list(best.values())


def _read_most(cards: Sequence[ArticleSummary]) -> list[ArticleSummary]:
    """The articles that were read most, in any language; none where too few were read to say so."""
    summaries = snapshot().articles.summaries
    read: Counter[str] = Counter()
    for name, times in views().items():
        if name in summaries:
            read[summaries[name].group] += times
    found = sorted(cards, key=lambda card: (-read[card.group], card.id))[:FEATURED]
    return found if found and all(read[card.group] >= LEAST_VIEWS for card in found) else []


@dataclass(frozen=True)
class SectionLine:
    """A section as listed on the home page."""

    key: str
    icon: str
    count: int


def _sections(articles: ArticleStore, cards: Sequence[ArticleSummary]) -> list[SectionLine]:
    counts = Counter(card.section for card in cards)
    order = {key: info.order for key, info in articles.sections.items()}
    keys = sorted(counts, key=lambda key: (order.get(key, 999), key))
    return [
        SectionLine(
            key, articles.sections[key].icon if key in articles.sections else "info", counts[key]
        )
        for key in keys
    ]
