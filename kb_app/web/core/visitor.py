"""Who asks, as far as that may be known: a random first-party cookie, none where the visitor does not wish it, and no bot."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask, Response, g, request
from flask_login import current_user

from kb_app.web.core.context import site_settings

CLIENT, SESSION, CONSENT = "kb_client", "kb_visit", "kb_consent"
_YEAR = 365 * 24 * 3600
_SESSION_S = 30 * 60
_ID = re.compile(r"^[0-9a-f]{32}$")


@dataclass(frozen=True)
class Visitor:
    """``recorded`` says whether anything is written at all; without a client id a search counts in totals only."""

    client_id: str | None
    session_id: str | None
    bot: bool
    recorded: bool


def set_up(app: Flask) -> None:
    """Give recognised visitors their cookies."""
    app.after_request(_keep)


def visitor() -> Visitor:
    """The visitor of this request."""
    if "visitor" not in g:
        g.visitor = _visitor()
    found: Visitor = g.visitor
    return found


def wishes_privacy() -> bool:
    """Global Privacy Control, Do Not Track, or a no on the privacy page."""
    return (
        request.headers.get("Sec-GPC") == "1"
        or request.headers.get("DNT") == "1"
        or request.cookies.get(CONSENT) == "no"
    )


def consent_open() -> bool:
    """Whether this visitor is still to be asked."""
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
    # Whoever works here tries things out; that is no customer's question. A program with a token asks for customers.
    staff = current_user.is_authenticated and not g.get("token")
    if settings.analytics == "off" or staff:
        return Visitor(None, None, bot, recorded=False)
    if settings.consent == "ask" and request.cookies.get(CONSENT) != "yes":
        return Visitor(None, None, bot, recorded=False)
    if bot or wishes_privacy():
        return Visitor(None, None, bot, recorded=True)
    return Visitor(_kept(CLIENT), _kept(SESSION), bot=False, recorded=True)


def _kept(name: str) -> str:
    """The id in a cookie, or a new one where there is none that is ours."""
    value = request.cookies.get(name, "")
    return value if _ID.match(value) else uuid.uuid4().hex


@lru_cache(maxsize=1)
def _detector() -> object:
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()


@lru_cache(maxsize=2048)
def is_bot(agent: str) -> bool:
    """Whether a user agent is a crawler's or an uptime check's; one that says nothing is."""
    return not agent.strip() or bool(_detector().is_crawler(agent))  # type: ignore[attr-defined]


def _keep(response: Response) -> Response:
    """Set the cookies where something was recorded of a recognised visitor; take them away from those who said no."""
    who: Visitor | None = g.get("visitor")
    if who is not None and who.client_id and g.get("recognise"):
        for name, value, age in (
            (CLIENT, who.client_id, _YEAR),
            (SESSION, who.session_id or "", _SESSION_S),
        ):
            response.set_cookie(
                name, value, max_age=age, httponly=True, samesite="Lax", secure=request.is_secure
            )
    elif who is not None and wishes_privacy():
        for name in (CLIENT, SESSION):
            if name in request.cookies:
                response.delete_cookie(name)
    return response
