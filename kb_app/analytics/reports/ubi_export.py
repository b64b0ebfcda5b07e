"""Converts the event log to User Behavior Insights 1.3 (https://o19s.github.io/ubi/). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kb_app.analytics.model import ActionEvent, QueryEvent

OBJECT_FIELD = "article_id"
_SECOND = 1_000


def query_to_ubi(query: QueryEvent, application: str) -> dict[str, Any]:
    """Convert a search to a UBI query record; ``application`` is cut to 100 characters."""
    attributes = {
        "verdict": query.verdict,
        "probability": query.probability,
        "arms": query.arms.split(",") if query.arms else [],
        "index_version": query.index_version,
        "elapsed_ms": query.elapsed_ms,
        "origin": query.origin,
        "channel": query.channel,
        "language": query.language,
        "filters": dict(query.filters),
        "session_id": query.session_id or "",
        "bot": query.bot,
    }
    record = {
        "application": application[:100],
        "query_id": query.query_id,
        "client_id": query.client_id,
        "user_query": query.user_query,
        "query_attributes": attributes,
        "object_id_field": OBJECT_FIELD,
        "timestamp": _time(query.at),
        "query_response_hit_ids": list(query.hit_ids),
    }
    return {name: value for name, value in record.items() if value is not None}


def action_to_ubi(action: ActionEvent, application: str) -> dict[str, Any]:
    """Convert an action to a UBI event record; ``application`` is cut to 100 characters."""
    details: dict[str, Any] = {
        "position": {"ordinal": action.position or 0},
        "channel": action.channel,
        "event_id": action.event_id,
        **action.attributes,
    }
    if action.object_id:
        details["object"] = {"object_id": action.object_id, "object_id_field": OBJECT_FIELD}
    record = {
        "application": application[:100],
        "action_name": action.action_name,
        "query_id": action.query_id,
        "session_id": action.session_id,
        "client_id": action.client_id,
        "timestamp": _time(action.at),
        "event_attributes": details,
    }
    return {name: value for name, value in record.items() if value is not None}


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / _SECOND, UTC).isoformat().replace("+00:00", "Z")
