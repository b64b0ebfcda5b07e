"""Receives case states from ticket systems: signed webhooks, each applied once."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from kb_app.db.writing import storable
from kb_app.support.delivery.webhook_signature import (
    EVENT_ID,
    ZENDESK_ID,
    InvalidSignatureError,
    verify,
)
from kb_app.support.model import Case
from kb_app.web.core.context import now, site_settings, support_service
from kb_app.web.core.errors import problem
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("hooks", __name__, url_prefix="/api/v1")
SOLVED = frozenset({"solved", "closed", "resolved", "4", "5"})
OPEN = frozenset({"open", "new", "pending", "hold", "2", "3"})


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
    event_id, case, solved, wrong = _meaning(desk, body)
    if wrong or case is None:
        return problem(
            404 if not wrong else 400, wrong or "No case of this desk has that ticket_id or number."
        )
    fresh = support.workflow.apply_remote_state(f"hook:{desk}", event_id, case, solved, now_ms())
    answer = jsonify(number=case.number, known=not fresh)
    answer.status_code = 200 if fresh else 202
    return answer


def _meaning(desk: str, body: bytes) -> tuple[str, Case | None, bool, str]:
    """(event id, case, whether it is solved, error text)."""
    given = _read(body)
    if given is None:
        return "", None, False, "The body must be a JSON object."
    event_id = str(
        given.get("event_id")
        or request.headers.get(EVENT_ID)
        or request.headers.get(ZENDESK_ID)
        or ""
    )
    event_id = storable(event_id)[:200]
    state = str(given.get("state") or given.get("status") or "").lower()
    if not event_id:
        return "", None, False, "event_id: is missing; it is needed to detect repeated events."
    if state not in SOLVED | OPEN:
        return "", None, False, f"state: must be one of {', '.join(sorted(SOLVED | OPEN))}."
    return event_id, _case(desk, given), state in SOLVED, ""


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _case(desk: str, given: dict[str, Any]) -> Case | None:
    """The case, by the desk's ticket id or by our number, only if that desk has it."""
    cases = support_service().cases
    if given.get("ticket_id"):
        return cases.by_external(desk, str(given["ticket_id"])[:100])
    case = cases.by_number(str(given.get("number", ""))[:16])
    return case if case and case.desk == desk else None
