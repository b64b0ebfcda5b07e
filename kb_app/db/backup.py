"""Backup of the whole database in a ZIP file with one JSON Lines file per table.

A backup can be restored into SQLite or PostgreSQL.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, Table, func, insert, select

from kb_app.db import schema
from kb_app.db.engine import HEAD, DatabaseError

# Recomputed from the log and the embedding model.
LEFT_OUT = frozenset({"query_vectors", "job_state"})
ROWS = 500


def backup(engine: Engine, target: Path) -> dict[str, int]:
    """Write a consistent snapshot of all tables to ``target``; returns row counts by table.

    The file is written atomically, readable by its owner only.
    """
    staged = target.with_name(f".{target.name}.tmp")
    counts: dict[str, int] = {}
    with (
        engine.connect() as connection,
        zipfile.ZipFile(staged, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(  # noqa: PLW2901
                isolation_level="REPEATABLE READ"
            )
        with connection.begin():
            for table in _tables():
                with archive.open(f"{table.name}.jsonl", "w") as file:
                    counts[str(table.name)] = 0
                    for row in (
                        connection.execution_options(yield_per=ROWS)
                        .execute(select(table))
                        .mappings()
                    ):
                        file.write(
                            orjson.dumps({str(name): value for name, value in row.items()}) + b"\n"
                        )
                        counts[str(table.name)] += 1
        archive.writestr("manifest.json", orjson.dumps({"schema": HEAD, "rows": counts}))
    staged.chmod(0o600)
    os.replace(staged, target)
    return counts


def restore(engine: Engine, source: Path) -> dict[str, int]:
    """Load a backup into an empty database in one transaction; returns row counts by table.

    Raises DatabaseError if the database is not empty, or if the file is damaged, no backup of this
    program, or from a newer version.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = orjson.loads(archive.read("manifest.json"))
            if manifest["schema"] > HEAD:
                raise DatabaseError(
                    f"{source} is a backup of a newer version of this program. "
                    "Update the program first."
                )
            with engine.begin() as connection:
                non_empty = [
                    table.name
                    for table in _tables()
                    if connection.execute(select(func.count()).select_from(table)).scalar_one()
                ]
                if non_empty:
                    raise DatabaseError(
                        f"The database is not empty ({', '.join(non_empty)}). "
                        "Set KB_DATABASE_URL or KB_DATA to a new database."
                    )
                for table in _tables():
                    _fill(connection, table, archive)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DatabaseError(
            f"{source} is no backup made by kb backup, or it is damaged "
            f"({type(error).__name__}). The database is unchanged; choose another file."
        ) from error
    return dict(manifest["rows"])


def _fill(connection: Any, table: Table, archive: zipfile.ZipFile) -> None:
    if f"{table.name}.jsonl" not in archive.namelist():
        return
    known = set(table.columns.keys())
    rows: list[dict[str, Any]] = []
    with archive.open(f"{table.name}.jsonl") as file:
        for line in file:
            rows.append(
                {name: value for name, value in orjson.loads(line).items() if name in known}
            )
            if len(rows) == ROWS:
                connection.execute(insert(table), rows)
                rows = []
    if rows:
        connection.execute(insert(table), rows)


def _tables() -> list[Table]:
    return [table for table in schema.metadata.sorted_tables if table.name not in LEFT_OUT]
