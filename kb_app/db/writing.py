"""What SQLite and PostgreSQL are given alike: inserts that say nothing of what is there already, and texts that both take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

# Rows a statement; SQLite takes 32,766 values.
ROWS = 500


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose key is not there yet."""
    for start in range(0, len(rows), ROWS):
        connection.execute(
            inserting(connection, table).on_conflict_do_nothing(), list(rows[start : start + ROWS])
        )


def insert_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row where none of its keys is there yet; whether it was."""
    return bool(
        connection.execute(
            inserting(connection, table).on_conflict_do_nothing().values(**row)
        ).rowcount
    )


def upsert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row, or replace the one with its key."""
    keys = [column.name for column in table.primary_key]
    statement = inserting(connection, table).values(**row)
    changed = {name: statement.excluded[name] for name in row if name not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed)
        if changed
        else statement.on_conflict_do_nothing()
    )


def inserting(connection: Connection, table: Table) -> Any:
    """The dialect's own insert, which knows of conflicts."""
    return (
        postgresql.insert(table)
        if connection.dialect.name == "postgresql"
        else sqlite.insert(table)
    )


def storable(text: str) -> str:
    """The text without NUL and lone surrogates, which no database takes."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
