"""How answers reach browsers: compressed, and not sent again where nothing changed."""

from __future__ import annotations

from flask import Flask, Response, g, request, session
from flask_compress import Compress

from kb_app.web.core.furigana import COOKIE as FURIGANA
from kb_app.web.core.i18n import COOKIE
from kb_app.web.core.visitor import CLIENT, CONSENT, SESSION

# Pages whose text depends on nothing but the articles and who asks.
REVALIDATED = frozenset(
    {
        "pages.home",
        "pages.section",
        "packs.pack",
        "machine_pages.article_page",
        "machine_pages.llms",
        "discovery.sitemap",
        "discovery.sitemap_part",
        "discovery.feed",
        "discovery.section_feed",
        "discovery.opensearch",
        "discovery.manifest",
        "api_articles.article",
        "api_articles.articles",
        "api_articles.sections",
        "api_document.openapi",
        "api.suggest",
    }
)


def set_up(app: Flask) -> None:
    """Add the steps that every answer goes through last."""
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_STREAMS=False,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/plain",
            "text/markdown",
            "text/css",
            "text/javascript",
            "application/json",
            "application/problem+json",
            "application/manifest+json",
            "application/xml",
            "application/atom+xml",
            "application/opensearchdescription+xml",
            "image/svg+xml",
        ],
    )
    compress = Compress(app)

    def deliver(response: Response) -> Response:
        if request.endpoint == "static":
            # No file depends on who asks, whatever looked at the session: caches may share it.
            session.accessed = False
        if request.endpoint == "static" or response.direct_passthrough:
            return response
        if _is_for_one(response):
            # The length of a compressed page would tell a secret in it (BREACH).
            return response
        if request.endpoint in REVALIDATED and response.status_code == 200:
            response.add_etag()
            response.cache_control.no_cache = True
        sent: Response = compress.after_request(response)
        if sent.get_etag()[0]:
            sent.make_conditional(request)
        return sent

    # Functions run in the opposite order: what is registered first runs last.
    app.after_request(deliver)


def _is_secret(cookie: str) -> bool:
    """Whether a cookie holds more than a number or a choice of the visitor."""
    return cookie.partition("=")[0] not in (CLIENT, SESSION, CONSENT, COOKIE, FURIGANA)


def _is_for_one(response: Response) -> bool:
    """Whether an answer is for somebody who is signed in, or gives the browser a secret."""
    return bool(
        session.get("_user_id")
        or g.get("token")
        # A form's token is in the page, and the session that holds it is written after this.
        or session.get("csrf_token")
        or session.modified
        or response.cache_control.no_store
        or any(_is_secret(cookie) for cookie in response.headers.getlist("Set-Cookie"))
    )
