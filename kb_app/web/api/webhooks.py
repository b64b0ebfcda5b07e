"""Receives case states from ticket systems: signed webhooks, each applied once."""

from __future__ import annotations

import hmac

from flask import Blueprint, jsonify, request
from pydantic import AliasChoices, BaseModel, Field, field_validator
from werkzeug.wrappers import Response as BaseResponse

from kb_app.db.writing import storable
from kb_app.support.delivery.webhook_signature import (
    EVENT_ID,
    SIGNATURE,
    ZENDESK_ID,
    ZENDESK_SIGNATURE,
    InvalidSignatureError,
    verify,
)
from kb_app.support.model import Case
from kb_app.web.core.context import now, services, site_settings, support_service
from kb_app.web.core.errors import problem
from kb_app.web.core.inputs import StorableText, parse_body
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("hooks", __name__, url_prefix="/api/v1")
SOLVED = frozenset({"solved", "closed", "resolved", "4", "5"})
OPEN = frozenset({"open", "new", "pending", "hold", "2", "3"})


class StateReport(BaseModel):
    """The state of a ticket. Systems write ids as text or as numbers, and state or status."""

    event_id: StorableText | int = ""
    ticket_id: StorableText | int = ""
    number: StorableText | int = ""
    state: StorableText | int = Field("", validation_alias=AliasChoices("state", "status"))

    @field_validator("state")
    @classmethod
    def _is_state(cls, value: str | int) -> str:
        state = str(value).lower()
        if state not in SOLVED | OPEN:
            raise ValueError(f"must be one of {', '.join(sorted(SOLVED | OPEN))}")
        return state

    @property
    def solved(self) -> bool:
        """Whether the ticket is solved or closed."""
        return self.state in SOLVED


@blueprint.post("/hooks/<desk>")
def hook(desk: str) -> BaseResponse:
    """Apply a signed webhook: 200, 202 where it was known, or a problem that names what is wrong.

    The body is {"event_id", "ticket_id" or "number", "state"}.
    """
    support = support_service()
    secret = site_settings().desk_secret(desk)
    if desk not in support.config.desks or not secret:
        return problem(
            404, "support.yml has no desk of this name, or KB_DESK_SECRETS has no secret for it."
        )
    body = request.get_data(cache=False)
    try:
        verify(secret, dict(request.headers), body, now())
    except InvalidSignatureError as error:
        return problem(401, str(error))
    given, wrong = parse_body(StateReport, body)
    if given is None:
        return problem(400, wrong)
    event_ids = _event_ids(desk, given)
    if not event_ids:
        return problem(400, "event_id: is missing; it is needed to detect repeated events.")
    case = _case(desk, given)
    if case is None:
        return problem(404, "No case of this desk has that ticket_id or number.")
    fresh = support.workflow.apply_remote_state(event_ids, case, given.solved, now_ms())
    answer = jsonify(number=case.number, known=not fresh)
    answer.status_code = 200 if fresh else 202
    return answer


def _event_ids(desk: str, given: StateReport) -> list[tuple[str, str]]:
    """(source, id) by which a repeated event is known: its own id, and its signature.

    The header with the id is not signed: with another id, a recorded request could be sent again.
    """
    header = request.headers.get(EVENT_ID) or request.headers.get(ZENDESK_ID) or ""
    event_id = storable(str(given.event_id or header))[:200]
    signature = request.headers.get(SIGNATURE) or request.headers.get(ZENDESK_SIGNATURE) or ""
    return [(f"hook:{desk}", event_id), (f"signed:{desk}", signature[:200])] if event_id else []


def _case(desk: str, given: StateReport) -> Case | None:
    """The case, by the desk's ticket id or by our number, only if that desk has it."""
    cases = support_service().cases
    if given.ticket_id:
        return cases.by_external(desk, str(given.ticket_id)[:100])
    case = cases.by_number(str(given.number)[:16])
    return case if case and case.desk == desk else None


@blueprint.post("/articles-changed")
def articles_changed() -> BaseResponse:
    """Take the articles from their repository soon: told by GitHub, Gitea (a signature) or GitLab.

    202 where it is taken note of; the body counts only for its signature.
    """
    remote, secret = services().remote, site_settings().articles_secret
    if remote is None or not secret:
        return problem(404, "KB_ARTICLES_REMOTE or KB_ARTICLES_SECRET is not set.")
    body = request.get_data(cache=False)
    wanted = hmac.new(secret.encode(), body, "sha256").hexdigest()
    signed = request.headers.get("X-Hub-Signature-256", "").removeprefix("sha256=")
    token = request.headers.get("X-Gitlab-Token", "")
    is_signed = hmac.compare_digest(signed.encode(), wanted.encode())
    if not is_signed and not hmac.compare_digest(token.encode(), secret.encode()):
        return problem(401, "The signature is not that of KB_ARTICLES_SECRET.")
    remote.ask()
    answer = jsonify(status="noted")
    answer.status_code = 202
    return answer
