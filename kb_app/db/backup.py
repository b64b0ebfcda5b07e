"""All tables in a ZIP archive, one JSON Lines file each, and back into an empty database.

What was exported from SQLite can be imported into PostgreSQL, and the reverse.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import orjson
from sqlalchemy import Connection, Engine, LargeBinary, Table, delete, func, insert, select

from kb_app.db import schema
from kb_app.db.engine import HEAD, DatabaseError

# Made again from the log, the articles folder and the model; or true of this moment alone.
LEFT_OUT = frozenset(
    {"query_vectors", "job_state", "article_files", "article_pieces", "text_vectors", "nodes"}
)
# Written at the first start, also of a site that is about to be restored.
REPLACED = frozenset({"secrets"})
ROWS = 500
LONGEST_LINE = 64 * 1024 * 1024
# Rows of these tables are up to half a megabyte.
FEW_ROWS, LARGE = 4, frozenset({"file_pieces"})


def export_tables(engine: Engine, archive: zipfile.ZipFile) -> dict[str, int]:
    """Write a consistent snapshot of all tables; returns row counts by table."""
    counts: dict[str, int] = {}
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(  # noqa: PLW2901
                isolation_level="REPEATABLE READ"
            )
        else:
            # pysqlite begins no transaction for reads: each table would be of another moment.
            connection.exec_driver_sql("begin")
        for table in _tables():
            with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as file:
                counts[str(table.name)] = 0
                for row in _rows(connection, table):
                    file.write(orjson.dumps(row) + b"\n")
                    counts[str(table.name)] += 1
        connection.rollback()
    return counts


def import_tables(engine: Engine, archive: zipfile.ZipFile, schema_version: str) -> None:
    """Fill an empty database in one transaction.

    Raises DatabaseError if the database is not empty, or the archive is of a newer version.
    """
    if schema_version > HEAD:
        raise DatabaseError(
            "The backup is of a newer version of this program. Update the program first."
        )
    with engine.begin() as connection:
        full = [
            str(table.name)
            for table in _tables()
            if table.name not in REPLACED and _count(connection, table)
        ]
        if full:
            raise DatabaseError(
                f"The database is not empty ({', '.join(full)}). "
                "Set KB_DATABASE_URL or KB_DATA to a new database."
            )
        for table in _tables():
            if f"{table.name}.jsonl" in archive.namelist():
                if table.name in REPLACED:
                    connection.execute(delete(table))
                _fill(connection, table, archive)
        _continue_numbers(connection)


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a member. Raises DatabaseError for one that is longer than any row can be."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise DatabaseError(f"The backup is damaged: a row is over {LONGEST_LINE >> 20} MB.")
        yield line


def _continue_numbers(connection: Connection) -> None:
    """Have PostgreSQL's sequences go on after the numbers that were imported."""
    if connection.dialect.name != "postgresql":
        return
    for table in _tables():
        for column in table.primary_key:
            if column is table.autoincrement_column:
                highest = connection.execute(select(func.max(column))).scalar()
                sequence = func.pg_get_serial_sequence(str(table.name), str(column.name))
                connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    few = FEW_ROWS if table.name in LARGE else ROWS
    found = connection.execution_options(yield_per=few).execute(select(table)).mappings()
    binary = _binary(table)
    for row in found:
        yield {
            str(name): base64.b64encode(value).decode() if name in binary and value else value
            for name, value in row.items()
        }


def _fill(connection: Connection, table: Table, archive: zipfile.ZipFile) -> None:
    known, binary = set(table.columns.keys()), _binary(table)
    few = FEW_ROWS if table.name in LARGE else ROWS
    rows: list[Mapping[str, Any]] = []
    with archive.open(f"{table.name}.jsonl") as file:
        for line in lines_of(file):
            stored = orjson.loads(line)
            rows.append(
                {
                    name: base64.b64decode(value) if name in binary else value
                    for name, value in stored.items()
                    if name in known
                }
            )
            if len(rows) == few:
                connection.execute(insert(table), rows)
                rows = []
    if rows:
        connection.execute(insert(table), rows)


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _binary(table: Table) -> frozenset[str]:
    return frozenset(str(each.name) for each in table.c if isinstance(each.type, LargeBinary))


def _tables() -> list[Table]:
    return [table for table in schema.metadata.sorted_tables if table.name not in LEFT_OUT]
