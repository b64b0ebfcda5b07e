"""Tickets reported by other systems."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.support import NOW, make_services
from tests.unit.kb_app.trails import asked

QUERY = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path) -> Services:
    return make_services(
        articles, data, DisabledEmbedder(), database_url=f"sqlite:///{tmp_path / 't.sqlite'}"
    )


@pytest.fixture
def desk(own: Services) -> FlaskClient:
    agent = own.users.add("agent@example.com", "agent")
    client = create_app(own).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = (
        f"Bearer {own.users.add_token('phone', ('events',), agent.user_id)}"
    )
    return client


def report(client: FlaskClient, **ticket: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/v1/tickets", json={"ticket_id": "Z-1", **ticket})
    return answer.status_code, answer.get_json()


def test_a_ticket_is_redacted_and_counted_once(own: Services, desk: FlaskClient) -> None:
    own.store.append([asked(QUERY)], [])
    assert report(desk, query_id=QUERY, text="返品。090-1234-5678 まで") == (
        201,
        {"event_id": "t:Z-1:created", "joined_by": "query"},
    )
    assert report(desk, query_id=QUERY)[0] == 200
    (ticket,) = own.store.actions(0, 2**60)
    assert (
        ticket.query_id == QUERY
        and ticket.attributes == {"text": "返品。[phone] まで"}
        and ticket.at == int(NOW.timestamp() * 1000)
    )


@pytest.mark.parametrize(
    ("ticket", "joined"),
    [
        ({"text": "返品"}, "words"),
        ({"client_id": "c1"}, "client"),
        ({}, "nothing"),
        ({"query_id": QUERY}, "nothing"),
        ({"query_id": "' or 1=1 --"}, "nothing"),
    ],
)
def test_how_a_ticket_is_joined(desk: FlaskClient, ticket: dict[str, Any], joined: str) -> None:
    assert report(desk, **ticket) == (201, {"event_id": "t:Z-1:created", "joined_by": joined})


@pytest.mark.parametrize(
    ("ticket", "field"),
    [
        ({"ticket_id": ""}, "ticket_id"),
        ({"ticket_id": "x" * 61}, "ticket_id"),
        ({"state": "open"}, "state"),
        ({"channel": "pigeon"}, "channel"),
        ({"text": 3}, "text"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-11-20T09:00:00"}, "at"),
        ({"at": "2027-01-01T00:00:00+00:00"}, "at"),
        ({"at": "2026-11-01T00:00:00+00:00"}, "at"),
    ],
)
def test_invalid_fields_are_refused_by_name(
    own: Services, desk: FlaskClient, ticket: dict[str, Any], field: str
) -> None:
    status, answer = report(desk, **ticket)
    assert (
        status == 400 and answer["detail"].startswith(field) and own.store.actions(0, 2**60) == []
    )


def test_reporting_needs_a_valid_token(own: Services, desk: FlaskClient) -> None:
    desk.environ_base["HTTP_AUTHORIZATION"] = "Bearer kb_forged"
    assert report(desk)[0] == 401
    desk.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {own.users.add_token('s', ('search',), 1)}"
    assert report(desk)[0] == 401
