"""Starts and ends notices of known problems."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
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
from kb_app.web.core.forms import given_form_id
from kb_app.web.core.inputs import moment
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("desk_notices", __name__, url_prefix="/desk/notices")


@blueprint.route("", methods=["GET", "POST"])
@needs("notices")
def notices() -> str | BaseResponse:
    """List the notices and spikes, and start a notice."""
    if request.method == "POST":
        made = _read_form(str(uuid.uuid4()))
        if isinstance(made, Notice):
            support_service().notices.add(made)
            flash(_("Kept."))
            user_store().note(user().mail, "started notice", next(iter(made.title.values())))
            return redirect(url_for("desk_notices.notices"), 303)
        flash(made)
    store = support_service().notices
    every = store.all()
    counts = {notice.notice_id: store.waiting(notice.notice_id) for notice in every}
    return render_template(
        "desk/notices.html",
        notices=every,
        spikes=current_spikes(),
        form=_given(),
        sections=_all_sections(),
        waiting=counts,
        now=now_ms(),
    )


@blueprint.route("/<notice_id>", methods=["GET", "POST"])
@needs("notices")
def notice(notice_id: str) -> str | BaseResponse | tuple[str, int]:
    """Change a notice that is not over, or add what was learned of it."""
    found = support_service().notices.one(notice_id)
    if found is None or found.over_at is not None:
        abort(404)
    if request.method == "GET":
        return _notice_page(found, _form_of(found))
    wrong = _add_update(found) if request.form.get("do") == "update" else _change(found)
    if wrong:
        flash(wrong)
        return _notice_page(found, request.form), 422
    return redirect(url_for("desk_notices.notice", notice_id=notice_id), 303)


def _change(before: Notice) -> str:
    """Store the changed notice; what is wrong with it, "" if nothing is."""
    made = _read_form(before.notice_id, before)
    if isinstance(made, str):
        return made
    if not support_service().notices.change(made):
        return _("It is over meanwhile, and was not changed.")
    user_store().note(user().mail, "changed notice", before.notice_id)
    flash(_("Saved. Customers see it within seconds."))
    return ""


def _add_update(before: Notice) -> str:
    """Add what was learned; what is wrong with it, "" if nothing is."""
    languages = before.languages or tuple(site_settings().languages)
    given = {lang: request.form.get(f"update_{lang}", "").strip()[:1_000] for lang in languages}
    if not any(given.values()):
        return _("Please write what is new.")
    tell = "tell" in request.form
    support = support_service()
    mails = support.add_notice_update(before, given_form_id(), given, user().mail, tell)
    user_store().note(user().mail, "notice: update", before.notice_id)
    flash(_("It is shown with the notice. Mails to send: %(num)d", num=mails))
    return ""


def _form_of(notice: Notice) -> dict[str, str]:
    """The fields of the form for a notice, as an operator would have filled them in."""
    zone = site_settings().zone
    texts = {f"title_{lang}": said for lang, said in notice.title.items()}
    texts |= {f"text_{lang}": said for lang, said in notice.text.items()}

    def written(at: int | None) -> str:
        return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%dT%H:%M") if at else ""

    return texts | {
        "starts": written(notice.starts_at),
        "ends": written(notice.ends_at),
        "sections": next(iter(notice.sections), ""),
        "questions": "\n".join(notice.questions),
        "only": "1" if notice.languages else "",
    }


def _notice_page(notice: Notice, form: Any) -> str:
    return render_template(
        "desk/notice.html",
        notice=notice,
        form=form,
        sections=_all_sections(),
        waiting=support_service().notices.waiting(notice.notice_id),
        can_mail=support_service().can_mail,
        form_id=given_form_id(),
    )


def _all_sections() -> list[str]:
    return sorted({card.section for card in snapshot().articles.summaries.values()})


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


def _read_form(notice_id: str, before: Notice | None = None) -> Notice | str:
    """The notice in the form, or what is wrong with it; ``before`` is the one that it changes."""
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
    return Notice(
        notice_id,
        {lang: said for lang, said in title.items() if said},
        text,
        starts or (before.starts_at if before else now_ms()),
        ends,
        limited,
        sections,
        questions,
        by=before.by if before else user().mail,
    )


def current_spikes() -> tuple[Spike, ...]:
    """Questions whose frequency suddenly rose."""
    return analytics_service().current_spikes()
