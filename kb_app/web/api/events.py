"""Receives events that only the browser sees: reading time, copied text, opened channels."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal, Self

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics import model as m
from kb_app.web.api.document import operation
from kb_app.web.api.models import Problem
from kb_app.web.api.requests import ProblemError, body, handle_problems
from kb_app.web.core import tracking
from kb_app.web.core.inputs import StorableText
from kb_app.web.core.same_site import require_same_site

blueprint = Blueprint("events", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
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
    """One action that a browser reports; votes come by forms, tickets from servers."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"action_name": {"const": m.CHANNEL_OPENED}}},
            "then": {
                "required": ["attributes"],
                "properties": {
                    "attributes": {
                        "required": ["channel"],
                        "properties": {"channel": {"enum": list(CHANNELS)}},
                    }
                },
            },
        }
    )
    action_name: Literal[
        "engaged",
        "copy",
        "contact_leave",
        "channel_opened",
        "survey_shown",
        "click",
        "contact_suggestion_click",
    ]
    event_id: Annotated[StorableText, Field(max_length=200)] = ""
    query_id: Annotated[StorableText, Field(max_length=200)] = ""
    object_id: Annotated[StorableText, Field(max_length=200)] = ""
    position: Any = None
    attributes: Attributes = Attributes()

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
@operation("events", {202: None, 503: Problem}, body=Actions)
def events() -> ResponseReturnValue:
    """Report what only the browser sees: reading time, copied text, opened channels."""
    require_same_site()
    given = body(Actions)
    try:
        for action in given.actions:
            _record(action)
    except SQLAlchemyError:
        raise ProblemError("The event could not be stored. Send it again.", 503) from None
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
