"""Receives events that only the browser sees: reading time, copied text, opened channels."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Self

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field, field_validator, model_validator
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics import model as m
from kb_app.web.core import tracking
from kb_app.web.core.errors import problem
from kb_app.web.core.inputs import StorableText, parse_body
from kb_app.web.core.same_site import require_same_site

blueprint = Blueprint("events", __name__, url_prefix="/api/v1")
# Actions that browsers may report; votes come by forms, tickets from servers.
FROM_BROWSER = frozenset(
    {
        m.ENGAGED,
        m.COPY,
        m.CONTACT_LEAVE,
        m.CHANNEL_OPENED,
        m.SURVEY_SHOWN,
        m.CLICK,
        m.CONTACT_SUGGESTION_CLICK,
    }
)
MOST = 20
NUMBERS = {"seconds": 86_400.0, "scroll": 1.0, "rage": 100.0}
CHANNELS = ("phone", "chat", "mail", "social", "link")


class Attributes(BaseModel):
    """What a browser measured. Numbers out of range are left out, since browsers differ."""

    seconds: Any = None
    scroll: Any = None
    rage: Any = None
    channel: Any = None


class Action(BaseModel):
    """One action that a browser reports."""

    action_name: str
    event_id: Annotated[StorableText, Field(max_length=200)] = ""
    query_id: Annotated[StorableText, Field(max_length=200)] = ""
    object_id: Annotated[StorableText, Field(max_length=200)] = ""
    position: Any = None
    attributes: Attributes = Attributes()

    @field_validator("action_name")
    @classmethod
    def _is_from_browser(cls, value: str) -> str:
        if value not in FROM_BROWSER:
            raise ValueError(f"must be one of {', '.join(sorted(FROM_BROWSER))}")
        return value

    @model_validator(mode="after")
    def _names_its_channel(self) -> Self:
        channel = self.attributes.channel
        if self.action_name == m.CHANNEL_OPENED and channel not in CHANNELS:
            raise ValueError(f"attributes.channel must be one of {', '.join(CHANNELS)}")
        return self


class Actions(BaseModel):
    """The body of a report."""

    actions: Annotated[list[Action], Field(min_length=1, max_length=MOST)]


@blueprint.post("/events")
def events() -> BaseResponse:
    """Record browser actions; 202, or a problem that names what is wrong.

    The body is {"actions": [{"action_name", "event_id", "query_id", "object_id", "position",
    "attributes"}]}.
    """
    require_same_site()
    given, wrong = parse_body(Actions, request.get_data(cache=False))
    if given is None:
        return problem(400, wrong)
    try:
        for action in given.actions:
            _record(action)
    except SQLAlchemyError:
        return problem(503, "The event could not be stored. Send it again.")
    return Response(status=202)


def _record(action: Action) -> None:
    attributes: dict[str, Any] = {}
    for name, most in NUMBERS.items():
        value = getattr(action.attributes, name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
            attributes[name] = round(float(value), 3)
    if action.action_name == m.CHANNEL_OPENED:
        attributes["channel"] = action.attributes.channel
    article, position = action.object_id, action.position
    tracking.put(
        action.action_name,
        query_id=action.query_id or None,
        object_id=article if tracking.article_known(article) else "",
        position=position if isinstance(position, int) and 0 < position <= 1_000 else None,
        attributes=attributes,
        event_id=_own_id(action.event_id),
    )


def _own_id(given: str) -> str:
    """The browser's event id, so that a repeated event counts once; a new one if it is invalid."""
    return given if tracking.UUID.match(given) else str(uuid.uuid4())
