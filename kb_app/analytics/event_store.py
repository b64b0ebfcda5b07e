"""The log in the database: appended to, read by time, purged and erased. The only writer of queries, actions and losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, Table, delete, func, select

from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.analytics.text_key import text_key
from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new, inserting

FETCHED = 2_000


class EventStore:
    """Implements ports.EventSink; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]) -> None:
        """Store events in one transaction; one whose id is there already stays as it is."""
        asked, done = (
            [_query_row(event) for event in queries],
            [_action_row(event) for event in actions],
        )
        if asked or done:
            with self.engine.begin() as connection:
                insert_new(connection, schema.queries, asked)
                insert_new(connection, schema.actions, done)

    def lost(self, counts: Mapping[str, int], at: int) -> None:
        """Add to the losses of a day."""
        day = datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
        table = schema.losses
        with self.engine.begin() as connection:
            for reason, count in counts.items():
                statement = inserting(connection, table).values(day=day, reason=reason, count=count)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=[table.c.day, table.c.reason],
                        set_={"count": table.c.count + statement.excluded.count},
                    )
                )

    # --- reading -----------------------------------------------------------------------------------------------------

    def queries(
        self, start: int, end: int, clients: Sequence[str] | None = None, bots: bool = False
    ) -> list[QueryEvent]:
        """Searches in [start, end), oldest first; of some clients where given."""
        return [
            _query(row)
            for row in self._rows(schema.queries, _queries_within(start, end, bots), clients)
        ]

    def each_query(self, start: int, end: int, bots: bool = False) -> Iterator[QueryEvent]:
        """Searches in [start, end), oldest first, read as they are asked for: a busy day's would fill the memory."""
        return map(_query, self._rows(schema.queries, _queries_within(start, end, bots)))

    def actions(
        self, start: int, end: int, clients: Sequence[str] | None = None
    ) -> list[ActionEvent]:
        """Actions in [start, end), oldest first; of some clients where given."""
        return [
            to_action(row)
            for row in self._rows(schema.actions, _within(schema.actions, start, end), clients)
        ]

    def query(self, query_id: str) -> QueryEvent | None:
        """One search."""
        with self.engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.queries).where(schema.queries.c.query_id == query_id)
                )
                .mappings()
                .first()
            )
        return _query(row) if row else None

    def action(self, event_id: str) -> ActionEvent | None:
        """One action."""
        with self.engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.actions).where(schema.actions.c.event_id == event_id)
                )
                .mappings()
                .first()
            )
        return to_action(row) if row else None

    def is_demo(self) -> bool:
        """Whether what is in the log was simulated."""
        with self.engine.connect() as connection:
            return (
                connection.execute(
                    select(schema.job_state.c.value).where(schema.job_state.c.name == "demo")
                ).scalar()
                is not None
            )

    def queries_of(self, query_ids: Sequence[str]) -> list[QueryEvent]:
        """Some searches, oldest first."""
        found: list[QueryEvent] = []
        table = schema.queries
        with self.engine.connect() as connection:
            for start in range(0, len(query_ids), ROWS):
                part = query_ids[start : start + ROWS]
                found += [
                    _query(row)
                    for row in connection.execute(
                        select(table).where(table.c.query_id.in_(part))
                    ).mappings()
                ]
        return sorted(found, key=lambda event: (event.at, event.query_id))

    def active_clients(self, since: int) -> list[str]:
        """Clients of whom something was recorded since then."""
        with self.engine.connect() as connection:
            asked = select(schema.queries.c.client_id).where(
                schema.queries.c.at >= since, schema.queries.c.client_id.is_not(None)
            )
            done = select(schema.actions.c.client_id).where(
                schema.actions.c.at >= since, schema.actions.c.client_id.is_not(None)
            )
            return sorted({str(name) for (name,) in connection.execute(asked.union(done))})

    def losses(self, start_day: str, end_day: str) -> dict[str, int]:
        """What was lost between two days, both included, by reason."""
        table = schema.losses
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table.c.reason, func.sum(table.c.count))
                .where(table.c.day >= start_day, table.c.day <= end_day)
                .group_by(table.c.reason)
            )
            return {str(reason): int(count) for reason, count in rows}

    # --- forgetting ----------------------------------------------------------------------------------------------------

    def purge(self, before: int) -> int:
        """Remove what is older; returns how many events went."""
        gone = 0
        with self.engine.begin() as connection:
            for table in (schema.queries, schema.actions):
                gone += connection.execute(delete(table).where(table.c.at < before)).rowcount
        return gone

    def erase(self, client_id: str) -> int:
        """Remove one visitor's events and what was made of them; returns how many events went."""
        gone = 0
        with self.engine.begin() as connection:
            asked = select(schema.queries.c.query_id).where(schema.queries.c.client_id == client_id)
            connection.execute(
                delete(schema.episode_queries).where(schema.episode_queries.c.query_id.in_(asked))
            )
            gone += connection.execute(
                delete(schema.actions).where(
                    (schema.actions.c.client_id == client_id) | schema.actions.c.query_id.in_(asked)
                )
            ).rowcount
            gone += connection.execute(
                delete(schema.queries).where(schema.queries.c.client_id == client_id)
            ).rowcount
            connection.execute(
                delete(schema.episodes).where(schema.episodes.c.client_id == client_id)
            )
        return gone

    def _rows(
        self, table: Table, condition: Any, clients: Sequence[str] | None = None
    ) -> Iterable[Any]:
        """Rows by time; of some clients where given."""
        return (
            self._every_row(table, condition)
            if clients is None
            else self._rows_of(clients, table, condition)
        )

    def _every_row(self, table: Table, condition: Any) -> Iterator[Any]:
        """Rows by time, some thousand at once in memory."""
        key = next(iter(table.primary_key))
        with self.engine.connect().execution_options(yield_per=FETCHED) as connection:
            yield from connection.execute(
                select(table).where(condition).order_by(table.c.at, key)
            ).mappings()

    def _rows_of(self, clients: Sequence[str], table: Table, condition: Any) -> list[Any]:
        """Rows of some clients by time, sorted here: asked to, SQLite would walk through the whole log by time."""
        key = next(iter(table.primary_key))
        found: list[Any] = []
        with self.engine.connect().execution_options(yield_per=FETCHED) as connection:
            for start in range(0, len(clients), ROWS):
                wanted = condition & table.c.client_id.in_(clients[start : start + ROWS])
                found += connection.execute(select(table).where(wanted)).mappings()
        return sorted(found, key=lambda row: (row["at"], row[key.name]))


def _within(table: Table, start: int, end: int) -> Any:
    return (table.c.at >= start) & (table.c.at < end)


def _queries_within(start: int, end: int, bots: bool) -> Any:
    within = _within(schema.queries, start, end)
    return within if bots else within & schema.queries.c.bot.is_(False)


def _query_row(event: QueryEvent) -> dict[str, Any]:
    row = dict(vars(event))
    row["filters"] = orjson.dumps(dict(event.filters)).decode()
    row["hit_ids"] = orjson.dumps(list(event.hit_ids)).decode()
    row["text_key"] = text_key(event.user_query)
    return row


def _action_row(event: ActionEvent) -> dict[str, Any]:
    return dict(vars(event)) | {"attributes": orjson.dumps(dict(event.attributes)).decode()}


def _query(row: Any) -> QueryEvent:
    values = dict(row)
    values.pop("text_key")
    return QueryEvent(
        **values
        | {
            "filters": orjson.loads(values["filters"]),
            "hit_ids": tuple(orjson.loads(values["hit_ids"])),
        }
    )


def to_action(row: Any) -> ActionEvent:
    """The action of a row."""
    values = dict(row)
    return ActionEvent(**values | {"attributes": orjson.loads(values["attributes"])})
