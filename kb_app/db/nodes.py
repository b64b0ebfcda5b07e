"""The nodes of a site: which serve it now, and what must be alike at all of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select, text

from kb_app.db import schema
from kb_app.db.writing import upsert

log = logging.getLogger("kb_app.db.nodes")
# A node that was not seen for this long is gone; after a day it is forgotten.
ALIVE_S, FORGOTTEN_S = 20.0, 86_400.0
# A clock that is further from the database's is wrong: links and sign-ins would end early.
CLOCK_S = 60.0
_table = schema.nodes


class NodeError(Exception):
    """This node must not serve the site beside the others. The message says what to do."""


@dataclass(frozen=True)
class Node:
    """A node. ``seen_s`` is how long ago it was last seen, 0 for this one."""

    name: str
    host: str
    version: str
    model: str
    key_hash: str
    index_version: str = ""
    leads: bool = False
    seen_s: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether it was seen lately."""
        return self.seen_s < ALIVE_S


def hash_of_key(key: str) -> str:
    """What tells two secret keys apart and does not tell them."""
    return hashlib.sha256(f"node:{key}".encode()).hexdigest()[:16]


def note_alive(engine: Engine, node: Node) -> None:
    """Write that a node is alive, by the clock of the database."""
    with engine.begin() as connection:
        now = _now_ms(connection)
        row = {
            "node": node.name,
            "host": node.host,
            "version": node.version,
            "model": node.model,
            "key_hash": node.key_hash,
            "index_version": node.index_version,
            "leads": node.leads,
            "seen_at": now,
        }
        upsert(connection, _table, row)
        before = now - int(FORGOTTEN_S * 1000)
        connection.execute(delete(_table).where(_table.c.seen_at < before))


def note_stopped(engine: Engine, name: str) -> None:
    """Remove a node that ends on purpose."""
    with engine.begin() as connection:
        connection.execute(delete(_table).where(_table.c.node == name))


def known_nodes(engine: Engine) -> list[Node]:
    """All nodes of the last day, by name."""
    with engine.connect() as connection:
        now = _now_ms(connection)
        rows = connection.execute(select(_table).order_by(_table.c.node)).mappings().all()
    return [
        Node(
            name=str(row["node"]),
            host=str(row["host"]),
            version=str(row["version"]),
            model=str(row["model"]),
            key_hash=str(row["key_hash"]),
            index_version=str(row["index_version"]),
            leads=bool(row["leads"]),
            seen_s=max(0.0, (now - int(row["seen_at"])) / 1000),
        )
        for row in rows
    ]


def check_alike(node: Node, others: Sequence[Node]) -> None:
    """Raise NodeError where another node that is alive has another secret key or model."""
    for other in others:
        if other.name == node.name or not other.is_alive:
            continue
        if other.key_hash != node.key_hash:
            raise NodeError(
                f"The node {other.name} has another secret key: who signs in there is a stranger "
                "here. Set KB_SECRET_KEY alike at all nodes, or at none. If it serves another "
                "site, give this one a database of its own."
            )
        if other.model != node.model:
            raise NodeError(
                f"The node {other.name} has the model {other.model}, this one {node.model}: they "
                "would answer differently. Set KB_EMBEDDING_MODEL alike at all nodes; to change "
                "it, stop them all."
            )
        if other.version != node.version:
            log.warning(
                "the node %s has version %s, this one %s: update it soon",
                other.name,
                other.version,
                node.version,
            )


def check_clock(engine: Engine) -> None:
    """Raise NodeError where the clock of this machine is not that of the database."""
    with engine.connect() as connection:
        ahead_s = datetime.now(UTC).timestamp() - _now_ms(connection) / 1000
    if abs(ahead_s) > CLOCK_S:
        direction = "ahead of" if ahead_s > 0 else "behind"
        raise NodeError(
            f"The clock of this machine is {abs(ahead_s):.0f} s {direction} the database's: times "
            "of cases, links and sign-ins would be wrong. Set it, best by NTP."
        )


def _now_ms(connection: Connection) -> int:
    if connection.dialect.name != "postgresql":
        return int(datetime.now(UTC).timestamp() * 1000)
    now = text("select extract(epoch from clock_timestamp()) * 1000")
    return int(connection.execute(now).scalar() or 0)
