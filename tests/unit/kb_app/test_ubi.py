"""The log exported as User Behavior Insights 1.3, checked against the published schemas."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kb_app.analytics import model as m
from kb_app.analytics.reports.ubi_export import action_to_ubi, query_to_ubi
from tests.unit.kb_app.trails import asked, did, read

SCHEMAS = Path(__file__).parents[2] / "data" / "ubi"


def wrong(name: str, record: dict[str, Any]) -> list[str]:
    """The errors of a record against the published schema."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    if "action_name" in schema["properties"]:
        # The published schema rejects its own default names: they match both branches of a oneOf.
        schema["properties"]["action_name"] = {
            "anyOf": schema["properties"]["action_name"]["oneOf"]
        }
    return [
        error.message
        for error in Draft202012Validator(
            schema, format_checker=Draft202012Validator.FORMAT_CHECKER
        ).iter_errors(record)
    ]


@pytest.mark.parametrize(
    "query",
    [
        asked("q"),
        asked("q", client=None, verdict="none", first=""),
        asked("q", "<b>返品</b>\n", filters={"section": "a"}),
    ],
)
def test_searches_match_the_schema(query: m.QueryEvent) -> None:
    record = query_to_ubi(query, "Tsubame")
    assert wrong("query.request", record) == [] and record["user_query"] == query.user_query
    assert ("client_id" in record) == (query.client_id is not None) and json.dumps(record)


@pytest.mark.parametrize(
    "action",
    [
        did(m.CLICK, position=3),
        read(),
        did(m.VOTE_NO, reason="古い", comment="x"),
        did(m.TICKET_CREATED, None, client=None, article=""),
    ],
)
def test_actions_match_the_schema(action: m.ActionEvent) -> None:
    record = action_to_ubi(action, "Tsubame")
    assert wrong("event", record) == [] and record["action_name"] == action.action_name


def test_the_schema_detects_errors() -> None:
    assert wrong("event", {"action_name": 3}) and wrong("query.request", {"user_query": None})


def test_timestamps_have_a_time_zone() -> None:
    assert (
        query_to_ubi(asked("q", at=1_700_000_000_123), "x")["timestamp"]
        == "2023-11-14T22:13:20.123000Z"
    )
