"""Starts and ends notices of known problems."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics.gaps.spikes import Spike
from kb_app.support.notices import MOST_QUESTIONS, Notice
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    analytics_service,
    site_settings,
    snapshot,
    support_service,
    user_store,
)
from kb_app.web.core.inputs import moment
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("desk_notices", __name__, url_prefix="/desk/notices")


@blueprint.route("", methods=["GET", "POST"])
@needs("notices")
def notices() -> str | BaseResponse:
    """List the notices and spikes, and start a notice."""
    if request.method == "POST":
        wrong = _start()
        if not wrong:
            flash(_("Kept."))
            user_store().note(
                user().mail,
                "started notice",
                request.form.get("title_ja", "") or request.form.get("title_en", ""),
            )
            return redirect(url_for("desk_notices.notices"), 303)
        flash(wrong)
    store = support_service().notices
    every = store.all()
    sections = sorted({card.section for card in snapshot().articles.summaries.values()})
    counts = {notice.notice_id: store.waiting(notice.notice_id) for notice in every}
    return render_template(
        "desk/notices.html",
        notices=every,
        spikes=current_spikes(),
        form=_given(),
        sections=sections,
        waiting=counts,
        now=now_ms(),
    )


@blueprint.post("/<notice_id>/end")
@needs("notices")
def end(notice_id: str) -> BaseResponse:
    """End a notice and mail its subscribers, or withdraw it without a mail."""
    if request.form.get("do") == "withdraw":
        support_service().notices.withdraw(notice_id, now_ms())
        user_store().note(user().mail, "withdrew notice", notice_id)
        flash(_("Withdrawn. Nobody is told."))
        return redirect(url_for("desk_notices.notices"), 303)
    told_to = support_service().end_notices(now_ms(), [notice_id])
    user_store().note(user().mail, "ended notice", notice_id)
    flash(_("It is over. Mails to send: %(num)d", num=told_to))
    return redirect(url_for("desk_notices.notices"), 303)


def _given() -> Any:
    """The submitted form, or one prefilled from a spike."""
    if request.method == "POST":
        return request.form
    spike = next((one for one in current_spikes() if one.label == request.args.get("spike")), None)
    return {"questions": "\n".join(spike.questions), "sections": spike.section} if spike else {}


def _start() -> str:
    """Store the notice in the form; returns the error text, "" on success."""
    form, languages = request.form, site_settings().languages
    title = {lang: form.get(f"title_{lang}", "").strip()[:200] for lang in languages}
    text = {lang: form.get(f"text_{lang}", "").strip()[:2_000] for lang in languages}
    starts, ends = (
        moment(form.get("starts", ""), site_settings().zone),
        moment(form.get("ends", ""), site_settings().zone),
    )
    if not any(title.values()):
        return _("Please give it a title.")
    if form.get("starts") and starts is None:
        return _("The start is no time.")
    if form.get("ends") and ends is None:
        return _("The end is no time.")
    if ends is not None and ends <= (starts or now_ms()):
        return _("It would be over before it begins.")
    shown_in = tuple(lang for lang in languages if title[lang])
    sections = tuple(section for section in form.getlist("sections") if section)
    questions = tuple(
        line.strip()[:200] for line in form.get("questions", "").splitlines() if line.strip()
    )[:MOST_QUESTIONS]
    limited = shown_in if form.get("only") else ()
    support_service().notices.add(
        Notice(
            str(uuid.uuid4()),
            title,
            text,
            starts or now_ms(),
            ends,
            limited,
            sections,
            questions,
            by=user().mail,
        )
    )
    return ""


def current_spikes() -> tuple[Spike, ...]:
    """Questions whose frequency suddenly rose."""
    return analytics_service().current_spikes()
