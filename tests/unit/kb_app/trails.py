"""Shorthands for search and action events."""

from __future__ import annotations

from typing import Any

from kb_app.analytics import model as m
from kb_app.durations import MINUTE


def asked(
    name: str,
    text: str = "返品したい",
    at: int = 0,
    client: str | None = "taro",
    verdict: str = "strict",
    first: str = "return",
    **values: Any,
) -> m.QueryEvent:
    """A search event."""
    return m.QueryEvent(
        name,
        at,
        text,
        client,
        "s",
        values.pop("language", "ja"),
        verdict=verdict,
        hit_ids=(first,) if first else (),
        **values,
    )


def did(
    name: str,
    query: str | None = "q",
    at: int = MINUTE,
    client: str | None = "taro",
    article: str = "return",
    **attributes: Any,
) -> m.ActionEvent:
    """An action event."""
    event_id = attributes.pop("event_id", f"{name}-{query}-{at}")
    position = attributes.pop("position", None)
    return m.ActionEvent(
        event_id, name, at, query, client, "s", article, position, attributes=attributes
    )


def read(query: str | None = "q", at: int = MINUTE, seconds: float = 40) -> m.ActionEvent:
    """A reading event of the given duration in s."""
    return did(m.ENGAGED, query, at, seconds=seconds)
