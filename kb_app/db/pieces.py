"""Files as rows: in pieces, so that no statement and no process holds a large one whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Engine, Table, insert, select

PIECE_BYTES = 512 * 1024


def write_pieces(connection: Connection, table: Table, key: str, pieces: Iterable[bytes]) -> None:
    """Insert the pieces of a file under a key: the first column of ``table``, beside number."""
    name = table.primary_key.columns.keys()[0]
    for number, piece in enumerate(pieces):
        row = {name: key, "number": number, "content": piece}
        connection.execute(insert(table), row)


def read_pieces(engine: Engine, table: Table, key: str) -> Iterator[bytes]:
    """The pieces of a file, each read when it is asked for."""
    column, number = table.primary_key.columns[table.primary_key.columns.keys()[0]], 0
    while True:
        here = (column == key) & (table.c.number == number)
        # A connection of its own for each: a slow client must not hold one.
        with engine.connect() as connection:
            piece: bytes | None = connection.execute(select(table.c.content).where(here)).scalar()
        if piece is None:
            return
        yield piece
        number += 1
