"""The event log in the database: append, read by time, purge and erase.

Only this module writes the tables queries, actions and losses; kb_app.db.personal_data removes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, Table, func, select

from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.analytics.text_key import text_key
from kb_app.db import personal_data, schema
from kb_app.db.writing import ROWS, insert_new, inserting

FETCHED = 2_000


class EventStore:
    """Event log on SQLAlchemy; implements ports.EventSink. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # --- writing ---------------------------------------------------------------------

    def append(self, queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]) -> None:
        """Store events in one transaction; an event whose id is already stored stays unchanged."""
        query_rows, action_rows = (
            [_query_row(event) for event in queries],
            [_action_row(event) for event in actions],
        )
        if query_rows or action_rows:
            with self.engine.begin() as connection:
                insert_new(connection, schema.queries, query_rows)
                insert_new(connection, schema.actions, action_rows)

    def lost(self, counts: Mapping[str, int], at: int) -> None:
        """Add counts of lost events, by reason, to the UTC day of ``at`` (ms)."""
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

    # --- reading ---------------------------------------------------------------------

    def queries(
        self, start: int, end: int, clients: Sequence[str] | None = None, bots: bool = False
    ) -> list[QueryEvent]:
        """Searches in [start, end), oldest first; limited to ``clients`` if given."""
        return [
            to_query(row)
            for row in self._rows(schema.queries, _queries_within(start, end, bots), clients)
        ]

    def each_query(self, start: int, end: int, bots: bool = False) -> Iterator[QueryEvent]:
        """Searches in [start, end), oldest first, streamed: a busy day does not fit in memory."""
        return map(to_query, self._rows(schema.queries, _queries_within(start, end, bots)))

    def actions(
        self,
        start: int,
        end: int,
        clients: Sequence[str] | None = None,
        names: Collection[str] | None = None,
    ) -> list[ActionEvent]:
        """Actions in [start, end), oldest first; limited to ``clients`` and ``names`` if given."""
        table = schema.actions
        condition = _within(table, start, end)
        if names is not None:
            condition &= table.c.action_name.in_(sorted(names))
        return [to_action(row) for row in self._rows(table, condition, clients)]

    def each_action(self, start: int, end: int) -> Iterator[ActionEvent]:
        """Actions in [start, end), oldest first, streamed."""
        return map(to_action, self._rows(schema.actions, _within(schema.actions, start, end)))

    def query(self, query_id: str) -> QueryEvent | None:
        """The search with this id, or None."""
        with self.engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.queries).where(schema.queries.c.query_id == query_id)
                )
                .mappings()
                .first()
            )
        return to_query(row) if row else None

    def action(self, event_id: str) -> ActionEvent | None:
        """The action with this id, or None."""
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
        """Whether the log holds simulated demo data."""
        with self.engine.connect() as connection:
            return (
                connection.execute(
                    select(schema.job_state.c.value).where(schema.job_state.c.name == "demo")
                ).scalar()
                is not None
            )

    def queries_of(self, query_ids: Sequence[str]) -> list[QueryEvent]:
        """The searches with these ids, oldest first."""
        events: list[QueryEvent] = []
        table = schema.queries
        with self.engine.connect() as connection:
            for start in range(0, len(query_ids), ROWS):
                chunk = query_ids[start : start + ROWS]
                events += [
                    to_query(row)
                    for row in connection.execute(
                        select(table).where(table.c.query_id.in_(chunk))
                    ).mappings()
                ]
        return sorted(events, key=lambda event: (event.at, event.query_id))

    def actions_of(self, query_ids: Sequence[str]) -> list[ActionEvent]:
        """Actions on these searches from any client and channel, including linked tickets."""
        actions, links = schema.actions, schema.ticket_links
        found: list[ActionEvent] = []
        with self.engine.connect() as connection:
            for start in range(0, len(query_ids), ROWS):
                chunk = query_ids[start : start + ROWS]
                own = select(actions).where(actions.c.query_id.in_(chunk))
                found += [to_action(row) for row in connection.execute(own).mappings()]
                joined = (
                    select(actions, links.c.query_id.label("linked"))
                    .join(links, links.c.event_id == actions.c.event_id)
                    .where(links.c.query_id.in_(chunk))
                )
                for row in connection.execute(joined).mappings():
                    values = dict(row)
                    linked = values.pop("linked")
                    found.append(to_action(values | {"query_id": linked}))
        return found

    def active_clients(self, since: int) -> list[str]:
        """Ids of clients with a search or an action since ``since`` (ms), sorted."""
        with self.engine.connect() as connection:
            query_clients = select(schema.queries.c.client_id).where(
                schema.queries.c.at >= since, schema.queries.c.client_id.is_not(None)
            )
            action_clients = select(schema.actions.c.client_id).where(
                schema.actions.c.at >= since, schema.actions.c.client_id.is_not(None)
            )
            return sorted(
                {str(name) for (name,) in connection.execute(query_clients.union(action_clients))}
            )

    def losses(self, start_day: str, end_day: str) -> dict[str, int]:
        """Lost events between two days, both included, by reason."""
        table = schema.losses
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table.c.reason, func.sum(table.c.count))
                .where(table.c.day >= start_day, table.c.day <= end_day)
                .group_by(table.c.reason)
            )
            return {str(reason): int(count) for reason, count in rows}

    # --- deletion ------------------------------------------------------------------

    def purge(self, before: int) -> int:
        """Delete events older than ``before`` (ms); returns the number of deleted events.

        What was made of their texts is removed with them.
        """
        with self.engine.begin() as connection:
            return personal_data.purge(connection, before)

    def erase(self, client_id: str) -> int:
        """Delete a visitor's events, episodes and what was made of their texts.

        Returns the number of deleted events. The counts of their days are made again by the next
        run of the job.
        """
        with self.engine.begin() as connection:
            return personal_data.erase_visitor(connection, client_id)

    def _rows(
        self, table: Table, condition: Any, clients: Sequence[str] | None = None
    ) -> Iterable[Any]:
        """Rows by time; limited to ``clients`` if given."""
        return (
            self._every_row(table, condition)
            if clients is None
            else self._rows_of(clients, table, condition)
        )

    def _every_row(self, table: Table, condition: Any) -> Iterator[Any]:
        """Rows by time, fetched in batches of FETCHED."""
        key = next(iter(table.primary_key))
        with self.engine.connect().execution_options(yield_per=FETCHED) as connection:
            yield from connection.execute(
                select(table).where(condition).order_by(table.c.at, key)
            ).mappings()

    def _rows_of(self, clients: Sequence[str], table: Table, condition: Any) -> list[Any]:
        """Rows of some clients by time.

        Sorted in Python: with ORDER BY, SQLite scans the whole log by its time index.
        """
        key = next(iter(table.primary_key))
        rows: list[Any] = []
        with self.engine.connect().execution_options(yield_per=FETCHED) as connection:
            for start in range(0, len(clients), ROWS):
                chunk_condition = condition & table.c.client_id.in_(clients[start : start + ROWS])
                rows += connection.execute(select(table).where(chunk_condition)).mappings()
        return sorted(rows, key=lambda row: (row["at"], row[key.name]))


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


def to_query(row: Any) -> QueryEvent:
    """Convert a row of the table queries to an event."""
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
    """Convert a row of the table actions to an event."""
    values = dict(row)
    return ActionEvent(**values | {"attributes": orjson.loads(values["attributes"])})
