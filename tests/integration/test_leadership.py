"""Of the nodes that share a database exactly one leads, and another takes over when it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from kb_app.db.engine import _postgres_arguments, open_database
from kb_app.db.leadership import Leadership


@pytest.fixture
def nodes(postgres: str) -> Iterator[list[Leadership]]:
    with ExitStack() as stack:
        made = [Leadership(postgres) for _ in range(3)]
        for node in made:
            stack.callback(node.close)
        yield made


def end_connections_of_leader(postgres: str) -> None:
    """Do to the leader's connection what the death of its node or of the network does."""
    engine = open_database(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_locks "
                "where locktype = 'advisory' and granted and pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_one_node_leads_and_stays_the_leader(nodes: list[Leadership]) -> None:
    assert [node.check() for node in nodes] == [True, False, False]
    assert [node.check() for node in reversed(nodes)] == [False, False, True]


def test_another_node_leads_when_the_leader_stops(nodes: list[Leadership]) -> None:
    assert [node.check() for node in nodes] == [True, False, False]
    nodes[0].close()
    assert [node.check() for node in nodes[1:]] == [True, False]


def test_a_leader_that_lost_its_connection_does_not_lead_on(
    nodes: list[Leadership], postgres: str
) -> None:
    assert [node.check() for node in nodes] == [True, False, False]
    end_connections_of_leader(postgres)
    assert nodes[1].check()
    assert not nodes[0].check() and not nodes[0].leads
    assert [node.leads for node in nodes] == [False, True, False]


def test_a_database_that_is_away_leads_nobody() -> None:
    node = Leadership("postgresql://nobody@127.0.0.1:9/none")
    assert not node.check() and not node.leads
    node.close()


def test_a_database_in_a_file_belongs_to_its_only_node() -> None:
    node = Leadership("sqlite:///none.sqlite")
    assert node.leads and node.check()
    node.close()


def test_who_cannot_tell_whether_it_leads_does_not(
    nodes: list[Leadership], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nodes[0].check()

    def broken() -> bool:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(nodes[0], "_holds", broken)
    assert not nodes[0].check() and not nodes[0].leads
    assert nodes[1].check()


def test_the_server_notices_a_node_that_lost_its_power() -> None:
    options = _postgres_arguments(5.0)["options"]
    assert "tcp_keepalives_idle=5" in options and "tcp_keepalives_count=3" in options
