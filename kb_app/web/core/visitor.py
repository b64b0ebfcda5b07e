"""Identifies visitors by a random first-party cookie, within their consent; detects bots."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask, Response, g, request
from flask_login import current_user

from kb_app.web.core.below import cookie_path
from kb_app.web.core.context import site_settings

CLIENT, SESSION, CONSENT = "kb_client", "kb_visit", "kb_consent"
# A header with the visit of a page of another site: 32 hex digits, forgotten with that page.
VISIT = "KB-Visit"
_PROGRAMS = ("/api/", "/mcp")
_YEAR = 365 * 24 * 3600
_SESSION_S = 30 * 60
# Headers of requests that browsers send before anybody asked for the page.
_AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_AHEAD_WORDS = ("prefetch", "prerender", "preview")
_ID = re.compile(r"^[0-9a-f]{32}$")


@dataclass(frozen=True)
class Visitor:
    """A visitor of the site.

    ``recorded`` says whether events are stored at all. Without a client id, a search counts only
    in totals.
    """

    client_id: str | None
    session_id: str | None
    bot: bool
    recorded: bool


def set_up(app: Flask) -> None:
    """Register the hook that sets the cookies."""
    app.after_request(_keep)


def visitor() -> Visitor:
    """The visitor of this request."""
    if "visitor" not in g:
        g.visitor = _visitor()
    result: Visitor = g.visitor
    return result


def wishes_privacy() -> bool:
    """Whether Global Privacy Control, Do Not Track or the privacy page says no to tracking."""
    return (
        request.headers.get("Sec-GPC") == "1"
        or request.headers.get("DNT") == "1"
        or request.cookies.get(CONSENT) == "no"
    )


def consent_open() -> bool:
    """Whether to show the consent question to this visitor."""
    settings = site_settings()
    return (
        settings.analytics == "on"
        and settings.consent == "ask"
        and request.cookies.get(CONSENT) not in ("yes", "no")
        and not wishes_privacy()
    )


def _visitor() -> Visitor:
    settings = site_settings()
    bot = is_bot(request.headers.get("User-Agent", ""))
    # Staff searches are tests, not customers' queries; API clients search for customers.
    staff = current_user.is_authenticated and not g.get("token")
    if settings.analytics == "off" or staff or not is_visit():
        return Visitor(None, None, bot, recorded=False)
    if settings.consent == "ask" and request.cookies.get(CONSENT) != "yes":
        return Visitor(None, None, bot, recorded=False)
    if bot or wishes_privacy():
        return Visitor(None, None, bot, recorded=True)
    visit = own_visit()
    if visit:
        return Visitor(visit, visit, bot=False, recorded=True)
    if request.path.startswith(_PROGRAMS) and not _ID.match(request.cookies.get(CLIENT, "")):
        # A program without cookies asks for many people, or for one many times: it is nobody.
        return Visitor(None, None, bot=False, recorded=True)
    return Visitor(_kept(CLIENT), _kept(SESSION), bot=False, recorded=True)


def own_visit() -> str:
    """The visit that a page of another site names, which gets no cookie of ours; "" without."""
    given = request.headers.get(VISIT, "") if request.path.startswith("/api/") else ""
    return given if _ID.match(given) else ""


def is_visit() -> bool:
    """Whether somebody wants to see the page now: no HEAD, and no browser that fetches ahead."""
    said = " ".join(request.headers.get(name, "") for name in _AHEAD).lower()
    return request.method != "HEAD" and not any(word in said for word in _AHEAD_WORDS)


def _kept(name: str) -> str:
    """The id in a cookie; a new one where it is missing or invalid."""
    value = request.cookies.get(name, "")
    return value if _ID.match(value) else uuid.uuid4().hex


@lru_cache(maxsize=1)
def _detector() -> object:
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()


@lru_cache(maxsize=2048)
def is_bot(agent: str) -> bool:
    """Whether a user agent is a crawler or an uptime check; an empty one counts as a bot."""
    return not agent.strip() or bool(_detector().is_crawler(agent))  # type: ignore[attr-defined]


def _keep(response: Response) -> Response:
    """Set the cookies after something was recorded; delete them for visitors who opted out."""
    who: Visitor | None = g.get("visitor")
    if who is not None and who.client_id and g.get("recognise") and not own_visit():
        for name, value, age in (
            (CLIENT, who.client_id, _YEAR),
            (SESSION, who.session_id or "", _SESSION_S),
        ):
            response.set_cookie(
                name,
                value,
                max_age=age,
                path=cookie_path(),
                httponly=True,
                samesite="Lax",
                secure=request.is_secure,
            )
    elif who is not None and wishes_privacy():
        for name in (CLIENT, SESSION):
            if name in request.cookies:
                response.delete_cookie(name, path=cookie_path())
    return response
