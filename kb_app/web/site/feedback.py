"""Votes, the survey and the privacy page: plain forms that work without JavaScript."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from indexer.model import ArticleSummary
from kb_app.analytics import model as m
from kb_app.analytics.event_writer import PAUSE_S
from kb_app.analytics.redaction import LONGEST
from kb_app.web.core import tracking
from kb_app.web.core.below import cookie_path
from kb_app.web.core.context import services, snapshot
from kb_app.web.core.inputs import own_path
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.template_helpers import article_url
from kb_app.web.core.urls import find_article, language_of_address
from kb_app.web.core.visitor import CLIENT, CONSENT, SESSION, wishes_privacy

blueprint = Blueprint("feedback", __name__)
REASONS = ("not what I asked", "hard to understand", "did not work", "out of date", "other")
NAMES = {"yes": m.VOTE_YES, "no": m.VOTE_NO, "solved": m.SOLVED_YES, "not_solved": m.SOLVED_NO}
AGAIN = "again"
_YEAR = 365 * 24 * 3600


blueprint.url_value_preprocessor(language_of_address)


@blueprint.post("/<ui:ui>/articles/<slug>/vote")
def vote(ui: str, slug: str) -> BaseResponse:
    """Record a vote with its reason and comment; submitting it twice counts once.

    The value "again" records nothing and asks anew; the last answer counts.
    """
    require_same_site()
    value = request.form.get("value", "")
    card = find_article(snapshot().articles, ui, slug)
    if value not in {*NAMES, AGAIN} or card is None:
        abort(404 if value in {*NAMES, AGAIN} else 400)
    form_id = request.form.get("form_id", "")
    vote_id = tracking.given_id("vote") or form_id
    if value == AGAIN:
        return _answered(card, ui, AGAIN, vote_id)
    reason = request.form.get("reason", "")
    attributes: dict[str, Any] = {"reason": reason} if reason in REASONS else {}
    if request.form.get("comment", "").strip():
        attributes["comment"] = request.form["comment"].strip()[:LONGEST]
    tracking.put(
        # The vote itself was counted when it was cast.
        m.VOTE_REASON if attributes else NAMES[value],
        query_id=tracking.given_id() or None,
        object_id=card.id,
        attributes=attributes,
        event_id=_event_id(vote_id, form_id, "more" if attributes else value),
        language=card.lang,
    )
    return _answered(card, ui, "more" if attributes else value, vote_id)


def _event_id(vote_id: str, form_id: str, part: str) -> str:
    """One id per form that is sent; the answers of one reader to one question begin alike."""
    if not tracking.UUID.match(form_id):
        return ""
    return f"{form_id}:{part}" if vote_id == form_id else f"{vote_id}:{form_id[:8]}:{part}"


def _answered(card: ArticleSummary, ui: str, said: str, vote_id: str) -> BaseResponse:
    vote = vote_id if tracking.UUID.match(vote_id) else ""
    given = {"said": said, "from": tracking.given_id(), "vote": vote}
    return redirect(f"{article_url(card, ui)}?{urlencode(given)}#kb-feedback", 303)


@blueprint.get("/<ui:ui>/privacy")
def privacy(ui: str) -> str:
    """Show what is stored, for how long, and how to have it removed."""
    return render_template(
        "site/privacy.html",
        refused=wishes_privacy(),
        consented=request.cookies.get(CONSENT) == "yes",
        done=request.args.get("done", ""),
    )


@blueprint.post("/<ui:ui>/privacy")
def choose(ui: str) -> BaseResponse:
    """Give or withdraw consent to the visitor cookie, or erase the visitor's events."""
    require_same_site()
    choice = request.form.get("choice", "")
    if choice not in ("yes", "no", "erase"):
        abort(400)
    response: Response = redirect(_back(ui, choice), 303)  # type: ignore[assignment]
    client = request.cookies.get(CLIENT, "")
    if choice in ("no", "erase") and client:
        services().events.flush(2)
        # Wait for other web processes to write their buffered events.
        time.sleep(2 * PAUSE_S)
        services().erase(client)
    if choice != "erase":
        response.set_cookie(
            CONSENT,
            choice,
            max_age=_YEAR,
            path=cookie_path(),
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
    if choice != "yes":
        for name in (CLIENT, SESSION):
            response.delete_cookie(name, path=cookie_path())
    return response


def _back(ui: str, choice: str) -> str:
    """The redirect target: the page on which consent was given, else the privacy page."""
    path = own_path(request.form.get("back", "")) if choice == "yes" else ""
    return path or url_for("feedback.privacy", ui=ui, done=choice)
