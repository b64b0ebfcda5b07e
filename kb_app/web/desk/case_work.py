"""What agents do beside answering: tags, snoozing, copies, merging, reports of abuse."""

from __future__ import annotations

from flask import abort, flash, request, url_for
from flask_babel import gettext as _

from indexer.model import ArticleSummary
from kb_app.durations import DAY
from kb_app.support.model import Case
from kb_app.support.workflow import CaseTransitionError
from kb_app.web.core.auth import user
from kb_app.web.core.context import snapshot, support_service
from kb_app.web.core.forms import given_text
from kb_app.web.core.hidden_cases import hidden_step
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.tracking import now_ms

DESK_WORK = ("tag", "snooze", "copies", "merge", "abuse", "no abuse")
SNOOZE_DAYS = (1, 3, 7, 14, 30)
# Tags of the internal article that says what to do about harassment.
POLICY = {"harassment", "ハラスメント"}


def policy() -> ArticleSummary | None:
    """The article that says what to do about harassment, in the writer's language if there."""
    found = [one for one in snapshot().articles.summaries.values() if POLICY & {*one.tags}]
    return next((one for one in found if one.audience == "internal"), next(iter(found), None))


def reason(error: CaseTransitionError) -> str:
    """Why something cannot be done with a case, in words."""
    if error.why.startswith("no address: "):
        return _("%(mail)s is no mail address", mail=error.why.removeprefix("no address: "))
    return {
        "two customers": _("cases of two customers are not merged"),
        "not these two": _("these two cases cannot be merged"),
        "no such case": _("there is no such case"),
        "at a ticket system": _("it is at a ticket system"),
        "no such desk": _("there is no such desk"),
        "many addresses": _("at most 5 addresses"),
        "long": _("at most 90 days"),
        "spam": _("it is spam"),
        "not spam": _("it is no spam"),
        "last step": _("the ladder ends here"),
    }.get(error.why, _("this step is not open yet"))


def desk_work(case: Case, done: str, here: str) -> str:
    """Carry out one of DESK_WORK on the page ``here``; returns where to go.

    Raises CaseTransitionError.
    """
    work, at = support_service().work, now_ms()
    if done == "tag":
        work.tag(case, request.form.get("tags", "")[:1_000], at)
        flash(_("Kept."))
    elif done == "snooze":
        days = whole_number(request.form.get("days", ""), 0, 90)
        if days is None:
            abort(400)
        work.snooze(case, at + days * DAY, at)
        flash(_("It comes back then, or with the customer’s next word.") if days else _("Kept."))
    elif done == "copies":
        work.copy_to(case, request.form.get("cc", "")[:2_000], at)
        flash(_("Kept. The next replies go to these addresses too."))
    elif done == "merge":
        into = support_service().cases.by_number(request.form.get("into", "")[:40].strip("[]# "))
        if into is None or into.step == hidden_step():
            raise CaseTransitionError("no such case")
        work.merge(case, into, user().shown, at)
        flash(_("Merged. Everything that was said is here."))
        return url_for("inbox.case", number=into.number)
    else:
        _abuse(case, done)
    return here


def _abuse(case: Case, done: str) -> None:
    """Report that somebody is harassed in a case, or take it back."""
    note = given_text("text") or request.form.get("what", "").strip()[:2_000]
    is_report = done == "abuse"
    said = _("Harassment reported") if is_report else _("Report of harassment taken back")
    text = f"{said}: {note}" if note else said
    mail = user().mail if is_report else ""
    support_service().work.report_abuse(case, mail, user().shown, text, now_ms())
    flash(
        _("Reported. Leads are told, the case is kept, and somebody else may take it over.")
        if is_report
        else _("Kept.")
    )
