"""Error handlers: HTML pages that offer a search, and problem+json for the API."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, jsonify, make_response, redirect, render_template, request
from flask_babel import gettext
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    SecurityError,
    ServiceUnavailable,
)
from werkzeug.wrappers import Response as BaseResponse

from indexer.model import ArticleSummary
from indexer.reading.front_matter import address_of
from kb_app.web.core.context import site_settings, snapshot
from kb_app.web.core.i18n import interface_language
from kb_app.web.core.search import ask
from kb_app.web.core.template_helpers import article_url
from kb_app.web.core.urls import may_see

log = logging.getLogger("kb_app.errors")
NEAREST = 3


def set_up(app: Flask) -> None:
    """Register the error handlers."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, detail: str) -> BaseResponse:
    """A problem+json response for the API."""
    response = jsonify(
        type="about:blank",
        title=HTTPException().name if status < 400 else _title(status),
        status=status,
        detail=detail,
    )
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _title(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase


def _http(error: HTTPException) -> BaseResponse | tuple[str, int] | HTTPException:
    code = error.code or 500
    if code < 400 or isinstance(error, SecurityError):
        return error  # for an untrusted host no links can be generated
    if request.path.startswith(("/api/", "/mcp")):
        answer = problem(code, error.description or _title(code))
        answer.headers.update(_kept(error))
        return answer
    if code == 404 and request.method in ("GET", "HEAD") and (url := _address_now()):
        return redirect(url, 301)
    words = (request.view_args or {}).get("slug") or ""
    guess = "" if request.url_rule is None else str(words).replace("-", " ")[:100]
    nearest = _nearest(guess) if code == 404 and guess else []
    page = make_response(
        render_template(
            "layout/error.html",
            code=code,
            guess=guess,
            nearest=nearest,
            said=getattr(error, "said", ""),
        ),
        code,
    )
    page.headers.update(_kept(error))
    return page


def _nearest(words: str) -> list[ArticleSummary]:
    """The articles that a wrong address may have meant, where the search is sure enough."""
    try:
        results = ask(words, interface_language(), NEAREST)
        summaries = snapshot().articles.summaries
    except Exception:  # an error page must not fail
        return []
    if results is None or results.verdict == "none":
        return []
    return [summaries[hit.article_id] for hit in results.hits]


def _kept(error: HTTPException) -> dict[str, str]:
    """The headers of an error that say what may be asked instead."""
    return {name: value for name, value in error.get_headers() if name == "Allow"}


def _address_now() -> str:
    """The URL of the article that this path, an old one or another spelling, leads to; or ""."""
    try:
        card = snapshot().articles.by_address(address_of(request.path))
    except Exception:  # an error page must not fail
        return ""
    if card is None or not may_see(card):
        return ""
    languages = site_settings().languages
    url = article_url(card, card.lang if card.lang in languages else None)
    return "" if urlsplit(url).path == request.script_root + request.path else url


def _database(error: SQLAlchemyError) -> BaseResponse | tuple[str, int] | HTTPException:
    """Answer a database error with 503 and a text that says nothing was saved."""
    log.error("the database failed: %s", type(error).__name__)
    said = gettext(
        "This could not be saved just now. Nothing was lost that was saved before. "
        "Please try again."
    )
    failed = ServiceUnavailable(said)
    failed.said = said  # type: ignore[attr-defined]
    return _http(failed)


def _unexpected(error: Exception) -> BaseResponse | tuple[str, int] | HTTPException:
    log.exception("a request failed", exc_info=error)
    return _http(InternalServerError())
