"""A customer's own page of a case, by its secret link: how it stands, adding to it, whether it was solved, the next step."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from kb_app.support.access_links import ExpiredLinkError, InvalidLinkError
from kb_app.support.escalation import next_step
from kb_app.support.model import LONGEST_MESSAGE, Attachment, Case
from kb_app.support.workflow import CaseTransitionError
from kb_app.web.core.context import support_service
from kb_app.web.core.forms import given_form_id, given_text, keep_files, once_of, takes_files
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import moment
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("cases", __name__)
blueprint.url_value_preprocessor(language_of_address)
takes_files(blueprint)


@blueprint.after_request
def _private(response: Response) -> Response:
    """The address is a key: it is sent to nobody and kept by no cache."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<ui:ui>/cases/<token>")
def status(ui: str, token: str) -> str:
    """How the case stands."""
    return _page(_case(token), token)


@blueprint.post("/<ui:ui>/cases/<token>")
def add(ui: str, token: str) -> str | BaseResponse | tuple[str, int]:
    """Add something to the case; sent twice it is there once."""
    require_same_site()
    case, form_id, text = _case(token), given_form_id(), given_text("message")
    problems: dict[str, object] = (
        {} if text and len(text) <= LONGEST_MESSAGE else {"message": "long" if text else "empty"}
    )
    problems |= keep_files(form_id)
    if problems:
        return _page(case, token, problems, text, form_id), 422
    support_service().workflow.customer_says(
        case, text, moment(), once=once_of(form_id, text), files=form_id
    )
    return redirect(url_for("cases.status", ui=ui, token=token, added=1) + "#said", 303)


@blueprint.route("/<ui:ui>/cases/<token>/solved", methods=["GET", "POST"])
def solved(ui: str, token: str) -> str | BaseResponse:
    """Whether it was solved: a link in a mail opens the question, only the form answers it."""
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
            case, yes, moment(), _scale("satisfaction"), _scale("effort"), text
        )
    except CaseTransitionError:
        abort(404)
    return redirect(url_for("cases.status", ui=ui, token=token, said=request.form["answer"]), 303)


@blueprint.post("/<ui:ui>/cases/<token>/step")
def step(ui: str, token: str) -> BaseResponse:
    """Take it to the next step of the ladder, where that is open."""
    require_same_site()
    try:
        support_service().workflow.escalate(_case(token), moment())
    except CaseTransitionError:
        return redirect(
            url_for("cases.status", ui=ui, token=token, said="closed-step") + "#ladder", 303
        )
    return redirect(url_for("cases.status", ui=ui, token=token, said="step") + "#ladder", 303)


@blueprint.get("/<ui:ui>/cases/<token>/files/<attachment_id>")
def file(ui: str, token: str, attachment_id: str) -> Response:
    """A file of this case, to download."""
    return send_attachment(_case(token), attachment_id)


def send_attachment(case: Case, attachment_id: str) -> Response:
    """A file of a case as a download; never shown in the page's own name."""
    found = next(
        (
            one
            for one in support_service().cases.attachments(case.case_id)
            if one.attachment_id == attachment_id
        ),
        None,
    )
    if found is None or not support_service().uploads.path(found).is_file():
        abort(404)
    return _download(found)


def _download(found: Attachment) -> Response:
    path = support_service().uploads.path(found).resolve()
    response: Response = send_file(
        path, mimetype=found.type, as_attachment=True, download_name=found.name
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _case(token: str) -> Case:
    support = support_service()
    try:
        case = support.cases.case(support.links.read("case", token, moment()))
    except ExpiredLinkError:
        abort(410)
    except InvalidLinkError:
        wrong = NotFound()
        said = _(
            "This link to a case is not right: it may be cut off. Please write to us again with your case number."  # noqa: E501
        )
        wrong.said = said  # type: ignore[attr-defined]
        raise wrong from None
    if case is None:
        abort(410)
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
        "site/case.html", case=case, token=token, messages=support.cases.messages(case.case_id), files=support.cases.attachments(case.case_id),
        rung=next_step(case, moment(), [one.name for one in support.config.ladder]), ladder=support.config.ladder, limits=support.config,
        problems=problems or {}, text=text, form_id=form_id or str(uuid.uuid4()), now=moment(),
    )  # fmt: skip


def _scale(name: str) -> int | None:
    """An answer from 1 to 5; None where none was given."""
    value = request.form.get(name, "")
    return int(value) if value in ("1", "2", "3", "4", "5") else None
