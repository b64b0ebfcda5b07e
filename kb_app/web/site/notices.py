"""Notices of known problems: on search, contact and matching questions; started at the desk, ended, and told to whoever asked."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import numpy as np
from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics.gaps.spikes import Spike
from kb_app.services.search_adapters import CentredQuestions
from kb_app.support.notices import MOST_QUESTIONS, Notice, names_it
from kb_app.web.api.events import require_same_site
from kb_app.web.core.context import services, snapshot
from kb_app.web.core.i18n import interface_language
from kb_app.web.core.tracking import moment
from kb_app.web.core.urls import language_of_address
from kb_app.web.site.account import needs, user

blueprint = Blueprint("notices", __name__)
blueprint.url_value_preprocessor(language_of_address)
# Cosine of centred questions from which on one asks what the other asks; that of gaps, a little stricter, since a notice is shown to all.
SAME = 0.45


def set_up(app: Flask) -> None:
    """Make them known to templates."""
    app.jinja_env.globals.update(notices=shown)


def shown(query: str = "", section: str = "") -> list[Notice]:
    """The notices for this reader: those without questions always, the others where the query asks what they are about."""
    lang = interface_language()
    try:
        active = [notice for notice in services().people.notices.active(moment()) if notice.for_reader(lang, section)]
    except SQLAlchemyError:  # pages are shown whatever the database does
        return []
    if not query:
        return active
    return [notice for notice in active if not notice.questions or names_it(notice, query) or _means(notice, query, lang)]


def _means(notice: Notice, query: str, lang: str) -> bool:
    """Whether a query means one of the notice's questions; by words alone while there is no model."""
    if services().meaning != "ready":
        return False
    encode = CentredQuestions(services().embedder)
    texts = [query, *notice.questions]
    vectors = encode(texts, [lang] * len(texts))
    return bool(np.max(vectors[1:] @ vectors[0]) >= SAME)


# --- customers -------------------------------------------------------------------------------------------------------------------


@blueprint.post("/<ui:ui>/notices/<notice_id>")
def subscribe(ui: str, notice_id: str) -> BaseResponse:
    """Somebody wants to hear when it is over."""
    require_same_site()
    notice = services().people.notices.one(notice_id)
    if notice is None or not notice.active(moment()):
        abort(404)
    taken = services().people.notices.subscribe(notice_id, request.form.get("mail", "").strip(), ui, moment())
    return redirect(url_for("notices.told", ui=ui, taken=int(taken)), 303)


@blueprint.get("/<ui:ui>/notices/told")
def told(ui: str) -> str:
    """That they will hear."""
    return render_template("site/notice_told.html", taken=request.args.get("taken") == "1")


# --- the desk --------------------------------------------------------------------------------------------------------------------


@blueprint.route("/desk/notices", methods=["GET", "POST"])
@needs("notices")
def notices() -> str | BaseResponse:
    """All notices, what suddenly many people ask, and a form to start one."""
    if request.method == "POST":
        wrong = _start()
        if not wrong:
            flash(_("Kept."))
            services().users.note(user().mail, "started notice", request.form.get("title_ja", "") or request.form.get("title_en", ""))
            return redirect(url_for("notices.notices"), 303)
        flash(wrong)
    found = services().people.notices
    every = found.all()
    sections = sorted({card.section for card in snapshot().library.cards.values()})
    counts = {notice.notice_id: found.waiting(notice.notice_id) for notice in every}
    return render_template("desk/notices.html", notices=every, spikes=current_spikes(), form=_given(), sections=sections, waiting=counts, now=moment())


@blueprint.post("/desk/notices/<notice_id>/end")
@needs("notices")
def end(notice_id: str) -> BaseResponse:
    """It is over: whoever asked is told. Or it was a mistake, and nobody is."""
    if request.form.get("do") == "withdraw":
        services().people.notices.withdraw(notice_id, moment())
        services().users.note(user().mail, "withdrew notice", notice_id)
        flash(_("Withdrawn. Nobody is told."))
        return redirect(url_for("notices.notices"), 303)
    told_to = services().people.end_notices(moment(), [notice_id])
    services().users.note(user().mail, "ended notice", notice_id)
    flash(_("It is over. Mails to send: %(num)d", num=told_to))
    return redirect(url_for("notices.notices"), 303)


def _given() -> Any:
    """The form as sent, or as a spike fills it."""
    if request.method == "POST":
        return request.form
    spike = next((one for one in current_spikes() if one.label == request.args.get("spike")), None)
    return {"questions": "\n".join(spike.questions), "sections": spike.section} if spike else {}


def _start() -> str:
    """Store the notice of the form; what is wrong with it, "" where nothing is."""
    form, languages = request.form, services().settings.languages
    title = {lang: form.get(f"title_{lang}", "").strip()[:200] for lang in languages}
    text = {lang: form.get(f"text_{lang}", "").strip()[:2_000] for lang in languages}
    starts, ends = _moment(form.get("starts", "")), _moment(form.get("ends", ""))
    if not any(title.values()):
        return _("Please give it a title.")
    if form.get("ends") and ends is None:
        return _("The end is no time.")
    if ends is not None and ends <= (starts or moment()):
        return _("It would be over before it begins.")
    shown_in = tuple(lang for lang in languages if title[lang])
    sections = tuple(section for section in form.getlist("sections") if section)
    questions = tuple(line.strip()[:200] for line in form.get("questions", "").splitlines() if line.strip())[:MOST_QUESTIONS]
    limited = shown_in if form.get("only") else ()
    services().people.notices.add(Notice(str(uuid.uuid4()), title, text, starts or moment(), ends, limited, sections, questions, by=user().mail))
    return ""


def _moment(text: str) -> int | None:
    """A local time of the form; None where there is none."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=services().settings.zone).timestamp() * 1000) if text else None
    except ValueError:
        return None


def current_spikes() -> tuple[Spike, ...]:
    """What suddenly many people ask."""
    return services().current_spikes()
