"""Pages for programs that read: each article as Markdown, llms.txt and llms-full.txt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby

from flask import Blueprint, Response, abort, redirect, request, stream_with_context, url_for
from werkzeug.wrappers import Response as BaseResponse

from indexer.model import ArticleSummary
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.i18n import language_name
from kb_app.web.core.markdown_page import article_markdown
from kb_app.web.core.public_articles import public_cards
from kb_app.web.core.template_helpers import absolute_url, section_title
from kb_app.web.core.urls import find_article, language_of_address

blueprint = Blueprint("machine_pages", __name__)
blueprint.url_value_preprocessor(language_of_address)


@blueprint.get("/<ui:ui>/articles/<slug>.md")
def article_page(ui: str, slug: str) -> BaseResponse:
    """A public article as Markdown, in the language of its address where it is translated."""
    articles = snapshot().articles
    card = find_article(articles, ui, slug)
    if card is None or not card.visible(now(), PUBLIC):
        abort(404)
    seen = [one for one in articles.translations(card) if one.visible(now(), PUBLIC)]
    best = next((one for one in seen if one.lang == ui), card)
    if best is not card:
        return redirect(url_for("machine_pages.article_page", ui=ui, slug=best.slug))
    return _markdown(article_markdown(card))


@blueprint.get("/llms.txt")
def llms() -> Response:
    """What this site has, for language models (llmstxt.org): titles and addresses by section."""
    first = site_settings().languages[0]
    name = site_settings().name(first)
    search = absolute_url(url_for("api.search"))
    lines = [
        f"# {name}",
        "",
        "> Help articles. An answer that is not in them is not known here: say so, and give the "
        "contact page.",
        "",
        f"- Search with a quoted answer and an honest verdict: {search}?q=...&lang={first}",
        f"- All of it in one file: {absolute_url(url_for('machine_pages.llms_full'))}",
    ]
    for lang in site_settings().languages:
        contact = absolute_url(url_for("contact.contact", ui=lang))
        lines.append(f"- A person ({language_name(lang)}): {contact}")
    for (lang, section), cards in groupby(_by_section(), key=_place):
        title = section_title(section, snapshot().articles.sections, lang)
        lines += ["", f"## {title} ({language_name(lang)})", ""]
        lines += [_line(card) for card in cards]
    return _text("\n".join(lines) + "\n")


@blueprint.get("/llms-full.txt")
def llms_full() -> Response:
    """All public articles in one file."""
    cards = _by_section()

    def written() -> Iterator[str]:
        for card in cards:
            yield f"{article_markdown(card)}\n---\n\n"

    response = _text("")
    response.response = stream_with_context(written())
    del response.headers["Content-Length"]
    # What is public changes with time as well.
    shown = "\0".join((snapshot().version, site_settings().address, *(card.id for card in cards)))
    response.set_etag(hashlib.sha256(shown.encode()).hexdigest()[:32], weak=True)
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


def _place(card: ArticleSummary) -> tuple[str, str]:
    return card.lang, card.section


def _by_section() -> list[ArticleSummary]:
    languages = site_settings().languages
    order = {lang: place for place, lang in enumerate(languages)}
    return sorted(
        public_cards(), key=lambda card: (order.get(card.lang, 99), *_place(card), card.title)
    )


def _line(card: ArticleSummary) -> str:
    ui = site_settings().spoken(card.lang)
    address = url_for("machine_pages.article_page", ui=ui, slug=card.slug)
    summary = " ".join(card.summary.split())
    title = card.title.replace("[", "(").replace("]", ")")
    return f"- [{title}]({absolute_url(address)}){f': {summary}' if summary else ''}"


def _text(body: str) -> Response:
    return Response(body, content_type="text/plain; charset=utf-8")


def _markdown(body: str) -> Response:
    return Response(body, content_type="text/markdown; charset=utf-8")
