"""Receives contacts with agents from phone systems, chat tools and ticket systems.

Needs a token with the scope "events".
"""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field, field_validator
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics import model as m
from kb_app.analytics.redaction import redact
from kb_app.durations import DAY, MINUTE
from kb_app.web.api.document import operation
from kb_app.web.api.models import Problem, TicketAnswer
from kb_app.web.api.requests import ProblemError, body, handle_problems, needs_token
from kb_app.web.core.context import event_store, services
from kb_app.web.core.inputs import StorableText, moment
from kb_app.web.core.tracking import known, now_ms

blueprint = Blueprint("tickets", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
STATES = {"created": m.TICKET_CREATED, "resolved": m.TICKET_RESOLVED}
# Tolerated clock skew of other systems, and the greatest age of a report.
AHEAD, LATE = 5 * MINUTE, 7 * DAY


class Ticket(BaseModel):
    """A contact with an agent, as another system reports it."""

    ticket_id: Annotated[str, Field(pattern=r"^[\w.:/-]{1,60}$")]
    state: Literal["created", "resolved"] = "created"
    channel: Literal[m.CHANNELS] = "phone"  # type: ignore[valid-type]
    query_id: StorableText = ""
    client_id: StorableText = ""
    text: StorableText = ""
    language: StorableText = ""
    at: int | None = None

    @field_validator("at", mode="before")
    @classmethod
    def _is_recent(cls, value: object) -> int | None:
        """The time of the report in ms; None for now."""
        at = moment(value) if isinstance(value, str) else None
        if value is not None and (at is None or not now_ms() - LATE <= at <= now_ms() + AHEAD):
            raise ValueError(
                "must be a time with its zone, such as 2026-11-22T09:00:00+09:00, not in the "
                "future and at most seven days ago"
            )
        return at


@blueprint.post("/tickets")
@operation(
    "tickets", {201: TicketAnswer, 200: TicketAnswer, 503: Problem}, body=Ticket, scope="events"
)
def tickets() -> ResponseReturnValue:
    """Report a contact of another system: 201, 200 where it was known."""
    needs_token("events")
    given = body(Ticket)
    event = _event(given)
    try:
        fresh = event_store().action(event.event_id) is None
        event_store().append([], [event])
    except SQLAlchemyError:
        raise ProblemError("The ticket could not be stored. Send it again.", 503) from None
    answer = jsonify(event_id=event.event_id, joined_by=_joined(event))
    answer.status_code = 201 if fresh else 200
    return answer


def _event(given: Ticket) -> m.ActionEvent:
    text = redact(given.text, services().redactions)
    return m.ActionEvent(
        event_id=f"t:{given.ticket_id}:{given.state}",
        action_name=STATES[given.state],
        at=now_ms() if given.at is None else given.at,
        query_id=given.query_id if known(given.query_id) else None,
        client_id=given.client_id[:36] or None,
        object_id=given.ticket_id,
        channel=given.channel,
        language=given.language[:8],
        attributes={"text": text} if text else {},
    )


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
