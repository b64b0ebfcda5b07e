"""Notices of known problems, as shown to visitors, and subscriptions to their end."""

from __future__ import annotations

import numpy as np
from cachetools import LRUCache, cached
from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics.ports import Vectors
from kb_app.localized import localized
from kb_app.services.search_adapters import CentredQuestions
from kb_app.services.support import NOTICE_STOP
from kb_app.support.access_links import InvalidLinkError
from kb_app.support.notices import Notice, names_it
from kb_app.web.core.context import services, support_service
from kb_app.web.core.i18n import interface_language
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("notices", __name__)
blueprint.url_value_preprocessor(language_of_address)
# Cosine of centred vectors from which two questions match; stricter than for gaps, since
# every visitor sees a notice.
SAME = 0.45


def set_up(app: Flask) -> None:
    """Register the template global."""
    app.jinja_env.globals.update(notices=shown, section_notices=of_section)


def shown(query: str = "", section: str = "") -> list[Notice]:
    """The active notices for this reader.

    Without a query all of them; with one, those without questions and those that match it.
    """
    lang = interface_language()
    try:
        active = [
            notice
            for notice in support_service().notices.active(now_ms())
            if notice.for_reader(lang, section)
        ]
    except SQLAlchemyError:  # pages must render despite a database error
        return []
    if not query:
        return active
    return [
        notice
        for notice in active
        if not notice.questions or names_it(notice, query) or _means(notice, query, lang)
    ]


def of_section(section: str) -> list[Notice]:
    """The active notices about a section, for its articles; others are on the home page."""
    return [notice for notice in shown("", section) if notice.sections]


def _means(notice: Notice, query: str, lang: str) -> bool:
    """Whether a query matches a question of the notice by embedding; False without a model."""
    if services().meaning != "ready":
        return False
    encode = CentredQuestions(services().embedder)
    (asked,) = encode([query], [lang])
    return bool(np.max(_vectors_of(encode, notice.questions, lang) @ asked) >= SAME)


@cached(LRUCache(100), key=lambda encode, texts, lang: (encode.fingerprint, texts, lang))
def _vectors_of(encode: CentredQuestions, texts: tuple[str, ...], lang: str) -> Vectors:
    """The vectors of a notice's questions, made once."""
    return encode(texts, [lang] * len(texts))


# --- subscriptions ---


@blueprint.post("/<ui:ui>/notices/<notice_id>")
def subscribe(ui: str, notice_id: str) -> BaseResponse:
    """Subscribe a mail address to the end of a notice."""
    require_same_site()
    notice = support_service().notices.one(notice_id)
    if notice is None or not notice.active(now_ms()):
        abort(404)
    subscribed = support_service().notices.subscribe(
        notice_id, request.form.get("mail", "").strip(), ui, now_ms()
    )
    return redirect(url_for("notices.told", ui=ui, taken=int(subscribed)), 303)


@blueprint.get("/<ui:ui>/notices/stop/<token>")
def ask_stop(ui: str, token: str) -> str:
    """Ask for one more click before the mails about a problem end."""
    notice_id, _mail = _subscriber(token)
    notice = support_service().notices.one(notice_id)
    title = localized(notice.title, ui) if notice else ""
    return render_template("site/follow.html", state="stop" if notice else "stopped", title=title)


@blueprint.post("/<ui:ui>/notices/stop/<token>")
def stop(ui: str, token: str) -> str:
    """End the mails about a problem: by the button, or by the mail program itself (RFC 8058)."""
    support_service().notices.unsubscribe(*_subscriber(token))
    return render_template("site/follow.html", state="stopped")


def _subscriber(token: str) -> tuple[str, str]:
    """The notice and the address of a link that ends mails."""
    try:
        found = support_service().links.read_lasting(NOTICE_STOP, token)
    except InvalidLinkError:
        abort(404)
    notice_id, _space, mail = found.partition(" ")
    return notice_id, mail


@blueprint.get("/<ui:ui>/notices/told")
def told(ui: str) -> str:
    """Confirm the subscription."""
    return render_template("site/notice_told.html", taken=request.args.get("taken") == "1")
