"""Inserts with conflict handling, and text clean-up, for both SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

# Rows per statement: SQLite limits the number of bound values.
ROWS = 500


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; skip those whose key already exists."""
    for start in range(0, len(rows), ROWS):
        connection.execute(
            inserting(connection, table).on_conflict_do_nothing(), list(rows[start : start + ROWS])
        )


def insert_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its unique keys exists; returns whether it was inserted."""
    statement = inserting(connection, table).on_conflict_do_nothing().values(**row)
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def upsert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row, or update the row with the same primary key."""
    keys = [column.name for column in table.primary_key]
    statement = inserting(connection, table).values(**row)
    updates = {name: statement.excluded[name] for name in row if name not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=updates)
        if updates
        else statement.on_conflict_do_nothing()
    )


def inserting(connection: Connection, table: Table) -> Any:
    """The insert of the dialect, which supports ``on_conflict_*``."""
    return (
        postgresql.insert(table)
        if connection.dialect.name == "postgresql"
        else sqlite.insert(table)
    )


def storable(text: str) -> str:
    """Remove NUL and lone surrogates, which databases reject."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
