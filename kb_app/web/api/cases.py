"""Messages to a person by the API, and how a case stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import Blueprint, g, jsonify, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from kb_app.localized import localized
from kb_app.support.case_fields import field_problems, known_fields
from kb_app.support.config.values import CaseField
from kb_app.support.model import Case, NewCase
from kb_app.support.spam import spam_reason
from kb_app.web.api.document import operation
from kb_app.web.api.models import (
    CaseAnswer,
    CaseRequest,
    CaseState,
    ContactAnswer,
    LanguageParameters,
    Problem,
)
from kb_app.web.api.requests import (
    ProblemError,
    body,
    handle_problems,
    language,
    needs_token,
    parameters,
)
from kb_app.web.core import tracking
from kb_app.web.core.contact_channels import contact_channels, promised_until
from kb_app.web.core.context import site_settings, support_service
from kb_app.web.core.hidden_cases import hidden_step
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.template_helpers import absolute_url, public_url
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.visitor import visitor

blueprint = Blueprint("api_cases", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
_WRONG = {
    "mail": "must be a mail address.",
    "long": "is too long.",
    "line": "must be one line.",
    "empty": "must not be empty.",
}


@blueprint.get("/contact")
@operation("cases", {200: ContactAnswer}, query=LanguageParameters)
def contact() -> ResponseReturnValue:
    """How a person is reached: the page, the hours, and until when a message is answered."""
    g.ui = ui = language(parameters(LanguageParameters).lang)
    settings = site_settings()
    ways = [
        {
            "kind": way.kind,
            "label": way.label,
            "address": way.href,
            "open": way.open,
            "state": way.said,
        }
        for way in contact_channels()
    ]
    return jsonify(
        site=settings.name(ui),
        page=absolute_url(url_for("contact.contact", ui=ui)),
        answer_by=promised_until(),
        hours=settings.hours(ui),
        ways=ways,
        fields=[
            {
                "name": field.name,
                "label": localized(field.label, ui),
                "example": field.example,
                "choices": field.choices,
            }
            for field in support_service().config.fields
        ],
    )


@blueprint.post("/cases")
@operation(
    "cases",
    {201: CaseAnswer, 200: CaseAnswer, 409: Problem, 503: Problem},
    body=CaseRequest,
)
def open_case() -> ResponseReturnValue:
    """Write to a person: 201 with the case, 200 where the same form opened it before."""
    require_same_site()
    given = body(CaseRequest)
    ui = language(given.lang)
    asked = support_service().config.fields
    _refuse_fields(given.fields, asked)
    new = NewCase(
        form_id=given.form_id,
        kind=given.kind,
        message=given.message,
        name=given.name,
        mail=given.mail,
        language=ui,
        subject=" ".join(given.subject.split()),
        fields=known_fields(given.fields, asked),
        channel=given.channel,
        query_id=given.query_id if tracking.known(given.query_id) else "",
        client_id=visitor().client_id,
        recorded=visitor().recorded and not visitor().bot,
        spam=spam_reason(given.message, given.name, given.website),
    )
    problems = new.problems()
    if problems:
        name, what = next(iter(problems.items()))
        raise ProblemError(f"{name}: {_WRONG.get(what, 'cannot be used.')}")
    support = support_service()
    try:
        known = support.cases.by_form(given.form_id)
        if known is not None and not _is_same(known, new):
            raise ProblemError("form_id: another message has it. Give each form its own.", 409)
        case = support.cases.going_on(known) if known else support.workflow.open(new, now_ms())
    except SQLAlchemyError as error:
        raise ProblemError("The message could not be stored. Send it again.", 503) from error
    token = support.links.make("case", case.case_id, now_ms())
    address = public_url(url_for("cases.status", ui=ui, token=token))
    return jsonify(url=address, **_state(case)), 200 if known else 201


@blueprint.get("/cases/<number>")
@operation("cases", {200: CaseState, 404: Problem}, scope="cases")
def case(number: str) -> ResponseReturnValue:
    """How a case stands, by its number."""
    needs_token("cases")
    cases = support_service().cases
    found = cases.by_number(number)
    found = cases.going_on(found) if found else None
    if found is None or found.step == hidden_step():
        raise ProblemError("There is no case with this number.", 404)
    return jsonify(_state(found))


def _refuse_fields(given: Mapping[str, str], asked: Sequence[CaseField]) -> None:
    """Raise ProblemError for an unknown field, or a value that it cannot have."""
    unknown = given.keys() - {field.name for field in asked}
    if unknown:
        names = ", ".join(field.name for field in asked) or "there are none"
        raise ProblemError(f"fields.{min(unknown)}: is not known. The fields: {names}.")
    for name, what in field_problems(given, asked).items():
        raise ProblemError(f"fields.{name}: {_WRONG.get(what, 'must be one of its choices.')}")


def _is_same(known: Case, new: NewCase) -> bool:
    """Whether a form was sent again, rather than another one with its id."""
    return known.message == new.message.strip() and known.mail == new.mail.strip()


def _state(case: Case) -> dict[str, object]:
    due = (
        datetime.fromtimestamp(case.due_at / 1000, site_settings().zone).isoformat()
        if case.due_at
        else None
    )
    return {"number": case.number, "state": case.state, "answer_by": due}
