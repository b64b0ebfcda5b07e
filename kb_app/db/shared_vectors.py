"""Embeddings of the articles' texts in the shared database: one node makes each, all read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager

from sqlalchemy import Engine, delete, func, select, text

from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new

# Key of the PostgreSQL advisory lock of the node that embeds many texts: an arbitrary number.
_EMBEDDING = 0x6B625F6C6433
_table = schema.text_vectors


class SharedVectors:
    """The vectors that any node made. Raises SQLAlchemyError where the database is not there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def load(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return those of the keys that are known, as little-endian float32."""
        found: dict[str, bytes] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(keys), ROWS):
                here = _table.c.key.in_(keys[start : start + ROWS])
                rows = connection.execute(select(_table.c.key, _table.c.vector).where(here))
                found.update({str(key): bytes(vector) for key, vector in rows})
        return found

    def store(self, vectors: Mapping[str, bytes]) -> dict[str, bytes]:
        """Store vectors; returns those that count: of two nodes that made one, the first's."""
        rows = [{"key": key, "vector": vector} for key, vector in vectors.items()]
        with self._engine.begin() as connection:
            insert_new(connection, _table, rows)
        return self.load(list(vectors))

    def prune(self, used: Set[str]) -> None:
        """Delete unused vectors once they are most of the table."""
        with self._engine.begin() as connection:
            count = int(connection.execute(select(func.count()).select_from(_table)).scalar() or 0)
            if count <= 4 * len(used) + 1000:
                return
            unused = [
                key for key in connection.execute(select(_table.c.key)).scalars() if key not in used
            ]
            for start in range(0, len(unused), ROWS):
                here = _table.c.key.in_(unused[start : start + ROWS])
                connection.execute(delete(_table).where(here))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the node that embeds many texts; others wait, and read them then."""
        with self._engine.connect() as connection:
            if connection.dialect.name != "postgresql":
                yield
                return
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _EMBEDDING})
            try:
                yield
            finally:
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _EMBEDDING})
