"""What search engines, browsers and feed readers ask for: sitemap, feeds, manifest, robots.txt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Blueprint, Response, abort, jsonify, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from kb_app.web.core.card_picture import card_picture
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.public_articles import page_url, public_cards
from kb_app.web.core.template_helpers import absolute_url, article_url, section_title
from kb_app.web.core.theme import parse, show
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("discovery", __name__)
blueprint.url_value_preprocessor(language_of_address)
# The sitemap protocol allows 50,000 addresses in one file, and 50 MB.
MOST_ADDRESSES = 10_000
MOST_ENTRIES = 50
MOST_SUGGESTIONS = 8
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
# A security.txt must have an end, at best less than a year away (RFC 9116).
SECURITY_DAYS = 180
_SITEMAP, _XHTML = "http://www.sitemaps.org/schemas/sitemap/0.9", "http://www.w3.org/1999/xhtml"
_ATOM, _OPENSEARCH = "http://www.w3.org/2005/Atom", "http://a9.com/-/spec/opensearch/1.1/"


# --- sitemap and robots.txt ---


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Exclude results pages and the API from crawling; name the sitemap."""
    lines = [
        "User-agent: *",
        *(f"Disallow: {url_for('pages.search', ui=lang)}" for lang in site_settings().languages),
        f"Disallow: {url_for('api.search').removesuffix('v1/search')}",
        f"Sitemap: {absolute_url(url_for('discovery.sitemap'))}",
    ]
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """The addresses of all public pages; of a large site, the list of such lists."""
    pages = _pages()
    if len(pages) <= MOST_ADDRESSES:
        return _urlset(pages)
    root = Element("sitemapindex", {"xmlns": _SITEMAP})
    for number in range(1, -(-len(pages) // MOST_ADDRESSES) + 1):
        address = absolute_url(url_for("discovery.sitemap_part", number=number))
        _add(_add(root, "sitemap"), "loc", address)
    return _xml(root, "application/xml")


@blueprint.get("/sitemap-<int(max=9999):number>.xml")
def sitemap_part(number: int) -> Response:
    """One part of a large sitemap, from 1."""
    pages = _pages()
    part = pages[(number - 1) * MOST_ADDRESSES : number * MOST_ADDRESSES] if number else []
    return _urlset(part) if part else abort(404)


# An address, the day of its last change or "", and its versions by language.
_Page = tuple[str, str, dict[str, str]]


def _pages() -> list[_Page]:
    """Home and sections in each language, then each article in its own."""
    languages, articles = site_settings().languages, snapshot().articles
    cards = public_cards()
    every = [{lang: url_for("pages.home", ui=lang) for lang in languages}]
    for name in sorted({card.section for card in cards}):
        every.append({lang: url_for("pages.section", ui=lang, section=name) for lang in languages})
    pages: list[_Page] = []
    for paths in every:
        versions = {lang: absolute_url(path) for lang, path in paths.items()}
        pages += [(address, "", versions) for address in versions.values()]
    for card in cards:
        pages.append((page_url(card), _day(card), _versions(articles, card)))
    return pages


def _versions(articles: ArticleStore, card: ArticleSummary) -> dict[str, str]:
    """The addresses of an article and its translations, by language."""
    at, languages = now(), site_settings().languages
    every = {one.id: one for one in (card, *articles.translations(card))}.values()
    seen = [one for one in every if one.visible(at, PUBLIC) and one.lang in languages]
    return {one.lang: page_url(one) for one in seen}


def _urlset(pages: Iterable[_Page]) -> Response:
    root = Element("urlset", {"xmlns": _SITEMAP, "xmlns:xhtml": _XHTML})
    first = site_settings().languages[0]
    for address, changed, versions in pages:
        entry = _add(root, "url")
        _add(entry, "loc", address)
        if changed:
            _add(entry, "lastmod", changed)
        known = versions | {"x-default": versions[first]} if first in versions else versions
        for lang, other in known.items() if len(versions) > 1 else ():
            _add(entry, "xhtml:link", rel="alternate", hreflang=lang, href=other)
    return _xml(root, "application/xml")


# --- feeds ---


@blueprint.get("/<ui:ui>/feed.xml")
def feed(ui: str) -> Response:
    """The articles of a language that changed last, as Atom."""
    title = site_settings().name(ui)
    page, own = url_for("pages.home", ui=ui), url_for("discovery.feed", ui=ui)
    return _feed(public_cards(), ui, title, page, own)


@blueprint.get("/<ui:ui>/sections/<section>/feed.xml")
def section_feed(ui: str, section: str) -> Response:
    """The articles of a section that changed last, as Atom."""
    articles = snapshot().articles
    cards = [card for card in public_cards() if card.section == section]
    if not cards:
        abort(404)
    title = f"{section_title(section, articles.sections, ui)} | {site_settings().name(ui)}"
    page = url_for("pages.section", ui=ui, section=section)
    return _feed(cards, ui, title, page, url_for("discovery.section_feed", ui=ui, section=section))


def _feed(cards: Sequence[ArticleSummary], ui: str, title: str, page: str, own: str) -> Response:
    """An Atom feed (RFC 4287) of those cards of a language that have a day."""
    dated = [card for card in cards if card.updated and card.lang == ui]
    newest = sorted(dated, key=lambda card: (_day(card), card.id), reverse=True)[:MOST_ENTRIES]
    root = Element("feed", {"xmlns": _ATOM, "xml:lang": ui})
    _add(root, "id", absolute_url(own))
    _add(root, "title", title)
    _add(root, "updated", _moment(newest[0]) if newest else "1970-01-01T00:00:00Z")
    _add(root, "link", rel="self", type="application/atom+xml", href=absolute_url(own))
    _add(root, "link", rel="alternate", type="text/html", href=absolute_url(page))
    _add(_add(root, "author"), "name", site_settings().name(ui))
    for card in newest:
        entry = _add(root, "entry")
        # The id of the article: its address may change.
        _add(entry, "id", absolute_url(url_for("api_articles.article", article_id=card.id)))
        _add(entry, "title", card.title)
        _add(entry, "updated", _moment(card))
        _add(entry, "link", rel="alternate", type="text/html", href=page_url(card))
        _add(entry, "summary", card.summary or card.title)
        for tag in card.tags:
            _add(entry, "category", term=tag)
    return _xml(root, "application/atom+xml")


# --- the browser's search field, and an icon on the screen ---


@blueprint.get("/<ui:ui>/opensearch.xml")
def opensearch(ui: str) -> Response:
    """How a browser searches this site (OpenSearch 1.1)."""
    root = Element("OpenSearchDescription", {"xmlns": _OPENSEARCH})
    name = site_settings().name(ui)
    _add(root, "ShortName", name[:16])
    _add(root, "LongName", name[:48])
    _add(root, "Description", name[:1024])
    icon = absolute_url(url_for("static", filename="icon-192.png"))
    _add(root, "Image", icon, height="192", width="192", type="image/png")
    results, lines = url_for("pages.search", ui=ui), url_for("discovery.suggestions", ui=ui)
    terms = "?q={searchTerms}"
    _add(root, "Url", type="text/html", template=absolute_url(results) + terms)
    _add(root, "Url", type="application/x-suggestions+json", template=absolute_url(lines) + terms)
    _add(root, "Language", ui)
    _add(root, "InputEncoding", "UTF-8")
    return _xml(root, "application/opensearchdescription+xml")


@blueprint.get("/<ui:ui>/suggestions")
def suggestions(ui: str) -> Response:
    """Completions for the browser's search field: [query, texts, descriptions, addresses]."""
    query = request.args.get("q", "")[:200]
    found = snapshot().engine.lookups.suggest(query, ui, MOST_SUGGESTIONS, now(), PUBLIC)
    summaries = snapshot().articles.summaries
    addresses = [absolute_url(article_url(summaries[document.id], ui)) for _text, document in found]
    body = [query, [text for text, _document in found], ["" for _ in found], addresses]
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/x-suggestions+json")


@blueprint.get("/<ui:ui>/manifest.webmanifest")
def manifest(ui: str) -> Response:
    """The site as an icon on a phone's screen."""
    settings = site_settings()
    icons = [
        {
            "src": url_for("static", filename=f"icon-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
        }
        for size in (192, 512)
    ]
    response = jsonify(
        name=settings.name(ui),
        short_name=settings.name(ui)[:12],
        lang=ui,
        start_url=url_for("pages.home", ui=ui),
        scope=url_for("pages.start"),
        display="minimal-ui",
        background_color="#ffffff",
        theme_color=show(parse(settings.colour)),
        icons=icons,
    )
    response.mimetype = "application/manifest+json"
    return response


@blueprint.get("/pictures/<article_id>.png")
def picture(article_id: str) -> BaseResponse:
    """The picture of an article for other sites' previews: its title on the site's colour."""
    card = snapshot().articles.summaries.get(article_id)
    if card is None or not card.visible(now(), PUBLIC):
        abort(404)
    settings = site_settings()
    drawn = card_picture(card.title, settings.name(card.lang), settings.colour)
    if drawn is None:
        abort(404)
    return send_file(drawn, mimetype="image/png", max_age=24 * 3600)


# --- security.txt ---


@blueprint.get("/.well-known/security.txt")
def security() -> Response:
    """Where security faults are reported (RFC 9116)."""
    contact = site_settings().security_contact
    if not contact:
        abort(404)
    ends = datetime.combine(now().date() + timedelta(days=SECURITY_DAYS), time(0)).isoformat()
    lines = [
        f"Contact: {contact if '://' in contact else f'mailto:{contact}'}",
        f"Expires: {ends}Z",
        f"Preferred-Languages: {', '.join(site_settings().languages)}",
        f"Canonical: {absolute_url(url_for('discovery.security'))}",
    ]
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


# --- helpers ---


def _day(card: ArticleSummary) -> str:
    return card.updated.isoformat() if card.updated else ""


def _moment(card: ArticleSummary) -> str:
    """The beginning of the day of an article's last change, with the site's time zone."""
    if card.updated is None:
        return ""
    return datetime.combine(card.updated, time(0), site_settings().zone).isoformat()


def _add(parent: Element, name: str, text: str = "", **attributes: str) -> Element:
    """Add an element with what XML 1.0 allows of a text."""
    element = SubElement(parent, name, {key: _clean(value) for key, value in attributes.items()})
    element.text = _clean(text) or None
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


def _xml(root: Element, kind: str) -> Response:
    return Response(
        f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n',
        mimetype=kind,
    )
