"""Receives contacts with agents from phone systems, chat tools and ticket systems.

Needs a token with the scope "events".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, g, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics import model as m
from kb_app.analytics.redaction import redact
from kb_app.durations import DAY, MINUTE
from kb_app.web.core.auth import user
from kb_app.web.core.context import event_store, services
from kb_app.web.core.errors import problem
from kb_app.web.core.tracking import UUID, known, now_ms

blueprint = Blueprint("tickets", __name__, url_prefix="/api/v1")
STATES = {"created": m.TICKET_CREATED, "resolved": m.TICKET_RESOLVED}
# Tolerated clock skew of other systems, and the greatest age of a report.
AHEAD, LATE = 5 * MINUTE, 7 * DAY
_NUMBER = re.compile(r"^[\w.:/-]{1,60}$")


@blueprint.post("/tickets")
def tickets() -> BaseResponse:
    """Record a ticket: 201, 200 if it was known, else a problem that names what is wrong.

    The body is
    {"ticket_id", "state", "channel", "query_id", "client_id", "text", "language", "at"}.
    """
    if not user().is_authenticated or not g.get("token"):
        return problem(
            401,
            "This needs a token with the scope events. Create one with: "
            "kb token add NAME --mail MAIL --scope events",
        )
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        return problem(400, "The body must be a JSON object.")
    event, wrong = _event(given)
    if event is None:
        return problem(400, wrong)
    try:
        fresh = event_store().action(event.event_id) is None
        event_store().append([], [event])
    except SQLAlchemyError:
        return problem(503, "The ticket could not be stored. Send it again.")
    answer = jsonify(event_id=event.event_id, joined_by=_joined(event))
    answer.status_code = 201 if fresh else 200
    return answer


tickets.scope = "events"  # type: ignore[attr-defined]


def _event(given: dict[str, Any]) -> tuple[m.ActionEvent | None, str]:
    """(the action, "") or (None, the error text)."""
    number, state, channel = (
        given.get("ticket_id"),
        given.get("state", "created"),
        given.get("channel", "phone"),
    )
    if not isinstance(number, str) or not _NUMBER.match(number):
        return None, "ticket_id: must be 1 to 60 letters, digits or characters of ._:/-"
    if state not in STATES:
        return None, f"state: must be one of {', '.join(STATES)}."
    if channel not in m.CHANNELS:
        return None, f"channel: must be one of {', '.join(m.CHANNELS)}."
    for name in ("query_id", "client_id", "text", "language"):
        if not isinstance(given.get(name, ""), str):
            return None, f"{name}: must be a string."
    at = _parse_time(given.get("at"))
    if at is None:
        return (
            None,
            "at: must be a time with its zone, such as 2026-11-22T09:00:00+09:00, not in the "
            "future and at most seven days ago.",
        )
    query_id = given.get("query_id", "")
    text = redact(given.get("text", ""), services().redactions)
    return (
        m.ActionEvent(
            event_id=f"t:{number}:{state}",
            action_name=STATES[state],
            at=at,
            query_id=query_id if UUID.match(query_id) and known(query_id) else None,
            client_id=given.get("client_id", "")[:36] or None,
            object_id=number,
            channel=channel,
            language=given.get("language", "")[:8],
            attributes={"text": text} if text else {},
        ),
        "",
    )


def _parse_time(given: object) -> int | None:
    """The time of the report in ms; now where it is missing, None where it is invalid."""
    if given is None:
        return now_ms()
    try:
        parsed = datetime.fromisoformat(str(given))
    except ValueError:
        return None
    if parsed.tzinfo is None:
        return None
    at = int(parsed.timestamp() * 1000)
    return at if now_ms() - LATE <= at <= now_ms() + AHEAD else None


def _joined(event: m.ActionEvent) -> str:
    """How the ticket is joined to searches: "query", "client", "words" or "nothing"."""
    return (
        "query"
        if event.query_id
        else "client"
        if event.client_id
        else "words"
        if event.attributes
        else "nothing"
    )
