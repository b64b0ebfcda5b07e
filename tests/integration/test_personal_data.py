"""Personal text is known by its column, and gone from every column when it is erased."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Engine,
    LargeBinary,
    String,
    Table,
    Text,
    insert,
    select,
)

from kb_app.analytics.text_key import text_key
from kb_app.db import schema
from kb_app.db.engine import migrate, open_database
from kb_app.db.personal_data import (
    CASE,
    FILE,
    IMPERSONAL,
    PERSONAL,
    QUESTION,
    STAFF,
    SUBSCRIBER,
    VISITOR,
    erase_cases,
    erase_queries,
    erase_visitor,
    purge,
    tables_of,
)

MARKER = "QZX7 planted 目印"
KEY = text_key(MARKER)
KEYS = {
    "client_id": "client",
    "query_id": "query",
    "session_id": "session",
    "text_key": KEY,
    "case_id": "case",
    "gap_id": "gap",
    "key": KEY + "f" * 24,
    "mail": f"{MARKER}@example.com",
}
DAY = 86_400_000


def texts_in(table: Table) -> set[str]:
    kinds = (String, Text, LargeBinary)
    return {str(column.name) for column in table.c if isinstance(column.type, kinds)}


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_text_column_says_whose_it_is(table: Table) -> None:
    personal, other = set(PERSONAL.get(table.name, {})), IMPERSONAL.get(table.name, frozenset())
    assert not personal & other, "in both tables"
    assert personal | other == texts_in(table), "add the column to PERSONAL or IMPERSONAL"


def row_of(table: Table) -> dict[str, Any]:
    """A row with the marker in each personal column that is no key."""
    held: Mapping[str, str] = PERSONAL.get(table.name, {})
    row: dict[str, Any] = {}
    for column in table.c:
        name = str(column.name)
        if name in KEYS and (table.name, name) != ("outbox", "key"):
            row[name] = KEYS[name]
        elif name in held:
            row[name] = MARKER.encode() if isinstance(column.type, LargeBinary) else MARKER
        elif isinstance(column.type, String | Text | LargeBinary):
            row[name] = b"x" if isinstance(column.type, LargeBinary) else "x"
        elif isinstance(column.type, Boolean):
            row[name] = False
        elif name in ("satisfaction", "effort", "counted_at"):
            row[name] = None
        else:
            row[name] = 1
        if isinstance(row[name], str) and isinstance(column.type, String) and column.type.length:
            row[name] = row[name][: column.type.length]
    return row


@pytest.fixture
def planted(engine: Engine) -> Engine:
    with engine.begin() as connection:
        for table in schema.metadata.sorted_tables:
            connection.execute(insert(table).values(**row_of(table)))
    return engine


def columns_with_marker(engine: Engine, *whose: str) -> set[str]:
    found = set()
    with engine.connect() as connection:
        for name, held in PERSONAL.items():
            for row in connection.execute(select(schema.metadata.tables[name])).mappings():
                for column, owner in held.items():
                    value = row[column]
                    text = value.decode() if isinstance(value, bytes) else str(value)
                    if owner in whose and ("QZX7" in text or text in KEYS.values()):
                        found.add(f"{name}.{column}")
    return found


def test_the_marker_is_planted_in_every_column(planted: Engine) -> None:
    for whose in (VISITOR, QUESTION, CASE, FILE, SUBSCRIBER, STAFF):
        for table in tables_of(whose):
            assert any(
                column.startswith(f"{table.name}.")
                for column in columns_with_marker(planted, whose)
            ), table.name


def test_a_visitor_is_erased_from_every_column(planted: Engine) -> None:
    with planted.begin() as connection:
        assert erase_visitor(connection, "client") == 2
    assert columns_with_marker(planted, VISITOR, QUESTION) == set()
    assert columns_with_marker(planted, CASE, SUBSCRIBER, STAFF)


def test_a_search_without_a_visitor_is_erased(planted: Engine) -> None:
    with planted.begin() as connection:
        erase_queries(connection, ["query"])
    assert columns_with_marker(planted, QUESTION) == set()


def test_what_another_visitor_asked_too_stays_as_theirs(planted: Engine) -> None:
    theirs = row_of(schema.queries) | {
        "query_id": "other",
        "client_id": "another",
        "user_query": MARKER.upper(),
    }
    with planted.begin() as connection:
        connection.execute(insert(schema.queries).values(**theirs))
        erase_visitor(connection, "client")
        label = connection.execute(select(schema.gaps.c.label)).scalar_one()
        states = {str(name) for (name,) in connection.execute(select(schema.job_state.c.name))}
    assert label == MARKER.upper()
    assert any(name.startswith("recount:") for name in states)


def test_nothing_outlives_its_retention(planted: Engine) -> None:
    with planted.begin() as connection:
        assert purge(connection, DAY) == 2
    assert columns_with_marker(planted, VISITOR, QUESTION) == set()


def test_a_case_is_erased_from_every_column(planted: Engine) -> None:
    with planted.begin() as connection:
        erase_cases(connection, ["case"])
    assert columns_with_marker(planted, CASE, FILE) == set()


def test_erased_bytes_are_overwritten_in_a_file(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'kb.sqlite'}")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(insert(schema.queries).values(**row_of(schema.queries)))
        erase_visitor(connection, "client")
    engine.dispose()
    with sqlite3.connect(tmp_path / "kb.sqlite") as closing:
        closing.execute("pragma wal_checkpoint(truncate)")
    closing.close()
    assert not [file for file in tmp_path.iterdir() if b"QZX7" in file.read_bytes()]
