"""Receives events that only the browser sees: reading time, copied text, opened channels."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.analytics import model as m
from kb_app.web.core import tracking
from kb_app.web.core.errors import problem
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
CHANNELS = frozenset({"phone", "chat", "mail", "social", "link"})


@blueprint.post("/events")
def events() -> BaseResponse:
    """Record browser actions; 202, or a problem that names what is wrong.

    The body is {"actions": [{"action_name", "event_id", "query_id", "object_id", "position",
    "attributes"}]}.
    """
    require_same_site()
    given = request.get_json(silent=True)
    actions = given.get("actions") if isinstance(given, dict) else None
    if not isinstance(actions, list) or not 0 < len(actions) <= MOST:
        return problem(400, f"The body must be JSON with 1 to {MOST} actions.")
    for action in actions:
        wrong = _wrong(action)
        if wrong:
            return problem(400, wrong)
    try:
        for action in actions:
            _record(action)
    except SQLAlchemyError:
        return problem(503, "The event could not be stored. Send it again.")
    return Response(status=202)


def _wrong(action: Any) -> str:
    """The error text of an invalid action; "" for a valid one."""
    if not isinstance(action, dict):
        return "Each action must be an object."
    name = action.get("action_name")
    if name not in FROM_BROWSER:
        return f"action_name: must be one of {', '.join(sorted(FROM_BROWSER))}."
    for key in ("event_id", "query_id", "object_id"):
        if not isinstance(action.get(key, ""), str) or len(action.get(key, "")) > 200:
            return f"{key}: must be a string of at most 200 characters."
    if not isinstance(action.get("attributes", {}), dict):
        return "attributes: must be an object."
    if name == m.CHANNEL_OPENED and action.get("attributes", {}).get("channel") not in CHANNELS:
        return f"attributes.channel: must be one of {', '.join(sorted(CHANNELS))}."
    return ""


def _record(action: dict[str, Any]) -> None:
    given = action.get("attributes", {})
    attributes: dict[str, Any] = {}
    for name, most in NUMBERS.items():
        value = given.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
            attributes[name] = round(float(value), 3)
    if action["action_name"] == m.CHANNEL_OPENED:
        attributes["channel"] = given["channel"]
    article = action.get("object_id", "")
    position = action.get("position")
    tracking.put(
        str(action["action_name"]),
        query_id=action.get("query_id") or None,
        object_id=article if tracking.article_known(article) else "",
        position=position if isinstance(position, int) and 0 < position <= 1_000 else None,
        attributes=attributes,
        event_id=_own_id(action.get("event_id", "")),
    )


def _own_id(given: str) -> str:
    """The browser's event id, so that a repeated event counts once; a new one if it is invalid."""
    return given if tracking.UUID.match(given) else str(uuid.uuid4())
