"""The customer's page of a case, by its secret link.

It shows the state and the messages, accepts replies and files, asks whether the case is solved
and offers the next escalation step.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterator
from urllib.parse import quote

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import Gone, NotFound
from werkzeug.wrappers import Response as BaseResponse

from kb_app.support.access_links import ExpiredLinkError, InvalidLinkError
from kb_app.support.attachments import tidy
from kb_app.support.escalation import next_step
from kb_app.support.model import LONGEST_MESSAGE, Attachment, Case, is_mail_address
from kb_app.support.workflow import CaseTransitionError
from kb_app.web.core.context import support_service
from kb_app.web.core.forms import given_form_id, given_text, keep_files, once_of, takes_files
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("cases", __name__)
blueprint.url_value_preprocessor(language_of_address)
takes_files(blueprint)


@blueprint.after_request
def _private(response: Response) -> Response:
    """Keep the secret URL out of Referer headers and caches."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<ui:ui>/cases/<token>")
def status(ui: str, token: str) -> str:
    """Show the state of the case."""
    return _page(_case(token), token)


@blueprint.post("/<ui:ui>/cases/<token>")
def add(ui: str, token: str) -> str | BaseResponse | tuple[str, int]:
    """Add a message to the case; submitting the same form twice adds it once."""
    require_same_site()
    case, form_id, text = _case(token), given_form_id(), given_text("message")
    problems: dict[str, object] = (
        {} if text and len(text) <= LONGEST_MESSAGE else {"message": "long" if text else "empty"}
    )
    problems |= keep_files(form_id)
    if problems:
        return _page(case, token, problems, text, form_id), 422
    support_service().workflow.customer_says(
        case, text, now_ms(), once=once_of(form_id, text), files=form_id
    )
    return redirect(url_for("cases.status", ui=ui, token=token, added=1) + "#said", 303)


@blueprint.route("/<ui:ui>/cases/<token>/solved", methods=["GET", "POST"])
def solved(ui: str, token: str) -> str | BaseResponse:
    """Ask whether the case is solved: a GET from a mail shows the form, only a POST answers."""
    case = _case(token)
    if request.method == "GET":
        return render_template(
            "site/case_solved.html", case=case, token=token, answer=request.args.get("answer", "")
        )
    require_same_site()
    if request.form.get("answer") not in ("yes", "no"):
        abort(400)
    yes = request.form["answer"] == "yes"
    text = "" if yes else given_text("message")[:LONGEST_MESSAGE]
    try:
        support_service().workflow.answer(
            case, yes, now_ms(), _scale("satisfaction"), _scale("effort"), text
        )
    except CaseTransitionError:
        abort(404)
    return redirect(url_for("cases.status", ui=ui, token=token, said=request.form["answer"]), 303)


@blueprint.post("/<ui:ui>/cases/<token>/link")
def mail_link(ui: str, token: str) -> str | BaseResponse | tuple[str, int]:
    """Mail the link to this page to the customer, who may give an address with it."""
    require_same_site()
    case, mail = _case(token), request.form.get("mail", "").strip()
    if not support_service().can_mail:
        abort(404)
    if not case.mail and not is_mail_address(mail):
        return _page(case, token, {"mail": "mail"}), 422
    mailed = support_service().workflow.mail_link(case, mail, now_ms())
    said = "mailed" if mailed else "mailed-often"
    return redirect(url_for("cases.status", ui=ui, token=token, said=said), 303)


@blueprint.post("/<ui:ui>/cases/<token>/step")
def step(ui: str, token: str) -> BaseResponse:
    """Escalate the case to the next step of the ladder, if that step is open."""
    require_same_site()
    try:
        support_service().workflow.escalate(_case(token), now_ms())
    except CaseTransitionError:
        return redirect(
            url_for("cases.status", ui=ui, token=token, said="closed-step") + "#ladder", 303
        )
    return redirect(url_for("cases.status", ui=ui, token=token, said="step") + "#ladder", 303)


@blueprint.get("/<ui:ui>/cases/<token>/files/<attachment_id>")
def file(ui: str, token: str, attachment_id: str) -> Response:
    """Download a file of this case."""
    return send_attachment(_case(token), attachment_id)


def send_attachment(case: Case, attachment_id: str, *, mails: bool = False) -> Response:
    """Send a file of a case as a download; it is never displayed inline.

    ``mails`` are those of a case as they came, which are for the desk alone.
    """
    attachment = next(
        (
            one
            for one in support_service().cases.attachments(case.case_id, mails=mails)
            if one.attachment_id == attachment_id
        ),
        None,
    )
    pieces = support_service().uploads.read(attachment) if attachment else None
    if attachment is None or pieces is None:
        abort(404)
    return _download(attachment, pieces)


def _download(attachment: Attachment, pieces: Iterator[bytes]) -> Response:
    response = Response(pieces, mimetype=attachment.type)
    response.content_length = attachment.size
    plain = unicodedata.normalize("NFKD", attachment.name).encode("ascii", "ignore").decode()
    named = {"filename": tidy(plain), "filename*": f"UTF-8''{quote(attachment.name, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", **named)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _case(token: str) -> Case:
    support = support_service()
    try:
        case = support.cases.case(support.links.read("case", token, now_ms()))
    except ExpiredLinkError:
        abort(410)
    except InvalidLinkError:
        wrong = NotFound()
        said = _(
            "This link to a case is not right: it may be cut off. "
            "Please write to us again with your case number."
        )
        wrong.said = said  # type: ignore[attr-defined]
        raise wrong from None
    if case is None:
        abort(410)
    if case.merged_into:
        # The address of a case may be anybody's: its link does not open another one.
        moved = Gone()
        moved.said = _(  # type: ignore[attr-defined]
            "This case goes on in another one of yours. Its link is in the newest mail of ours; "
            "you may also reply to any of them."
        )
        raise moved
    return case


def _page(
    case: Case,
    token: str,
    problems: dict[str, object] | None = None,
    text: str = "",
    form_id: str = "",
) -> str:
    support = support_service()
    return render_template(
        "site/case.html",
        case=case,
        token=token,
        messages=support.cases.messages(case.case_id),
        files=support.cases.attachments(case.case_id),
        rung=next_step(case, now_ms(), [one.name for one in support.config.ladder]),
        ladder=support.config.ladder,
        limits=support.config,
        problems=problems or {},
        text=text,
        form_id=form_id or str(uuid.uuid4()),
        now=now_ms(),
    )


def _scale(name: str) -> int | None:
    """A rating from 1 to 5 in the form; None where there is none."""
    value = request.form.get(name, "")
    return int(value) if value in ("1", "2", "3", "4", "5") else None
