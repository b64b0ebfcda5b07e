"""Which nodes serve a site, and which may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from kb_app.db import nodes
from kb_app.db.nodes import (
    Node,
    NodeError,
    check_alike,
    check_clock,
    hash_of_key,
    known_nodes,
    note_alive,
    note_stopped,
)

NODE = Node("one", "host-1", "1.2.0", "bundled", hash_of_key("secret"), "abc", leads=True)


def test_nodes_are_known_while_they_say_so(engine: Engine) -> None:
    note_alive(engine, NODE)
    note_alive(engine, replace(NODE, name="two", leads=False))
    one, two = known_nodes(engine)
    assert (one.name, one.leads, one.index_version, one.is_alive) == ("one", True, "abc", True)
    assert not two.leads
    note_alive(engine, replace(NODE, index_version="def"))
    note_stopped(engine, "two")
    (one,) = known_nodes(engine)
    assert one.index_version == "def" and "secret" not in repr(one)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(NODE, name="two", key_hash=hash_of_key("other")), r"two.*KB_SECRET_KEY"),
        (replace(NODE, name="two", model="e5-large"), r"two.*e5-large.*KB_EMBEDDING_MODEL"),
    ],
)
def test_a_node_that_would_serve_otherwise_is_refused(other: Node, said: str) -> None:
    with pytest.raises(NodeError, match=said):
        check_alike(NODE, [NODE, other])
    check_alike(NODE, [replace(other, seen_s=60.0)])
    check_alike(NODE, [replace(other, name=NODE.name)])


def test_another_version_is_told_and_served(caplog: pytest.LogCaptureFixture) -> None:
    check_alike(NODE, [replace(NODE, name="two", version="1.1.0")])
    assert "two has version 1.1.0, this one 1.2.0" in caplog.text


def test_a_clock_that_is_off_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    check_clock(engine)
    off = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr(nodes, "_now_ms", lambda _connection: int(off.timestamp() * 1000))
    with pytest.raises(NodeError, match=r"36\d\d s behind the database's|3599 s behind"):
        check_clock(engine)
