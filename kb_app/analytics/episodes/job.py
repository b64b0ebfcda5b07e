"""The job that turns the log into episodes and daily counts. May be run again at any time: the same log gives the same episodes."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from kb_app.analytics.episodes.outcomes import classify_outcome, to_row
from kb_app.analytics.episodes.task_detection import EPISODE, by_client, group, searches_of_tickets
from kb_app.analytics.event_store import EventStore, to_action
from kb_app.analytics.model import CONTACTS, ActionEvent, Episode
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.reports import rollup
from kb_app.analytics.reports.rollup_job import roll_up
from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new, upsert
from kb_app.durations import HOUR

log = logging.getLogger("kb_app.analytics")
CLIENTS = 400
FAR_FUTURE = 2**62
# What is written behind the response may arrive late.
OVERLAP = HOUR
# A run that says nothing for so long was killed.
STALE_LOCK = HOUR


class JobAlreadyRunningError(Exception):
    """Another process is at it."""


@dataclass(frozen=True)
class JobReport:
    """What a run did."""

    clients: int
    episodes: int
    days: int
    seconds: float


def run(
    store: EventStore, vectors: QuestionVectors, now: int, zone: tzinfo, everything: bool = False
) -> JobReport:
    """Bring episodes and daily counts up to the moment ``now``. Raises JobRunning while another run is at it."""
    started = time.perf_counter()
    with _locked(store, now):
        since = 0 if everything else max(0, _state(store, "episodes_until") - OVERLAP)
        _link_tickets(store, vectors, since, now)
        clients = _clients(store, since, now)
        days = {rollup.day_of(at, zone) for at in _touched(store, since)}
        count = 0
        for start in range(0, len(clients), CLIENTS):
            part = clients[start : start + CLIENTS]
            made = _episodes_of(store, vectors, part, now)
            days |= _replace(store, part, made, zone)
            count += len(made)
        for day in sorted(days):
            roll_up(store, day, zone)
        _remember(store, "episodes_until", now)
    return JobReport(len(clients), count, len(days), round(time.perf_counter() - started, 2))


# --- episodes ----------------------------------------------------------------------------------------------------------------


def _clients(store: EventStore, since: int, now: int) -> list[str]:
    """Clients with anything new, and those whose episodes may still change with time alone."""
    queries, actions, links, episodes = (
        schema.queries,
        schema.actions,
        schema.ticket_links,
        schema.episodes,
    )
    recent = select(actions.c.query_id).where(
        actions.c.at >= since, actions.c.query_id.is_not(None)
    )
    linked = (
        select(links.c.query_id)
        .join(actions, actions.c.event_id == links.c.event_id)
        .where(actions.c.at >= since)
    )
    with store.engine.connect() as connection:
        found = set(store.active_clients(since))
        for ids in (recent, linked):
            found |= {
                str(name)
                for (name,) in connection.execute(
                    select(queries.c.client_id).where(queries.c.query_id.in_(ids))
                )
                if name
            }
        # Of bots and of clients that asked nothing there are no episodes; they cost one look.
        open_ones = select(episodes.c.client_id).where(episodes.c.provisional.is_(True))
        found |= {str(name) for (name,) in connection.execute(open_ones)}
    return sorted(found)


def _episodes_of(
    store: EventStore, vectors: QuestionVectors, clients: Sequence[str], now: int
) -> list[Episode]:
    queries = [query for query in store.queries(0, FAR_FUTURE, clients) if query.at <= now]
    actions = {
        action.event_id: action
        for action in [
            *store.actions(0, FAR_FUTURE, clients),
            *_of_queries(store, [query.query_id for query in queries]),
        ]
    }
    known = [action for action in actions.values() if action.at <= now]
    meaning = vectors.of_events(queries, [action for action in known if not action.query_id])
    made: list[Episode] = []
    for _client, asked, done in by_client(queries, known):
        made += [
            classify_outcome(trail, now, fingerprint=vectors.fingerprint)
            for trail in group(asked, done, meaning)
        ]
    return made


def _of_queries(store: EventStore, query_ids: Sequence[str]) -> list[ActionEvent]:
    """Actions that name these searches, whoever sent them: a ticket's token joins it, by whatever channel it came."""
    actions, links = schema.actions, schema.ticket_links
    found: list[ActionEvent] = []
    with store.engine.connect() as connection:
        for start in range(0, len(query_ids), ROWS):
            part = query_ids[start : start + ROWS]
            found += [
                to_action(row)
                for row in connection.execute(
                    select(actions).where(actions.c.query_id.in_(part))
                ).mappings()
            ]
            joined = (
                select(actions, links.c.query_id.label("linked"))
                .join(links, links.c.event_id == actions.c.event_id)
                .where(links.c.query_id.in_(part))
            )
            for row in connection.execute(joined).mappings():
                values = dict(row)
                linked = values.pop("linked")
                found.append(to_action(values | {"query_id": linked}))
    return found


def _replace(
    store: EventStore, clients: Sequence[str], made: Sequence[Episode], zone: tzinfo
) -> set[str]:
    """Put the episodes of some clients in the place of what was there, at once; returns the days that changed."""
    table, members = schema.episodes, schema.episode_queries
    with store.engine.begin() as connection:
        before = list(
            connection.execute(
                select(table.c.episode_id, table.c.first_at).where(table.c.client_id.in_(clients))
            )
        )
        for start in range(0, len(before), ROWS):
            connection.execute(
                delete(members).where(
                    members.c.episode_id.in_([name for name, _ in before[start : start + ROWS]])
                )
            )
        connection.execute(delete(table).where(table.c.client_id.in_(clients)))
        _insert(connection, table, [dict(to_row(episode)) for episode in made])
        rows = [
            {"query_id": query_id, "episode_id": episode.episode_id}
            for episode in made
            for query_id in episode.query_ids
        ]
        insert_new(connection, members, rows)
    return {rollup.day_of(at, zone) for _, at in before} | {
        rollup.day_of(episode.first_at, zone) for episode in made
    }


def _link_tickets(store: EventStore, vectors: QuestionVectors, since: int, now: int) -> None:
    """Join tickets that came with neither client nor query to the search that they are about."""
    links = schema.ticket_links
    with store.engine.connect() as connection:
        known = {
            str(name): str(query_id)
            for name, query_id in connection.execute(select(links.c.event_id, links.c.query_id))
        }
    begin = max(0, since - EPISODE)
    actions = store.actions(begin, now + 1)
    orphans = [action for action in actions if _is_orphan(action) and action.event_id not in known]
    if not orphans:
        return
    asked = store.queries(min(ticket.at for ticket in orphans) - EPISODE, now + 1)
    found = searches_of_tickets(
        orphans, asked, actions, vectors.of_events(asked, orphans), taken=frozenset(known.values())
    )
    with store.engine.begin() as connection:
        insert_new(
            connection,
            links,
            [{"event_id": event_id, "query_id": query_id} for event_id, query_id in found.items()],
        )


def _is_orphan(action: ActionEvent) -> bool:
    """A contact of which only the words are known."""
    return (
        action.action_name in CONTACTS
        and not action.query_id
        and not action.client_id
        and bool(action.attributes.get("text"))
    )


# --- daily counts -----------------------------------------------------------------------------------------------------------


def _touched(store: EventStore, since: int) -> Iterator[int]:
    """The moments of searches recorded since then, one an hour: the days to count anew."""
    table = schema.queries
    hour = (
        (table.c.at / HOUR).label("hour")
        if store.engine.dialect.name == "postgresql"
        else (table.c.at // HOUR).label("hour")
    )
    with store.engine.connect() as connection:
        for (value,) in connection.execute(select(hour).where(table.c.at >= since).distinct()):
            yield int(value) * HOUR


def _insert(connection: Connection, table: object, rows: Sequence[dict[str, object]]) -> None:
    for start in range(0, len(rows), ROWS):
        connection.execute(insert(table), list(rows[start : start + ROWS]))  # type: ignore[arg-type]


# --- one run at a time --------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(store: EventStore, now: int) -> Iterator[None]:
    """Raises JobRunning while another process holds the lock; one left behind by a killed run is taken over."""
    table = schema.job_state
    clock = int(time.time() * 1000)
    mine = f"{clock} {socket.gethostname()} {os.getpid()} {uuid.uuid4()}"
    try:
        with store.engine.begin() as connection:
            held = connection.execute(select(table.c.value).where(table.c.name == "lock")).scalar()
            if held and clock - int(held.split()[0]) > STALE_LOCK:
                connection.execute(
                    delete(table).where(table.c.name == "lock", table.c.value == held)
                )
            connection.execute(insert(table).values(name="lock", value=mine))
    except IntegrityError as error:
        raise JobAlreadyRunningError(
            "The figures are being worked out by another process; try again when it has ended."
        ) from error
    try:
        yield
    finally:
        with store.engine.begin() as connection:
            connection.execute(delete(table).where(table.c.name == "lock", table.c.value == mine))


def _state(store: EventStore, name: str) -> int:
    with store.engine.connect() as connection:
        value = connection.execute(
            select(schema.job_state.c.value).where(schema.job_state.c.name == name)
        ).scalar()
    return int(value) if value else 0


def _remember(store: EventStore, name: str, value: int) -> None:
    with store.engine.begin() as connection:
        upsert(connection, schema.job_state, {"name": name, "value": str(value)})
